import assert from "node:assert/strict";
import { test } from "node:test";
import { environmentFiles, serviceCommand } from "../../../../src/config/systemd/command.ts";
import { parseEnvironmentFile } from "../../../../src/config/systemd/environment.ts";
import { parseUnit } from "../../../../src/config/systemd/unit.ts";

const FILE = "/etc/systemd/system/k.service";

/** The words of a unit's command. */
function words(service: string, variables = ""): string[] {
  const { words } = serviceCommand(parseUnit(FILE, `[Service]\n${service}`), [
    parseEnvironmentFile("/e", variables),
  ]);
  return words.map(({ text }) => text);
}

test("the command's words have their places, on continued lines too", () => {
  const text = `[Unit]
Description=x
ExecStart=/no
[Service]
; a comment
ExecStart=/usr/bin/kubelet --a=1 \\
# not part of it
  --b "c d" \\
  --e
`;
  const { words, directory, doubts } = serviceCommand(parseUnit(FILE, text), []);
  assert.deepEqual(
    words.map(({ text, origin }) => [text, origin.line, origin.column]),
    [
      ["/usr/bin/kubelet", 6, 11],
      ["--a=1", 6, 28],
      ["--b", 8, 3],
      ["c d", 8, 7],
      ["--e", 9, 3],
    ],
  );
  assert.deepEqual([directory, doubts], ["/", []]);
  assert.equal(words[0]?.origin.file, FILE);
});

test("a variable is as many words as it has where it stands alone, and one value in a word", () => {
  const variables = "A=x  'y z'\nB=x  y\n";
  assert.deepEqual(words(`ExecStart=/k $A $B $NONE b\${B}c \${NONE} $$A a$B`, variables), [
    "/k",
    "x",
    "y z",
    "x",
    "y",
    "bx  yc",
    "",
    "$A",
    "a$B",
  ]);
  assert.deepEqual(words(`ExecStart=:/k $A \${B}`, variables), ["/k", "$A", `\${B}`]);
});

test("words of variables stand where the variables are set", () => {
  const unit = parseUnit(FILE, `[Service]\nEnvironment="A=1 2" B=3\nExecStart=/k $A $B \${C}\n`);
  const { words } = serviceCommand(unit, [parseEnvironmentFile("/e", "# c\nB=4\nC=5\n")]);
  assert.deepEqual(
    words.map(({ text, origin }) => [text, origin.file, origin.line]),
    [
      ["/k", FILE, 3],
      ["1", FILE, 2],
      ["2", FILE, 2],
      ["4", "/e", 2],
      ["5", "/e", 3],
    ],
  );
});

test("an empty assignment takes back what stands before it", () => {
  assert.deepEqual(words("ExecStart=/a\nExecStart=\nExecStart=/b\n"), ["/b"]);
  assert.deepEqual(words(`Environment=A=1\nEnvironment=\nExecStart=/k \${A}x\n`), ["/k", "x"]);
  assert.deepEqual(words("ExecStart=/a\nExecStart=\n"), []);
  const unit = parseUnit(FILE, "[Service]\nEnvironmentFile=/a\nEnvironmentFile=\nEnvironmentFile=-/b\n");
  assert.deepEqual(environmentFiles(unit), [
    { path: "/b", isOptional: true, origin: { file: FILE, line: 4, column: 17 } },
  ]);
});

test("quotes, escapes and marks of the program", () => {
  assert.deepEqual(words(String.raw`ExecStart=-/k a\x20b 'c "d' "e\tf" g"h i" \; j`), [
    "/k",
    "a b",
    'c "d',
    "e\tf",
    "gh i",
    ";",
    "j",
  ]);
  assert.deepEqual(words("ExecStart=@/k name a\n"), ["/k", "a"]);
  assert.deepEqual(words("ExecStart=/k 100%%\n"), ["/k", "100%"]);
});

test("what files cannot tell is told", () => {
  const doubts = (service: string): string[] =>
    serviceCommand(parseUnit(FILE, `[Service]\n${service}`), []).doubts.map(({ reason }) => reason);
  assert.deepEqual(doubts("ExecStart=/k --node=%H\n"), ["%H stands for something of the machine"]);
  assert.deepEqual(doubts("ExecStart=/k a ; /l\n"), ["several commands"]);
  assert.deepEqual(doubts("ExecStart=/k\nExecStart=/l\n"), ["several commands"]);
  assert.deepEqual(doubts('ExecStart=/k "a\n'), ["a command with a broken quote or escape"]);
  assert.deepEqual(doubts("Environment='A\nExecStart=/k\n"), ["an assignment of variables that is broken"]);
  assert.deepEqual(doubts('Environment="A=\'x"\nExecStart=/k $A\n'), ["the variable A has a broken quote"]);
});

test("files of variables are read as systemd reads them", () => {
  const text = `# comment
; comment
A=plain value  \t
B="double \\"q\\" \\$ \\n"   'and single'
C='single \\ "'
D = spaced
E=
F=a\\
b
G=a"b c"
not a variable
1H=x
A=later
I="two
lines"
J=größe\r
K=end`;
  const variables = parseEnvironmentFile("/e", text);
  assert.deepEqual(
    [...variables].map(([name, { value, origin }]) => [name, value, origin.line]),
    [
      ["A", "later", 13],
      ["B", 'double "q" $ \\nand single', 4],
      ["C", 'single \\ "', 5],
      ["D", "spaced", 6],
      ["E", "", 7],
      ["F", "ab", 8],
      ["G", 'a"b c"', 10],
      ["I", "two\nlines", 14],
      ["J", "größe", 16],
      ["K", "end", 17],
    ],
  );
});

test("a command of very many lines has its places", { timeout: 60_000 }, () => {
  const unit = parseUnit(FILE, `[Service]\nExecStart=/k ${"a \\\n".repeat(200_000)}end\n`);
  const { words } = serviceCommand(unit, []);
  assert.equal(words.length, 200_002);
  assert.deepEqual(words.at(-1), { text: "end", origin: { file: FILE, line: 200_002, column: 1 } });
});

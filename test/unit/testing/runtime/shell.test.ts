import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPrograms } from "../../../../src/testing/runtime/programs.ts";
import { run } from "./run.ts";

for (const [script, stdout, stderr, exitCode] of [
  ["", "", "", 0],
  ['echo a  \'b  c\' "d \\" e" f\\ g', 'a b  c d " e f g\n', "", 0],
  ["echo 'a'\"b\"c", "abc\n", "", 0],
  ["echo 'größe \u{1f6a2}'", "größe \u{1f6a2}\n", "", 0],
  ["echo a; echo b\necho c", "a\nb\nc\n", "", 0],
  ["true && echo yes || echo no", "yes\n", "", 0],
  ["false && echo yes || echo no", "no\n", "", 0],
  ["false || echo no", "no\n", "", 0],
  ["true || echo no", "", "", 0],
  ["echo out; echo err >&2; echo more 1>&2", "out\n", "err\nmore\n", 0],
  ["exit 300", "", "", 44],
  ["false; exit", "", "", 1],
  ["exit 3; echo never", "", "", 3],
  ["true; false", "", "", 1],
  ["nowhere", "", "sh: nowhere: not found\n", 127],
  ["constructor", "", "sh: constructor: not found\n", 127],
  ["/bin/echo -n x", "x", "", 0],
  ["sh -c 'echo inner; exit 4'", "inner\n", "", 4],
] as const) {
  test(`sh -c ${JSON.stringify(script)}`, async () => {
    const outcome = await run(defaultPrograms(), ["sh", "-c", script]);
    assert.deepEqual(outcome, { stdout, stderr, exitCode });
  });
}

for (const script of [
  "echo $HOME",
  "a | b",
  "echo *",
  "echo `x`",
  "sleep 1 &",
  "cat < x",
  "echo > x",
  "(true)",
  "'open",
  '"$x"',
]) {
  test(`sh -c ${JSON.stringify(script)} is more than is understood, and runs nothing`, async () => {
    const outcome = await run(defaultPrograms(), ["sh", "-c", script]);
    assert.equal(outcome.exitCode, 2);
    assert.equal(outcome.stdout, "");
    assert.match(outcome.stderr, /more than the test runtime understands/);
  });
}

test("a script on stdin runs line by line, cut anywhere", async () => {
  const text = "echo 'größe'\nfalse\nexit 6\necho never\n";
  const bytes = Buffer.from(text);
  for (const size of [1, 2, 7, bytes.length]) {
    const parts = [];
    for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
    const outcome = await run(defaultPrograms(), ["sh"], { stdin: parts });
    assert.deepEqual(outcome, { stdout: "größe\n", stderr: "", exitCode: 6 });
  }
});

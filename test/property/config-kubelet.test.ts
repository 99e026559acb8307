import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseJsonData } from "../../src/config/data/json.ts";
import { type DataNode, plainData } from "../../src/config/data/tree.ts";
import { parseYamlData } from "../../src/config/data/yaml.ts";
import { ConfigError } from "../../src/config/errors.ts";
import { parseKubeletConfig } from "../../src/config/kubelet/parse.ts";
import { environmentFiles, serviceCommand } from "../../src/config/systemd/command.ts";
import { parseEnvironmentFile } from "../../src/config/systemd/environment.ts";
import { parseUnit } from "../../src/config/systemd/unit.ts";
import { splitWords } from "../../src/config/systemd/words.ts";
import { property } from "./runs.ts";

const VALID = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
maxPods: 50
featureGates: &g {A: true, "B": false}
clusterDNS:
- 10.0.0.10
- 'fd00::a'
logging: {verbosity: 2, flushFrequency: 5s}
other: *g
syncFrequency: 1m0s
`;

const put = fc.oneof(
  fc.string({ unit: "binary", maxLength: 4 }),
  fc.constantFrom(
    "\n",
    ": ",
    "- ",
    "? ",
    "[",
    "{",
    "&a ",
    "*a",
    "*g",
    "!!str ",
    "|\n ",
    "<<: *g\n",
    "null",
    "---\n",
    "0x",
    "1e",
    "}",
  ),
);

/** A text with some of its parts replaced. */
function mutated(text: string): fc.Arbitrary<string> {
  return fc
    .array(fc.tuple(fc.nat(text.length), fc.nat(12), put), { minLength: 1, maxLength: 3 })
    .map((changes) =>
      changes.reduce(
        (given, [at, length, part]) => given.slice(0, at) + part + given.slice(at + length),
        text,
      ),
    );
}

/** Runs something that may refuse, with the module's errors only. */
async function refusesOrGives(run: () => unknown): Promise<void> {
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.code, /^ERR_CONFIG_/);
  }
}

test("any text of a configuration and of a drop-in is read or refused with a code", async () => {
  const text = fc.oneof(mutated(VALID), fc.string({ unit: "binary" }), fc.json());
  await fc.assert(
    fc.asyncProperty(text, text, async (main, dropIn) => {
      await refusesOrGives(() => parseKubeletConfig({ main: { path: "/c", text: main } }));
      await refusesOrGives(() =>
        parseKubeletConfig({
          main: { path: "/c", text: VALID },
          dropIns: [{ path: "/d", text: dropIn }],
        }),
      );
    }),
    property,
  );
});

test("any command line is read or refused with a code", async () => {
  const word = fc.oneof(
    fc.string(),
    fc
      .tuple(
        fc.constantFrom(
          "--max-pods",
          "--feature-gates",
          "--cluster-dns",
          "--seccomp-default",
          "-v",
          "--config",
          "--x",
        ),
        fc.constantFrom("", "="),
        fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom("1", "A=true", 'a,"b"', "0x7", "08", "true")),
      )
      .map((parts) => parts.join("")),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (words) => {
      await refusesOrGives(() => parseKubeletConfig({}, { command: words.map((text) => ({ text })) }));
    }),
    property,
  );
});

test("any unit and any file of variables is read", () => {
  const unit = mutated(
    `[Service]\nEnvironment="A=x y" B=z\nEnvironmentFile=-/e\nExecStart=/k $A \${B} \\\n "c\\x20d"\n`,
  );
  fc.assert(
    fc.property(
      fc.oneof(unit, fc.string({ unit: "binary" })),
      mutated("A=\"b c\"\n# d\nE='f\\g'\n"),
      (text, variables) => {
        const entries = parseUnit("/u", text);
        for (const { path } of environmentFiles(entries)) assert.equal(typeof path, "string");
        const { words } = serviceCommand(entries, [parseEnvironmentFile("/e", variables)]);
        for (const { origin } of words) assert.ok(origin.line >= 1 && origin.column >= 1);
      },
    ),
    property,
  );
});

test("a word in quotes is itself again", () => {
  const plain = fc.string({ unit: "grapheme" }).filter((text) => !/["\\]/.test(text));
  fc.assert(
    fc.property(fc.array(plain), (texts) => {
      const line = texts.map((text) => `"${text}"`).join(" ");
      assert.deepEqual(
        splitWords(line, { escapes: "c" })?.map(({ text }) => text),
        texts,
      );
    }),
    property,
  );
});

test("JSON is the same data read as JSON and as YAML, with the same places", async () => {
  const value = fc.jsonValue({ noUnicodeString: false, maxDepth: 4 });
  await fc.assert(
    fc.asyncProperty(value, fc.constantFrom(0, 2), async (given, indent) => {
      const text = JSON.stringify(given, null, indent);
      // The YAML of that library has no such characters as they are, and no minus before nothing.
      fc.pre(!/[\u0085\u2028\u2029\ufeff\u007f-\u009f]|-0/.test(text));
      const { root } = parseJsonData("/f", text);
      assert.deepEqual(JSON.parse(JSON.stringify(plainData(root))), JSON.parse(text));
      const [document] = await parseYamlData("/f", text);
      assert.ok(document);
      const places = (node: DataNode): unknown[] => [
        node.origin.line,
        node.origin.column,
        ...(node.kind === "object" ? [...node.members.values()].map(places) : []),
        ...(node.kind === "list" ? node.items.map(places) : []),
      ];
      assert.deepEqual(places(document.root), places(root));
      // A float may be written in another way, and is the same.
      assert.deepEqual(plainData(document.root), plainData(root));
    }),
    property,
  );
});

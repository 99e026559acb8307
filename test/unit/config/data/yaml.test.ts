import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJsonData } from "../../../../src/config/data/json.ts";
import { plainData } from "../../../../src/config/data/tree.ts";
import { parseYamlData } from "../../../../src/config/data/yaml.ts";

async function first(text: string): Promise<unknown> {
  const [document] = await parseYamlData("/f", text);
  return document ? JSON.parse(JSON.stringify(plainData(document.root))) : undefined;
}

/** What sigs.k8s.io/yaml 1.6.0 makes of plain scalars. */
const SCALARS: readonly (readonly [text: string, value: unknown])[] = [
  ["y", true],
  ["Yes", true],
  ["yEs", "yEs"],
  ["ON", true],
  ["n", false],
  ["Off", false],
  ["tRUE", "tRUE"],
  ["~", null],
  ["Null", null],
  ["nULL", "nULL"],
  ["00", 0],
  ["007", 7],
  ["08", 8],
  ["0o17", 15],
  ["0O7", 7],
  ["0X1f", 31],
  ["-0x1", -1],
  ["+5", 5],
  ["1_000", 1000],
  ["_1", "_1"],
  ["1_", 1],
  ["0b11", 3],
  ["-0b11", -3],
  ["0b2", "0b2"],
  ["5.", 5],
  [".5", 0.5],
  ["+.5", 0.5],
  ["1e3", 1000],
  ["1E-3", 0.001],
  ["1_0.5", 10.5],
  ["._5", "._5"],
  ["1:30", "1:30"],
  ["2001-01-01", "2001-01-01"],
  ["1.2.3", "1.2.3"],
  ["1e400", "1e400"],
  ["0x", "0x"],
  ["+", "+"],
  ["..", ".."],
  ["=", "="],
  ["+y", "+y"],
];

test("plain scalars are what they are to the library of Kubernetes", async () => {
  for (const [text, value] of SCALARS) assert.deepEqual(await first(`k: ${text}\n`), { k: value }, text);
  for (const text of ["'yes'", '"5"', "!!str yes", "! 5", "|-\n  yes"]) {
    assert.equal(typeof ((await first(`k: ${text}\n`)) as { k: unknown }).k, "string", text);
  }
});

test("keys that are no texts are written out", async () => {
  const text = "yes: 1\n1: 2\n0x10: 3\n~x: 4\n";
  assert.deepEqual(await first(text), { true: 1, "1": 2, "16": 3, "~x": 4 });
  for (const key of ["null", "1.5", "1e3", ".inf", "9223372036854775808", "[a]", "{a: b}"]) {
    await assert.rejects(first(`? ${key}\n: v\n`), { code: "ERR_CONFIG_SYNTAX" }, key);
  }
});

test("merge keys and later members count in the order of the text", async () => {
  assert.deepEqual(await first("x: &x {m: 1, a: 9}\n<<: *x\nm: 2\n"), { x: { m: 1, a: 9 }, m: 2, a: 9 });
  assert.deepEqual(await first("x: &x {m: 1}\nm: 2\n<<: *x\n"), { x: { m: 1 }, m: 1 });
  assert.deepEqual(await first("x: &x {m: 1}\n<<: [*x, {m: 2, k: 3}]\n"), { x: { m: 1 }, m: 1, k: 3 });
  for (const text of ["<<: 1\n", "<<: [1]\n", "<<: [[{a: 1}]]\n", "<<: *x\n", "a: &a {<<: *a}\n"]) {
    await assert.rejects(first(text), { code: "ERR_CONFIG_SYNTAX" }, text);
  }
});

test("what stands behind the first document counts only where it is asked for", async () => {
  const text = "a: 1\n---\nb: *none\n";
  await assert.rejects(parseYamlData("/f", text), { code: "ERR_CONFIG_SYNTAX" });
  const [one, two] = await parseYamlData("/f", text, { isFirstOnly: true });
  assert.deepEqual(one && JSON.stringify(plainData(one.root)), '{"a":1}');
  assert.deepEqual([two?.root.kind, two?.root.origin.line], ["null", 2]);
});

test("keys that stand twice are told with the value before", async () => {
  const yaml = await parseYamlData("/f", "a: 1\nb: {c: 1, c: 2}\na: 3\n");
  const json = parseJsonData("/f", '{"a": 1,\n"b": {"c": 1, "c": 2},\n"a": 3}');
  for (const [name, document] of [
    ["yaml", yaml[0]],
    ["json", json],
  ] as const) {
    assert.deepEqual(
      document?.duplicates.map(({ key, path, origin, earlier }) => [
        key,
        path,
        origin.line,
        plainData(earlier),
      ]),
      [
        ["b.c", ["b", "c"], 2, 1],
        ["a", ["a"], 3, 1],
      ],
      name,
    );
  }
});

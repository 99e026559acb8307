import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../../src/config/errors.ts";
import { parseRuntimeClasses } from "../../../src/config/parse-runtime-classes.ts";

const FILE = "/classes.yaml";

function object(name: string, handler: string): string {
  return `apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: ${name}\nhandler: ${handler}\n`;
}

async function handlers(text: string): Promise<[name: string, handler: string, line: number | undefined][]> {
  const classes = await parseRuntimeClasses(FILE, text);
  for (const [name, each] of classes) assert.equal(each.name, name);
  return [...classes.values()].map(({ name, handler, origin }) => [name, handler, origin?.line]);
}

async function refusal(text: string): Promise<[code: string, key: string | undefined]> {
  try {
    await parseRuntimeClasses(FILE, text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return [error.code, error.key];
  }
  assert.fail("not refused");
}

test("documents of objects are read, and those of other kinds passed over", async () => {
  const text = `${object("gvisor", "runsc")}overhead:\n  podFixed: {cpu: 250m}\n---\n---\napiVersion: v1\nkind: Pod\nhandler: 1
---\napiVersion: other.io/v1\nkind: RuntimeClass\n---\n${object("kata.fast", "kata-qemu")}`;
  assert.deepEqual(await handlers(text), [
    ["gvisor", "runsc", 5],
    ["kata.fast", "kata-qemu", 21],
  ]);
  assert.deepEqual(await handlers(""), []);
});

test("lists of kubectl and of the API are read, in JSON too", async () => {
  const item = { apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name: "a" }, handler: "b" };
  assert.deepEqual(await handlers(JSON.stringify({ apiVersion: "v1", kind: "List", items: [item] })), [
    ["a", "b", 1],
  ]);
  assert.deepEqual(await handlers(JSON.stringify([item])), [["a", "b", 1]]);
  const { apiVersion: _, kind: __, ...bare } = item;
  const typed = { apiVersion: "node.k8s.io/v1", kind: "RuntimeClassList", items: [bare] };
  assert.deepEqual(await handlers(JSON.stringify(typed)), [["a", "b", 1]]);
  assert.deepEqual(await handlers(JSON.stringify({ ...typed, items: null })), []);
});

test("older versions are read in their own form", async () => {
  const old =
    "apiVersion: node.k8s.io/v1alpha1\nkind: RuntimeClass\nmetadata: {name: a}\nspec: {runtimeHandler: b}\n";
  assert.deepEqual(await handlers(old), [["a", "b", 4]]);
  assert.deepEqual(await handlers(object("a", "b").replace("/v1\n", "/v1beta1\n")), [["a", "b", 5]]);
  assert.deepEqual(await refusal(object("a", "b").replace("/v1\n", "/v2\n")), [
    "ERR_CONFIG_VERSION",
    "apiVersion",
  ]);
});

test("names and handlers that an API server refuses are refused", async () => {
  for (const handler of ["''", "Runc", "a_b", "-a", "a-", "a.b", "größe", "x".repeat(64), '"a\\n"']) {
    assert.deepEqual(await refusal(object("a", handler)), ["ERR_CONFIG_INVALID", "handler"], handler);
  }
  for (const name of ["''", "A", "a..b", ".a", "a.", "x/y", "a.".repeat(130)]) {
    assert.deepEqual(await refusal(object(name, "b")), ["ERR_CONFIG_INVALID", "metadata.name"], name);
  }
  assert.deepEqual(await refusal(object("a", "1")), ["ERR_CONFIG_TYPE", "handler"]);
  assert.deepEqual(await refusal(object("a", "b").replace(/handler.*/, "")), [
    "ERR_CONFIG_INVALID",
    "handler",
  ]);
  assert.deepEqual(await handlers(object(`${"x".repeat(63)}.y`, "x".repeat(63))), [
    [`${"x".repeat(63)}.y`, "x".repeat(63), 5],
  ]);
});

test("two classes with one name, keys that stand twice and broken texts are refused", async () => {
  const twice = `${object("a", "b")}---\n${object("a", "c")}`;
  assert.deepEqual(await refusal(twice), ["ERR_CONFIG_INVALID", "metadata.name"]);
  assert.deepEqual(await refusal(`${object("a", "b")}handler: c\n`), ["ERR_CONFIG_SYNTAX", "handler"]);
  for (const [text, code] of [
    ["{", "ERR_CONFIG_SYNTAX"],
    ["a: [", "ERR_CONFIG_SYNTAX"],
    ["text", "ERR_CONFIG_TYPE"],
    ["- text", "ERR_CONFIG_TYPE"],
    ["kind: List\nitems: 1\n", "ERR_CONFIG_TYPE"],
    ["- a: 1\n".repeat(10_001), "ERR_CONFIG_TOO_LARGE"],
  ] as const) {
    assert.equal((await refusal(text))[0], code, text.slice(0, 30));
  }
});

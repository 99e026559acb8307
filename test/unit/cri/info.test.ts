import assert from "node:assert/strict";
import { test } from "node:test";
import { readContainerInfo } from "../../../src/cri/index.ts";

const read = (text: string, options?: { maxBytes: number }) =>
  readContainerInfo({ info: { info: text } }, options);

test("the common members of containerd and CRI-O", () => {
  const info = read(
    '{"sandboxID":"abc","pid":4711,"removing":false,"snapshotKey":"k",' +
      '"runtimeSpec":{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ERRNO"},"resources":{"memory":{"limit":9223372036854771712}}}}}',
  );
  assert.equal(info.sandboxId, "abc");
  assert.equal(info.pid, 4711);
  assert.deepEqual(info.runtimeSpec, {
    linux: {
      seccomp: { defaultAction: "SCMP_ACT_ERRNO" },
      resources: { memory: { limit: 9223372036854771712n } },
    },
  });
  assert.equal(info.raw["snapshotKey"], "k");
});

test("members may be absent or null", () => {
  assert.deepEqual(read("{}"), { raw: {} });
  assert.deepEqual(read('{"pid":null,"runtimeSpec":null}'), { raw: { pid: null, runtimeSpec: null } });
});

test("a member called __proto__ pollutes nothing", () => {
  const { raw, runtimeSpec } = read('{"runtimeSpec":{"__proto__":{"linux":{}}},"__proto__":{"pid":1}}');
  assert.equal(runtimeSpec?.["linux"], undefined);
  assert.equal(Object.getPrototypeOf(raw), Object.prototype);
  assert.equal(({} as Record<string, unknown>)["pid"], undefined);
});

for (const [name, text] of [
  ["an error text in place of JSON", "failed to marshal info"],
  ["an empty text", ""],
  ["an array", "[]"],
  ["a number", "5"],
  ["a repeated member", '{"runtimeSpec":{},"runtimeSpec":{"linux":{}}}'],
  ["a repeated member deep inside", '{"runtimeSpec":{"linux":{"seccomp":1,"seccomp":2}}}'],
  ["a runtimeSpec that is text", '{"runtimeSpec":"{}"}'],
  ["a pid that is text", '{"pid":"1"}'],
  ["a negative pid", '{"pid":-1}'],
  ["a pid out of range", '{"pid":2147483648}'],
  ["a sandbox id that is a number", '{"sandboxID":5}'],
  ["nesting without end", "[".repeat(100_000)],
  ["text after the value", "{} {}"],
] as const) {
  test(`verbose information is refused: ${name}`, () => {
    assert.throws(() => read(text), { name: "CriError", code: "ERR_CRI_INFO_INVALID" });
  });
}

test("an answer without verbose information is refused", () => {
  for (const info of [{}, { config: "{}" }, Object.create({ info: "{}" })]) {
    assert.throws(() => readContainerInfo({ info }), { code: "ERR_CRI_INFO_INVALID" });
  }
});

test("the limit counts bytes", () => {
  assert.equal(read('{"a":"é"}', { maxBytes: 10 }).raw["a"], "é");
  assert.throws(() => read('{"a":"é"}', { maxBytes: 9 }), { code: "ERR_CRI_INFO_INVALID" });
});

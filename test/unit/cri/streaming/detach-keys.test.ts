import assert from "node:assert/strict";
import { test } from "node:test";
import { createDetachFilter, parseDetachKeys } from "../../../../src/cri/streaming/detach-keys.ts";

test("keys as docker and crictl name them", () => {
  for (const [text, ...bytes] of [
    ["ctrl-p,ctrl-q", 16, 17],
    ["ctrl-a,ctrl-z", 1, 26],
    ["ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", 0, 27, 28, 29, 30, 31],
    ["DEL", 127],
    ["a,B, ,~", 97, 66, 32, 126],
  ] as const) {
    assert.deepEqual(parseDetachKeys(text), Uint8Array.from(bytes), text);
  }
  for (const text of ["", ",", "ctrl-", "ctrl-A", "ctrl-1", "CTRL-a", "ab", "a,", "\u00e9", "\n", "del"]) {
    assert.throws(() => parseDetachKeys(text), { code: "ERR_CRI_CONFIG_INVALID" }, text);
  }
});

/** What passes, piece by piece, with `!` where the keys were pressed, and what the end gives back. */
function run(keys: string, ...pieces: string[]): string[] {
  const filter = createDetachFilter(Buffer.from(keys));
  const passed = pieces.map((piece) => {
    const { pass, detached } = filter.push(Buffer.from(piece));
    return Buffer.from(pass).toString() + (detached ? "!" : "");
  });
  return [...passed, Buffer.from(filter.end()).toString()];
}

test("the keys are found over pieces, and what only begins like them passes", () => {
  assert.deepEqual(run("pq", "xpqy"), ["x!", ""]);
  assert.deepEqual(run("pq", "x", "p", "q"), ["x", "", "!", ""]);
  assert.deepEqual(run("pq", "p", "x"), ["", "px", ""]);
  assert.deepEqual(run("pq", "p", "", "p"), ["", "", "p", "p"]);
  assert.deepEqual(run("pq", "pppq"), ["pp!", ""]);
  assert.deepEqual(run("aab", "aa", "ab"), ["", "a!", ""]);
  assert.deepEqual(run("abac", "aba", "bac"), ["", "ab!", ""]);
  assert.deepEqual(run("aaaa", "aaa", "x", "aaaa"), ["", "aaax", "!", ""]);
  assert.deepEqual(run("p", "abp"), ["ab!", ""]);
});

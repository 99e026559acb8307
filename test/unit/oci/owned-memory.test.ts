import assert from "node:assert/strict";
import { test } from "node:test";
import { allocateOwned, giveBack, isOwned } from "../../../src/oci/owned-memory.ts";

test("memory that was made for it is given back with all its views, once", () => {
  const bytes = allocateOwned(100);
  const view = bytes.subarray(10, 20);
  assert.equal(bytes.buffer.byteLength, 100);
  assert.ok(isOwned(bytes) && isOwned(view));
  giveBack(view);
  assert.equal(bytes.byteLength, 0);
  assert.equal(view.byteLength, 0);
  assert.ok(!isOwned(bytes));
  giveBack(bytes);
});

test("the memory of anybody else is left alone", () => {
  for (const bytes of [new Uint8Array(100), Buffer.from("from a pool"), Buffer.alloc(0)]) {
    const before = bytes.byteLength;
    giveBack(bytes);
    assert.ok(!isOwned(bytes));
    assert.equal(bytes.byteLength, before);
  }
});

import assert from "node:assert/strict";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { asError, createFlowGate } from "../../../../src/cri/streaming/flow.ts";

function gateWithLog() {
  const log: string[] = [];
  const gate = createFlowGate({ pause: () => void log.push("pause"), resume: () => void log.push("resume") });
  return { gate, log };
}

test("the source is paused while any stream is full, and resumed once", async () => {
  const { gate, log } = gateWithLog();
  const [first, second] = [gate.open(4), gate.open(4)];
  first.push(Buffer.from("abc"));
  assert.deepEqual(log, []);
  first.push(Buffer.from("def"));
  second.push(Buffer.from("abcdef"));
  second.push(Buffer.from("g"));
  assert.deepEqual([log, gate.isPaused()], [["pause"], true]);
  first.end();
  assert.equal((await buffer(first.readable)).toString(), "abcdef");
  assert.deepEqual(log, ["pause"]);
  second.end();
  assert.equal((await buffer(second.readable)).toString(), "abcdefg");
  assert.deepEqual([log, gate.isPaused()], [["pause", "resume"], false]);
});

test("a stream that is destroyed takes nothing and holds nothing up", () => {
  const { gate, log } = gateWithLog();
  const stream = gate.open(1);
  stream.push(Buffer.from("abc"));
  stream.readable.destroy();
  for (let count = 0; count < 10; count++) stream.push(Buffer.alloc(1000));
  stream.end();
  stream.fail(new Error("late"));
  assert.deepEqual(log, ["pause", "resume"]);
  assert.equal(stream.readable.errored, null);
});

test("a stream that breaks off says why, and an end stays an end", async () => {
  const { gate } = gateWithLog();
  const [broken, ended] = [gate.open(10), gate.open(10)];
  const reason = new Error("enough");
  broken.fail(reason);
  await assert.rejects(buffer(broken.readable), (error) => error === reason);
  ended.push(Buffer.from("all"));
  ended.push(new Uint8Array());
  ended.end();
  ended.push(Buffer.from("more"));
  ended.fail(reason);
  assert.equal((await buffer(ended.readable)).toString(), "all");
});

test("a reason that is no error is kept as the cause of one", () => {
  const error = new Error("x");
  assert.equal(asError(error), error);
  assert.equal(asError("why").cause, "why");
  assert.ok(asError(undefined) instanceof Error);
});

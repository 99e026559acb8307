import assert from "node:assert/strict";
import { test } from "node:test";
import {
  joinLogLines,
  type LogEntry,
  type LogLine,
  logText,
  parseLogEntry,
} from "../../../../src/cri/index.ts";

const second = (at: number) => `2024-01-01T00:00:${String(at).padStart(2, "0")}Z`;

/** Entries from texts such as `out P abc`, one a second. */
function entriesOf(...texts: (string | Uint8Array)[]): LogEntry[] {
  return texts.map((text, at) =>
    parseLogEntry(Buffer.concat([Buffer.from(`${second(at)} std`), Buffer.from(text), Buffer.from("\n")])),
  );
}

async function* batchesOf(...batches: LogEntry[][]): AsyncGenerator<LogEntry[], void> {
  yield* batches;
}

async function linesOf(entries: LogEntry[][], maxLineBytes?: number): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const batch of joinLogLines(batchesOf(...entries), { maxLineBytes })) lines.push(...batch);
  return lines;
}

const show = (lines: readonly LogLine[]) =>
  lines.map((line) => `${line.stream} ${line.timestamp.slice(17, 19)} ${line.ending} ${logText(line)}`);

test("parts are joined for each stream on its own", async () => {
  const entries = entriesOf("out P a", "err P x", "out P b", "err F y", "out F c", "out F d");
  const expected = ["stderr 01 line xy", "stdout 00 line abc", "stdout 05 line d"];
  assert.deepEqual(show(await linesOf([entries])), expected);
  assert.deepEqual(show(await linesOf(entries.map((entry) => [entry]))), expected);
});

test("a line whose end never came is marked", async () => {
  const lines = await linesOf([entriesOf("err P x", "out F a", "out P b", "err P y")]);
  assert.deepEqual(show(lines), ["stdout 01 line a", "stderr 00 open xy", "stdout 02 open b"]);
});

test("an empty end completes a line, and empty lines are lines", async () => {
  const lines = await linesOf([entriesOf("out P a", "out F ", "out F ", "out P ")]);
  assert.deepEqual(show(lines), ["stdout 00 line a", "stdout 02 line ", "stdout 03 open "]);
});

test("a character that was split is whole in the line", async () => {
  const [head, tail] = [Buffer.from([0xf0, 0x9f]), Buffer.from([0x90, 0xb3])];
  const entries = entriesOf(
    Buffer.concat([Buffer.from("out P "), head]),
    "err P -",
    Buffer.concat([Buffer.from("out F "), tail]),
  );
  assert.equal(logText((await linesOf([entries]))[0] as LogLine), "\u{1f433}");
  assert.equal(logText(entries[0] as LogEntry), "\ufffd");
});

test("a line over the limit comes in several, each marked", async () => {
  const entries = [entriesOf("out P abcde", "out P fg", "out F hij", "out F ok")];
  assert.deepEqual(show(await linesOf(entries, 4)), [
    "stdout 00 cut abcd",
    "stdout 00 cut efgh",
    "stdout 02 line ij",
    "stdout 03 line ok",
  ]);
});

test("a line of exactly the limit is whole", async () => {
  const entries = [entriesOf("out P ab", "out F cd", "out F abcd", "out P abcd")];
  assert.deepEqual(show(await linesOf(entries, 4)), [
    "stdout 00 line abcd",
    "stdout 02 line abcd",
    "stdout 03 open abcd",
  ]);
});

test("many small parts are held in no more than the line needs", async () => {
  let largest = 0;
  async function* parts() {
    // Each part is a view of a block of its own, as after a read.
    for (let at = 0; at < 5000; at++) {
      const [part] = entriesOf("out P x");
      const block = new Uint8Array(100_000);
      yield [{ ...(part as LogEntry), content: block.subarray(7, 8) }];
      if (at % 500 === 0) largest = Math.max(largest, process.memoryUsage().arrayBuffers);
    }
  }
  globalThis.gc?.();
  const before = process.memoryUsage().arrayBuffers;
  for await (const [line] of joinLogLines(parts())) assert.equal(line?.content.byteLength, 5000);
  assert.ok(largest - before < 300e6, `${largest - before} bytes held`);
});

test("the entries are released when the lines are left, also while they wait", async () => {
  let released = 0;
  const endless: AsyncIterableIterator<LogEntry[], void> = {
    next: () => new Promise(() => {}),
    return: async () => {
      released++;
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  const lines = joinLogLines(endless);
  void lines.next();
  await lines.return?.();
  assert.equal(released, 1);
  assert.deepEqual(await lines.next(), { done: true, value: undefined });
});

test("an error of the entries comes through, and the lines are at their end", async () => {
  async function* failing() {
    yield entriesOf("out F a");
    throw new Error("broke");
  }
  const lines = joinLogLines(failing());
  assert.equal((await lines.next()).done, false);
  await assert.rejects(lines.next(), /broke/);
  assert.deepEqual(await lines.next(), { done: true, value: undefined });
});

test("answers come in the order of the questions", async () => {
  const lines = joinLogLines(batchesOf(entriesOf("out P a"), entriesOf("out F b"), entriesOf("out F c")));
  const answers = await Promise.all([lines.next(), lines.next(), lines.next()]);
  assert.deepEqual(
    answers.map(({ value }) => (value ? show(value) : [])),
    [["stdout 00 line ab"], ["stdout 00 line c"], []],
  );
});

test("a limit that holds nothing is a mistake", () => {
  for (const maxLineBytes of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => joinLogLines(batchesOf(), { maxLineBytes }), RangeError);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { rotatedNames } from "../../../../src/cri/logs/rotated.ts";
import { findTail } from "../../../../src/cri/logs/tail.ts";

/** The start of the last entries of a text, read in blocks of a size. */
async function tail(text: string, count: number, blockBytes = 4) {
  const file = new TextEncoder().encode(text);
  let read = 0;
  const readAt = async (position: number, length: number) => {
    read += length;
    return file.subarray(position, position + length);
  };
  return { ...(await findTail(readAt, file.byteLength, count, blockBytes)), read };
}

const CASES: [text: string, count: number, rest: string, entries: number][] = [
  ["", 0, "", 0],
  ["", 5, "", 0],
  ["a", 0, "a", 0],
  ["a", 1, "a", 0],
  ["a\n", 0, "", 0],
  ["a\n", 1, "a\n", 1],
  ["a\n", 2, "a\n", 1],
  ["a\nb\nc\n", 1, "c\n", 1],
  ["a\nb\nc\n", 2, "b\nc\n", 2],
  ["a\nb\nc\n", 3, "a\nb\nc\n", 3],
  ["a\nb\nc\n", 4, "a\nb\nc\n", 3],
  ["a\nb\nc", 0, "c", 0],
  ["a\nb\nc", 1, "b\nc", 1],
  ["\n\n\n", 2, "\n\n", 2],
  ["\n\n\n", 3, "\n\n\n", 3],
  ["abcd\nefgh\n", 1, "efgh\n", 1],
  ["abc\nefg\n", 1, "efg\n", 1],
  ["abcdefghijkl\nx\n", 1, "x\n", 1],
  ["a\nb\nc\n", -1, "a\nb\nc\n", 0],
];

for (const [text, count, rest, entries] of CASES) {
  test(`the last ${count} of ${JSON.stringify(text)}`, async () => {
    for (const blockBytes of [1, 2, 3, 4, 5, 64]) {
      const start = await tail(text, count, blockBytes);
      assert.equal(text.slice(start.offset), rest);
      assert.equal(start.entries, entries);
    }
  });
}

test("only the end of a file is read", async () => {
  const { offset, read } = await tail("0123456\n".repeat(1000), 10, 64);
  assert.equal(offset, 7920);
  assert.equal(read, 128);
});

test("rotated files are those that the kubelet names, the oldest first, each once", () => {
  const names = [
    "0.log",
    "0.log.20240102-000000",
    "0.log.20240101-235959.gz",
    "0.log.20240103-000000.gz",
    "0.log.20240103-000000",
    "0.log.20240104-000000.gz.tmp",
    "0.log.20240105-000000.tmp",
    "0.log.20231231-000000",
    "0.log.1",
    "0.log.bak",
    "0.log.20240101",
    "10.log.20240101-000000",
    "0xlog.20240101-000000",
    "00.log",
  ];
  const expected = [
    ["0.log.20231231-000000", false],
    ["0.log.20240101-235959.gz", true],
    ["0.log.20240102-000000", false],
    ["0.log.20240103-000000.gz", true],
  ];
  for (const order of [names, names.toReversed()]) {
    const rotated = rotatedNames(order, "0.log").map(({ name, compressed }) => [name, compressed]);
    assert.deepEqual(rotated, expected);
  }
});

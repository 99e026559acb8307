import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogEntry, type PrintLogOptions, parseLogEntry, printLog } from "../../../../src/cri/index.ts";

const T = "2024-01-01T00:00:0";

const entriesOf = (...texts: string[]) =>
  texts.map((text, at) => parseLogEntry(new TextEncoder().encode(`${T}${at}Z std${text}\n`)));

async function printed(entries: LogEntry[], options: PrintLogOptions): Promise<string[]> {
  async function* one() {
    yield entries;
  }
  const output: string[] = [];
  for await (const batch of printLog(one(), options)) {
    for (const { stream, bytes } of batch) output.push(`${stream} ${new TextDecoder().decode(bytes)}`);
  }
  return output;
}

test("each stream has its own beginnings of lines", async () => {
  const entries = entriesOf("out P a", "err F e", "out P ", "out F b", "out F c");
  assert.deepEqual(await printed(entries, { timestamps: true }), [
    `stdout ${T}0.000000000Z a`,
    `stderr ${T}1.000000000Z e\n`,
    "stdout ",
    "stdout b\n",
    `stdout ${T}4.000000000Z c\n`,
  ]);
});

test("as crictl does it, any end of a line begins one", async () => {
  const entries = entriesOf("out P a", "err F e", "out F b", "out P ", "out F c");
  assert.deepEqual(await printed(entries, { timestamps: true, lineStart: "any" }), [
    `stdout ${T}0.000000000Z a`,
    "stderr e\n",
    `stdout ${T}2.000000000Z b\n`,
    `stdout ${T}3.000000000Z `,
    `stdout ${T}4.000000000Z c\n`,
  ]);
});

for (const [written, padded] of [
  ["2024-01-01T00:00:00.5-05:00", "2024-01-01T00:00:00.500000000-05:00"],
  ["2024-01-01T00:00:00.123456789+05:30", "2024-01-01T00:00:00.123456789+05:30"],
  ["2024-01-01T00:00:00.1234567899Z", "2024-01-01T00:00:00.123456789Z"],
  ["2024-01-01T00:00:00+00:00", "2024-01-01T00:00:00.000000000Z"],
  ["2024-01-01T1:00:00,5-23:60", "2024-01-01T01:00:00.500000000-24:00"],
] as const) {
  test(`the time ${written} is printed as ${padded}`, async () => {
    const entry = parseLogEntry(new TextEncoder().encode(`${written} stdout F x\n`));
    assert.deepEqual(await printed([entry], { timestamps: true }), [`stdout ${padded} x\n`]);
  });
}

test("the limit counts all that is printed, and cuts what crosses it", async () => {
  const entries = entriesOf("out F abc", "err F def", "out F ghi");
  const lengths = async (limitBytes: number, timestamps = false) =>
    (await printed(entries, { limitBytes, timestamps })).join("").replaceAll(/std(out|err) /g, "");
  assert.equal(await lengths(0), "");
  assert.equal(await lengths(1), "a");
  assert.equal(await lengths(4), "abc\n");
  assert.equal(await lengths(5), "abc\nd");
  assert.equal(await lengths(12), "abc\ndef\nghi\n");
  assert.equal(await lengths(13), "abc\ndef\nghi\n");
  assert.equal(await lengths(34, true), `${T}0.000000000Z abc\n`.slice(0, 34));
  assert.throws(() => printLog((async function* () {})(), { limitBytes: -1 }), RangeError);
});

test("nothing is read beyond the limit", async () => {
  let read = 0;
  let released = false;
  async function* endless() {
    try {
      for (;;) {
        read++;
        yield entriesOf("out F abc");
      }
    } finally {
      released = true;
    }
  }
  for await (const _ of printLog(endless(), { limitBytes: 8 })) {
    // Only counted.
  }
  assert.equal(read, 2);
  assert.ok(released);
});

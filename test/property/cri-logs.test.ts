import assert from "node:assert/strict";
import { appendFile, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import {
  createLogSplitter,
  formatLogEntry,
  joinLogLines,
  type LogEntry,
  type LogStream,
  logText,
  parseLogEntry,
  parseSince,
  printLog,
  readLogEntries,
  readLogFile,
} from "../../src/cri/index.ts";
import { createEntryDecoder } from "../../src/cri/logs/decode.ts";
import { findTail } from "../../src/cri/logs/tail.ts";
import { formatTimestamp, readTimestamp, unixNsOf } from "../../src/cri/logs/timestamp.ts";
import { property } from "./runs.ts";

/** Output of a container: bytes with many line ends. */
const output = fc.array(
  fc.oneof(
    fc.constantFrom("\n", "\r\n", "\r", "", "P", " ", "\u00e9"),
    fc.string({ unit: "binary", maxLength: 40 }),
  ),
  { maxLength: 30 },
);
const stream = fc.constantFrom<LogStream>("stdout", "stderr");
const unixNs = fc.bigInt({ min: -62_135_596_800_000_000_000n, max: 253_402_300_799_999_999_999n });

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.byteLength; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    pieces.push(bytes.slice(at, at + size));
    at += size;
  }
  return pieces;
}

const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 10 });

test("a time that is written is read as the same", () => {
  fc.assert(
    fc.property(unixNs, (time) => {
      const text = Buffer.from(formatTimestamp(time));
      const read = readTimestamp(text, 0, text.byteLength, true);
      assert.ok(read);
      assert.equal(unixNsOf(read), time);
    }),
    property,
  );
});

test("what is split, written, read in any pieces and printed is what was put out", async () => {
  await fc.assert(
    fc.asyncProperty(
      output,
      sizes,
      fc.integer({ min: 1, max: 50 }),
      stream,
      async (texts, pieces, limit, of) => {
        const splitter = createLogSplitter({ maxLineBytes: limit });
        const split = [
          ...texts.flatMap((text) => splitter.push(Buffer.from(text, "utf8"))),
          ...splitter.end(),
        ];
        assert.ok(split.every(({ content }) => content.byteLength <= limit));
        const file = Buffer.concat(
          split.map((entry) => formatLogEntry({ ...entry, unixNs: 0n, stream: of })),
        );
        const decoder = createEntryDecoder({ maxEntryBytes: 256 });
        const entries = [...cut(file, pieces).flatMap((piece) => decoder.push(piece)), ...decoder.end()];
        const printed: Uint8Array[] = [];
        for await (const batch of printLog(batchesOf(entries)))
          printed.push(...batch.map(({ bytes }) => bytes));
        const expected = Buffer.from(texts.join(""), "utf8").toString("latin1").replaceAll("\r\n", "\n");
        assert.equal(Buffer.concat(printed).toString("latin1"), expected);

        // The same in lines, however long they may be.
        const lines: string[] = [];
        for await (const batch of joinLogLines(batchesOf(entries), { maxLineBytes: limit })) {
          for (const { content, ending } of batch) {
            assert.ok(content.byteLength <= limit);
            lines.push(Buffer.from(content).toString("latin1") + (ending === "line" ? "\n" : ""));
          }
        }
        assert.equal(lines.join(""), expected);
      },
    ),
    property,
  );
});

async function* batchesOf(entries: LogEntry[]): AsyncGenerator<LogEntry[], void> {
  yield entries;
}

const VALID = [
  "2016-10-20T18:39:20.57606443Z stdout F cri stdout test log\n",
  "2022-10-29T16:10:22.592603036-05:00 stderr P:TAG1 0\n",
  '{"log":"line1\\n","stream":"stdout","time":"2020-09-27T11:18:01.00000000Z"}\n',
];

const mutated = fc
  .tuple(fc.constantFrom(...VALID), fc.nat(90), fc.nat(8), fc.string({ unit: "binary", maxLength: 4 }))
  .map(([text, at, length, put]) => text.slice(0, at) + put + text.slice(at + length));

function fails(run: () => unknown, codes: RegExp): void {
  try {
    run();
  } catch (error) {
    assert.ok(isLadingError(error), String(error));
    assert.match(error.code, codes);
  }
}

test("any line is an entry or refused with a code", () => {
  const line = fc.oneof(
    mutated.map((text) => new TextEncoder().encode(text)),
    fc.uint8Array({ maxLength: 200 }),
  );
  fc.assert(
    fc.property(line, (bytes) => fails(() => parseLogEntry(bytes), /^ERR_CRI_LOG_INVALID$/)),
    property,
  );
});

test("any file in any pieces gives the entries that it gives in one piece", () => {
  const file = fc.array(fc.oneof(fc.constantFrom(...VALID), mutated, fc.string()), { maxLength: 12 });
  const decode = (pieces: readonly Uint8Array[]) => {
    const decoder = createEntryDecoder({ maxEntryBytes: 256 });
    const entries: LogEntry[] = [];
    try {
      for (const piece of pieces) entries.push(...decoder.push(piece));
      entries.push(...decoder.end());
      decoder.assertSound();
      return { entries };
    } catch (error) {
      assert.ok(isLadingError(error), String(error));
      assert.equal(error.code, "ERR_CRI_LOG_INVALID");
      return { entries, error: error.message };
    }
  };
  fc.assert(
    fc.property(file, sizes, (lines, pieces) => {
      const bytes = new TextEncoder().encode(lines.join(""));
      assert.deepEqual(decode(cut(bytes, pieces)), decode([bytes]));
    }),
    property,
  );
});

test("any text is a point in time or refused with a code", () => {
  const text = fc.oneof(
    fc
      .tuple(
        fc.constantFrom("42m", "-1h30m0.5s", "2006-01-02T15:04:05.5+07:00", "2006-01-02", "113.5"),
        fc.nat(24),
        fc.nat(3),
        fc.string({ maxLength: 3 }),
      )
      .map(([valid, at, length, put]) => valid.slice(0, at) + put + valid.slice(at + length)),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(text, (since) =>
      fails(() => assert.equal(typeof parseSince(since, { nowNs: 0n }), "bigint"), /^ERR_CRI_QUERY_INVALID$/),
    ),
    property,
  );
});

test("a tail is the last entries, whatever the file and the blocks", async () => {
  const file = fc.array(fc.constantFrom("a", "bc", "\n"), { maxLength: 40 }).map((parts) => parts.join(""));
  await fc.assert(
    fc.asyncProperty(file, fc.nat(45), fc.integer({ min: 1, max: 9 }), async (text, count, blockBytes) => {
      const bytes = new TextEncoder().encode(text);
      const readAt = async (position: number, length: number) => bytes.subarray(position, position + length);
      const { offset, entries } = await findTail(readAt, bytes.byteLength, count, blockBytes);
      const whole = text.split("\n").slice(0, -1);
      const kept = count === 0 ? [] : whole.slice(-count);
      const rest = text.slice(text.lastIndexOf("\n") + 1);
      assert.equal(entries, kept.length);
      assert.equal(text.slice(offset), kept.map((line) => `${line}\n`).join("") + rest);
    }),
    property,
  );
});

/** What happens to a log while it is followed. */
type Step =
  | { kind: "append"; lines: number }
  | { kind: "half" }
  | { kind: "rotate" }
  | { kind: "read"; lines: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("append" as const), lines: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "half" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "rotate" as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("read" as const), lines: fc.nat(4) }) },
);

test("whatever happens to a log, a follower gets every line once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), fc.boolean(), async (steps, includeRotated) => {
      const folder = await mkdtemp(join(tmpdir(), "lading-follow-"));
      try {
        await followed(join(folder, "0.log"), steps, includeRotated);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }),
    // Each run waits for real files: a few are enough for each time that the tests run.
    { ...property, numRuns: Math.ceil(property.numRuns / 100) },
  );
});

async function followed(path: string, steps: readonly Step[], includeRotated: boolean): Promise<void> {
  let running = true;
  let written = 0;
  let rotations = 0;
  await writeFile(path, "");
  const read: string[] = [];
  const lines = readLogFile(path, {
    follow: true,
    includeRotated,
    pollIntervalMs: 20,
    isRunning: async () => running,
  });
  const entry = () => `2024-01-01T00:00:00Z stdout F ${written++}\n`;
  for (const now of steps) {
    if (now.kind === "append") {
      await appendFile(path, Array.from({ length: now.lines }, entry).join(""));
    } else if (now.kind === "half") {
      const text = entry();
      await appendFile(path, text.slice(0, 24));
      await appendFile(path, text.slice(24));
    } else if (now.kind === "rotate") {
      await rename(path, `${path}.20240101-${String(rotations++).padStart(6, "0")}`);
      await writeFile(path, "");
    } else {
      // Only what is there for certain: the reader opens the present file at its first line.
      for (let count = 0; count < now.lines && (rotations === 0 || read.length > 0); count++) {
        if (read.length === written) break;
        const { value } = await lines.next();
        if (value) read.push(logText(value));
      }
    }
  }
  const opened = read.length > 0;
  running = false;
  for await (const line of lines) read.push(logText(line));
  const all = Array.from({ length: written }, (_, at) => String(at));
  // A reader that was first asked after a rotation begins with the present file, unless told otherwise.
  if (opened || includeRotated || rotations === 0) assert.deepEqual(read, all);
  else assert.deepEqual(read, all.slice(all.length - read.length));
}

test("reading a file of any bytes ends, with entries or a code", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lading-any-"));
  const path = join(folder, "0.log");
  try {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.nat(5), async (bytes, tailLines) => {
        await writeFile(path, bytes);
        try {
          for await (const batch of readLogEntries(path, { tailLines })) assert.ok(batch.length > 0);
        } catch (error) {
          assert.ok(isLadingError(error), String(error));
          assert.equal(error.code, "ERR_CRI_LOG_INVALID");
        }
      }),
      { ...property, numRuns: Math.ceil(property.numRuns / 10) },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

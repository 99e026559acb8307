import assert from "node:assert/strict";
import { appendFile, chmod, mkdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { gzipSync } from "node:zlib";
import {
  type LogStream,
  logText,
  type ReadLogEntriesOptions,
  readLogEntries,
  readLogFile,
} from "../../src/cri/index.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";
import { createLogFixture, entryTextsOf, type LogFixture, textsOf } from "./log-files.ts";

let log: LogFixture;
let resources: ReturnType<typeof countResources>;

beforeEach(async () => {
  resources = countResources();
  log = await createLogFixture();
});

afterEach(async () => {
  await log.remove();
  await assertNothingLeft(resources);
});

const entries = (options?: ReadLogEntriesOptions) => entryTextsOf(readLogEntries(log.path, options));

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `line ${from + at}`);

test("an empty file has no entries", async () => {
  assert.deepEqual(await entries(), []);
  assert.deepEqual(await entries({ tailLines: 5 }), []);
});

test("a file of many blocks is read whole", async () => {
  await log.append(...numbered(0, 30_000));
  assert.deepEqual(await textsOf(readLogFile(log.path)), log.written);
});

test("a last entry without LF comes as it is, but not with a tail", async () => {
  await log.append("a", "b");
  await appendFile(log.path, "2024-01-01T00:00:00Z stdout F half");
  assert.deepEqual(await entries(), ["a", "b", "half"]);
  assert.deepEqual(await entries({ tailLines: 1 }), ["b"]);
  assert.deepEqual(await entries({ tailLines: 9 }), ["a", "b"]);
});

test("the tail of a file, from nothing to more than there is", async () => {
  await log.append(...numbered(0, 5000));
  for (const tailLines of [0, 1, 2, 4999, 5000, 5001, Number.MAX_SAFE_INTEGER]) {
    const expected = log.written.slice(Math.max(0, 5000 - tailLines));
    assert.deepEqual(await entries({ tailLines }), expected, `${tailLines}`);
  }
  await assert.rejects(async () => entries({ tailLines: -1 }), RangeError);
});

test("the tail of one stream counts only its entries", async () => {
  for (let at = 0; at < 300; at++) {
    await log.appendEntry(at % 100 === 7 ? "stderr" : "stdout", "F", `${at}`);
  }
  const tail = (tailLines: number, streams: LogStream[]) => entries({ tailLines, streams });
  assert.deepEqual(await tail(0, ["stderr"]), []);
  assert.deepEqual(await tail(1, ["stderr"]), ["207"]);
  assert.deepEqual(await tail(2, ["stderr"]), ["107", "207"]);
  assert.deepEqual(await tail(9, ["stderr"]), ["7", "107", "207"]);
  assert.deepEqual(await tail(2, ["stdout"]), ["298", "299"]);
  assert.deepEqual(await tail(2, ["stdout", "stderr"]), ["298", "299"]);
  assert.deepEqual(await tail(2, []), []);
});

test("since takes in the entry of that time", async () => {
  await log.append("a", "b", "c");
  const [batch] = await collect(readLogEntries(log.path));
  const second = batch?.[1];
  assert.deepEqual(await entries({ sinceNs: second?.unixNs }), ["b", "c"]);
  assert.deepEqual(await entries({ sinceNs: (second?.unixNs ?? 0n) + 1n }), ["c"]);
  assert.deepEqual(await entries({ sinceNs: second?.unixNs, tailLines: 1 }), ["c"]);
});

test("what is appended while a file is read is not read", async () => {
  await log.append(...numbered(0, 20_000));
  const read: string[] = [];
  for await (const batch of readLogEntries(log.path)) {
    if (read.length === 0) await log.append("late");
    read.push(...batch.map(logText));
  }
  assert.deepEqual(read, numbered(0, 20_000));
});

test("a file that is cut while it is read ends where it ends", async () => {
  await log.append(...numbered(0, 20_000));
  let read = 0;
  for await (const batch of readLogEntries(log.path)) {
    if (read === 0) await truncate(log.path);
    read += batch.length;
  }
  assert.ok(read > 0 && read < 20_000);
});

test("rotated files are read before the present one, compressed or not", async () => {
  for (let round = 0; round < 4; round++) {
    await log.append(...numbered(round * 1000, round * 1000 + 1000));
    await log.rename();
    await log.create();
  }
  await log.append(...numbered(4000, 4500));
  await writeFile(`${log.path}.20240101-000009.gz.tmp`, "unfinished");
  assert.equal(log.rotated.filter((name) => name.endsWith(".gz")).length, 3);
  const all = (options: ReadLogEntriesOptions = {}) => entries({ includeRotated: true, ...options });
  assert.deepEqual(await entries(), numbered(4000, 4500));
  assert.deepEqual(await all(), log.written);
  for (const tailLines of [0, 499, 500, 501, 1500, 1501, 2500, 4499, 4500, 9999]) {
    const expected = log.written.slice(Math.max(0, 4500 - tailLines));
    assert.deepEqual(await all({ tailLines }), expected, `${tailLines}`);
  }
});

test("a rotation in the middle of the reading changes nothing", async () => {
  await log.append(...numbered(0, 20_000));
  await log.rename();
  await log.create();
  await log.append(...numbered(20_000, 40_000));
  const read: string[] = [];
  for await (const batch of readLogEntries(log.path, { includeRotated: true })) {
    if (read.length === 0) {
      await log.rename();
      await log.create();
      await log.rename();
    }
    read.push(...batch.map(logText));
  }
  assert.deepEqual(read, log.written);
});

test("rotations while the files are opened neither lose nor repeat a line", async () => {
  let stop = false;
  const rotating = (async () => {
    for (let round = 0; !stop && round < 200; round++) {
      await log.append(`${round}`);
      await log.rename();
      await log.create();
    }
  })();
  try {
    for (let count = 0; count < 15; count++) {
      const read = await entries({ includeRotated: true });
      assert.deepEqual(read, log.written.slice(0, read.length));
    }
  } finally {
    stop = true;
    await rotating;
  }
});

test("a damaged rotated file fails the reading, as does one that inflates too far", async () => {
  await log.append("present");
  const gz = `${log.path}.20240101-000000.gz`;
  const whole = gzipSync(Buffer.alloc(1 << 20, await readFile(log.path)));
  const fails = (options: ReadLogEntriesOptions = {}) =>
    assert.rejects(entries({ includeRotated: true, ...options }), { code: "ERR_CRI_LOG_INVALID" });
  await writeFile(gz, whole.subarray(0, whole.byteLength - 9));
  await fails();
  await writeFile(gz, "no gzip data");
  await fails();
  await writeFile(gz, whole);
  await fails({ maxInflatedBytes: (1 << 20) - 1 });
  const read = await entries({ includeRotated: true, maxInflatedBytes: 1 << 20 });
  assert.equal(read.at(-1), "present");
  await fails({ maxInflatedBytes: 1000, tailLines: 50_000 });
});

test("leaving early closes the files of a rotation", async () => {
  await log.append(...numbered(0, 30_000));
  await log.rename();
  await log.create();
  await log.append("z");
  await log.rename();
  await log.create();
  for await (const line of readLogFile(log.path, { includeRotated: true })) {
    assert.equal(logText(line), "line 0");
    break;
  }
});

test("a stream that was never asked opens nothing", async () => {
  const lines = readLogFile(join(log.folder, "missing.log"));
  await lines.return?.();
  assert.deepEqual(await lines.next(), { done: true, value: undefined });
});

test("a line of 100 MiB without LF is read in bounded pieces", async () => {
  const block = Buffer.alloc(1 << 20, 0x78);
  await writeFile(log.path, "2024-01-01T00:00:00Z stdout F ");
  for (let count = 0; count < 100; count++) await appendFile(log.path, block);
  let total = 0;
  let most = 0;
  for await (const { content, ending } of readLogFile(log.path)) {
    total += content.byteLength;
    most = Math.max(most, content.byteLength);
    assert.equal(ending, total === 100 << 20 ? "open" : "cut");
  }
  assert.equal(total, 100 << 20);
  assert.equal(most, 1 << 20);
});

test("100 MiB that are no log at all are refused after the first piece", async () => {
  await writeFile(log.path, "x");
  await truncate(log.path, 100 << 20);
  await assert.rejects(entries(), { code: "ERR_CRI_LOG_INVALID" });
});

test("a missing file, a folder and a folder that is missing", async () => {
  const fails = (path: string, code: string) => assert.rejects(textsOf(readLogFile(path)), { code });
  await fails(join(log.folder, "missing.log"), "ERR_CRI_LOG_NOT_FOUND");
  await fails(join(log.folder, "missing", "0.log"), "ERR_CRI_LOG_NOT_FOUND");
  await fails(join(log.path, "0.log"), "ERR_CRI_LOG_NOT_FOUND");
  await fails("", "ERR_CRI_LOG_NOT_FOUND");
  await fails(log.folder, "ERR_CRI_LOG_PATH_REFUSED");
  await fails(`${log.path}\0`, "ERR_CRI_LOG_PATH_REFUSED");
  await symlink(join(log.folder, "loop"), join(log.folder, "loop"));
  await fails(join(log.folder, "loop"), "ERR_CRI_LOG_UNREADABLE");
});

test("a file that may not be read", async () => {
  await chmod(log.path, 0);
  const isRoot = process.geteuid?.() === 0;
  // Root may read all: be somebody else for the time of the reading.
  if (isRoot) process.seteuid?.(65_534);
  try {
    await assert.rejects(entries(), { code: "ERR_CRI_LOG_UNREADABLE", systemCode: "EACCES" });
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});

test("only rotated files are no log to read alone, but part of one that is asked for with them", async () => {
  await log.append("a");
  await log.rename();
  await assert.rejects(entries(), { code: "ERR_CRI_LOG_NOT_FOUND" });
  assert.deepEqual(await entries({ includeRotated: true }), ["a"]);
});

test("a log that is a link is followed where its target is replaced", async () => {
  await mkdir(join(log.folder, "links"));
  const link = join(log.folder, "links", "x.log");
  await symlink(log.path, link);
  await log.append("a");
  const lines = readLogFile(link, { follow: true, isRunning: async () => false, pollIntervalMs: 20 });
  const texts = [logText((await lines.next()).value ?? { content: new Uint8Array() })];
  await log.rename();
  await log.create();
  await log.append("b");
  for await (const line of lines) texts.push(logText(line));
  assert.deepEqual(texts, ["a", "b"]);
  await rm(link);
});

test("limits and intervals that are none are mistakes of the caller", () => {
  for (const options of [
    { maxEntryBytes: 255 },
    { maxInflatedBytes: -1 },
    { pollIntervalMs: 0 },
    { pollIntervalMs: 2 ** 31 },
    { maxLineBytes: 0 },
    { tailLines: 1.5 },
  ]) {
    assert.throws(() => readLogFile(log.path, options), RangeError);
  }
});

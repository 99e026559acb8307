import assert from "node:assert/strict";
import { appendFile, rename, rm, truncate } from "node:fs/promises";
import { afterEach, beforeEach, test } from "node:test";
import {
  CriError,
  type LogLine,
  logText,
  type ReadLogFileOptions,
  readLogFile,
} from "../../src/cri/index.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";
import { createLogFixture, type LogFixture, until } from "./log-files.ts";

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

/** A reader that runs beside the test. */
interface Follower {
  readonly lines: string[];
  /** The container ends. */
  stop(): void;
  /** Settles when the reading has ended. */
  readonly done: Promise<void>;
}

function follow(options: ReadLogFileOptions = {}): Follower {
  let running = true;
  const lines: string[] = [];
  const read = async () => {
    const isRunning = async () => running;
    for await (const line of readLogFile(log.path, {
      follow: true,
      isRunning,
      pollIntervalMs: 20,
      ...options,
    })) {
      lines.push(logText(line));
    }
  };
  const done = read();
  done.catch(() => {});
  return { lines, done, stop: () => (running = false) };
}

test("what is appended comes, and the end of the container is the end", async () => {
  await log.append("before");
  const reader = follow();
  await until(() => reader.lines.length === 1);
  await log.append("a", "b");
  await until(() => reader.lines.length === 3);
  await log.append("last");
  reader.stop();
  await reader.done;
  assert.deepEqual(reader.lines, ["before", "a", "b", "last"]);
});

test("a change is seen without waiting for the next poll", async () => {
  const left = new AbortController();
  const reader = follow({ pollIntervalMs: 3_600_000, signal: left.signal });
  // Time to come to the wait; if it does not, this test shows less but does not fail.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await log.append("now");
  await until(() => reader.lines.length === 1);
  left.abort(new Error("enough"));
  await assert.rejects(reader.done, /enough/);
});

test("a reader that waits is left at once", async () => {
  const lines = readLogFile(log.path, { follow: true, pollIntervalMs: 3_600_000 });
  const waiting = lines.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await lines.return?.();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  assert.deepEqual(await lines.next(), { done: true, value: undefined });
});

test("an abort rejects with its reason, before, while waiting and between lines", async () => {
  await log.append("a", "b");
  const reason = new Error("mine");
  const before = readLogFile(log.path, { follow: true, signal: AbortSignal.abort(reason) });
  await assert.rejects(before.next(), (error) => error === reason);

  const waiting = new AbortController();
  const reader = follow({ signal: waiting.signal });
  await until(() => reader.lines.length === 2);
  setTimeout(() => waiting.abort(reason), 5);
  await assert.rejects(reader.done, (error) => error === reason);

  const between = new AbortController();
  const lines = readLogFile(log.path, { follow: true, signal: between.signal });
  await lines.next();
  between.abort(reason);
  await lines.next();
  await assert.rejects(lines.next(), (error) => error === reason);
});

test("over a rotation nothing is lost, also what is written to the renamed file", async () => {
  const reader = follow();
  await log.append("a");
  await until(() => reader.lines.length === 1);
  await log.append("b");
  await log.rename();
  await appendFile(log.rotated[0] ?? "", "2024-01-01T00:00:00Z stdout F late\n");
  await until(() => reader.lines.length === 3);
  await log.create();
  await log.append("c");
  await until(() => reader.lines.length === 4);
  reader.stop();
  await reader.done;
  assert.deepEqual(reader.lines, ["a", "b", "late", "c"]);
});

test("a reader that was stopped over many rotations reads what still exists, in order", async () => {
  await log.append("first");
  const lines = readLogFile(log.path, { follow: true, isRunning: async () => false, pollIntervalMs: 20 });
  const texts = [logText((await lines.next()).value as LogLine)];
  for (let round = 0; round < 4; round++) {
    await log.append(`${round}`, `${round} more`);
    await log.rename();
    await log.create();
  }
  await log.append("last");
  for await (const line of lines) texts.push(logText(line));
  assert.deepEqual(texts, log.written);
});

test("when the file it reads was removed too, a reader goes on with what is younger", async () => {
  await log.append("old");
  await log.rename();
  await log.create();
  await log.append("a");
  const lines = readLogFile(log.path, { follow: true, isRunning: async () => false, pollIntervalMs: 20 });
  const texts = [logText((await lines.next()).value as LogLine)];
  await log.rename();
  await rm(log.rotated[1] ?? "");
  await log.create();
  await log.append("b");
  await rename(log.path, `${log.path}.20240101-000007`);
  await log.create();
  await log.append("c");
  for await (const line of lines) texts.push(logText(line));
  assert.deepEqual(texts, ["a", "b", "c"]);
});

test("a rotation that is taken back repeats nothing", async () => {
  const reader = follow();
  await log.append("a");
  await until(() => reader.lines.length === 1);
  await log.rename();
  await new Promise((resolve) => setTimeout(resolve, 60));
  await rename(log.rotated[0] ?? "", log.path);
  await log.append("b");
  await until(() => reader.lines.length === 2);
  reader.stop();
  await reader.done;
  assert.deepEqual(reader.lines, ["a", "b"]);
});

test("a file that is missing after a rotation is waited for, until the container has ended", async () => {
  const reader = follow();
  await log.append("a");
  await until(() => reader.lines.length === 1);
  await log.rename();
  await new Promise((resolve) => setTimeout(resolve, 100));
  reader.stop();
  await reader.done;
  assert.deepEqual(reader.lines, ["a"]);
});

test("a file that is emptied is read from its beginning, and a half entry of before is dropped", async () => {
  const reader = follow();
  await log.append("a rather long line, longer than what follows");
  await appendFile(log.path, "2024-01-01T00:00:00Z stdout F half");
  await until(() => reader.lines.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 60));
  await truncate(log.path);
  await log.append("b");
  await until(() => reader.lines.length === 2);
  reader.stop();
  await reader.done;
  assert.deepEqual(reader.lines, ["a rather long line, longer than what follows", "b"]);
});

test("an entry without LF waits for it, and comes as it is when the container has ended", async () => {
  const reader = follow();
  await log.append("a");
  await appendFile(log.path, "2024-01-01T00:00:00Z stdout F b");
  await until(() => reader.lines.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.deepEqual(reader.lines, ["a"]);
  await appendFile(log.path, "c\n2024-01-01T00:00:00Z stdout F d");
  await until(() => reader.lines.length === 2);
  reader.stop();
  await reader.done;
  assert.deepEqual(reader.lines, ["a", "bc", "d"]);
});

test("an error of the question whether the container runs ends the reading", async () => {
  await log.append("a");
  const error = new CriError("ERR_CRI_NOT_FOUND", "gone");
  const reader = follow({ isRunning: () => Promise.reject(error) });
  await assert.rejects(reader.done, (thrown) => thrown === error);
  assert.deepEqual(reader.lines, ["a"]);
});

test("a question that is never answered holds up no line, and is dropped when the reader is left", async () => {
  let dropped = false;
  const isRunning = ({ signal }: { signal?: AbortSignal | undefined }) =>
    new Promise<boolean>((_, reject) => {
      signal?.addEventListener("abort", () => {
        dropped = true;
        reject(signal.reason);
      });
    });
  const lines = readLogFile(log.path, { follow: true, isRunning, pollIntervalMs: 10 });
  for (const text of ["a", "b", "c"]) {
    const next = lines.next();
    await log.append(text);
    assert.equal(logText((await next).value as LogLine), text);
  }
  const waiting = lines.next();
  await lines.return?.();
  await waiting;
  assert.ok(dropped);
});

test("a question that is open when the reading fails is dropped", async () => {
  const entry = (stream: string) => `{"log":"x","stream":"${stream}","time":"2024-01-01T00:00:00Z"}\n`;
  let asked: AbortSignal | undefined;
  const isRunning = ({ signal }: { signal?: AbortSignal | undefined }) => {
    asked = signal;
    return new Promise<boolean>(() => {});
  };
  await appendFile(log.path, entry("stdout"));
  const reader = follow({ isRunning });
  await until(() => asked !== undefined);
  await appendFile(log.path, entry("tty"));
  await assert.rejects(reader.done, { code: "ERR_CRI_LOG_INVALID" });
  assert.ok(asked?.aborted);
});

test("the tail comes first, then what is appended", async () => {
  await log.append("a", "b", "c");
  const reader = follow({ tailLines: 2 });
  await until(() => reader.lines.length === 2);
  await log.append("d");
  reader.stop();
  await reader.done;
  assert.deepEqual(reader.lines, ["b", "c", "d"]);
});

test("rotated files come first, then the present one, then what is appended", async () => {
  await log.append("a");
  await log.rename();
  await log.create();
  await log.append("b");
  await log.rename();
  await log.create();
  const reader = follow({ includeRotated: true });
  await until(() => reader.lines.length === 2);
  await log.append("c");
  await until(() => reader.lines.length === 3);
  await log.rename();
  await log.create();
  await log.append("d");
  reader.stop();
  await reader.done;
  assert.deepEqual(reader.lines, ["a", "b", "c", "d"]);
});

test("while a writer writes and rotates, a reader gets every line once and in order", async () => {
  const reader = follow();
  let count = 0;
  for (let round = 0; round < 6; round++) {
    for (let batch = 0; batch < 40; batch++) {
      await log.append(...Array.from({ length: 25 }, () => `line ${count++} ${"x".repeat(count % 200)}`));
    }
    await log.rename();
    await log.create();
  }
  await log.append("end");
  reader.stop();
  await reader.done;
  assert.deepEqual(reader.lines, log.written);
});

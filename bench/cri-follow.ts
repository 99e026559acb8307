/**
 * Whether the following of a log keeps up with a container that writes 50 MB a second, in memory that does not grow.
 *
 *   node --conditions=lading-source bench/cri-follow.ts [--speed 50] [--seconds 10] [--folder DIR] [--margin 0.25]
 *
 * The folder for the log should be in memory; it needs the speed times the seconds of it.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type LogEntry, readLogEntries } from "../src/cri/index.ts";
import { type Figure, median, report } from "./interleave.ts";

const { values } = parseArgs({
  options: {
    speed: { type: "string", default: "50" },
    seconds: { type: "string", default: "10" },
    folder: { type: "string", default: "/dev/shm" },
  },
  strict: false,
});
const [speed, seconds] = [Number(values.speed), Number(values.seconds)];
const folder = mkdtempSync(join(String(values.folder), "lading-follow-"));
const path = join(folder, "0.log");

/** What the writer says when it is done. */
interface Written {
  entries: number;
  bytes: number;
  milliseconds: number;
}

const lags: number[] = [];
const memory: number[] = [];
let entries = 0;

function take(batch: readonly LogEntry[]): void {
  entries += batch.length;
  const last = batch.at(-1);
  if (last) lags.push(Date.now() - Number(last.unixNs / 1_000_000n));
}

try {
  writeFileSync(path, "");
  const started = performance.now();
  const writer = fork(join(import.meta.dirname, "log-writer.ts"), [path, String(speed), String(seconds)]);
  let written: Written | undefined;
  const done = once(writer, "message").then(([said]) => {
    written = said as Written;
  });
  const watch = setInterval(() => memory.push(process.memoryUsage.rss()), 100);
  const isRunning = async () => written === undefined;
  for await (const batch of readLogEntries(path, { follow: true, isRunning, pollIntervalMs: 100 }))
    take(batch);
  const took = performance.now() - started;
  clearInterval(watch);
  await done;
  if (!written || written.entries !== entries)
    throw new Error(`${entries} of ${written?.entries} entries were read`);

  const sorted = lags.toSorted((a, b) => a - b);
  const late = sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
  const half = Math.ceil(memory.length / 2);
  const [before, after] = [Math.max(...memory.slice(0, half)), Math.max(...memory.slice(half))];
  console.log(
    `${(written.bytes / 1e6).toFixed(0)} MB in ${(written.milliseconds / 1000).toFixed(1)} s, read in ${(took / 1000).toFixed(1)} s`,
  );
  console.log(`late by ${median(lags)} ms at the median, ${late} ms at the 99th of a hundred`);
  console.log(
    `memory: ${(before / 1e6).toFixed(0)} MB at most in the first half, ${(after / 1e6).toFixed(0)} MB in the second`,
  );
  const figures: Figure[] = [
    {
      name: "time against the writer's, with its start and end",
      value: took,
      against: written.milliseconds,
      limit: 1.1,
    },
    { name: "the 99th lag against a second", value: late, against: 1000, limit: 0.25 },
    { name: "memory in the second half against the first", value: after, against: before, limit: 1.2 },
  ];
  report(figures);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

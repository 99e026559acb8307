/**
 * Writes the log of a container that writes a lot, at a speed that is told. A program of its own: what reads the log
 * must not slow it down.
 *
 *   node bench/log-writer.ts PATH MEGABYTES_A_SECOND SECONDS
 *
 * @module
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Times a second that something is written. */
const TURNS = 100;
const CONTENT = "a line of a server's log, as long as such lines mostly are; ".repeat(2);

const [path = "", speed = "", seconds = ""] = process.argv.slice(2);
const file = openSync(path, "a");
const started = performance.now();
let written = 0;
let entries = 0;
for (let turn = 1; turn <= Number(seconds) * TURNS; turn++) {
  // Every entry says when it was written, so that its reader knows how late it is.
  const line = `${new Date().toISOString().slice(0, -1)}000000Z stdout F ${CONTENT}\n`;
  const due = (turn * Number(speed) * 1e6) / TURNS - written;
  const count = Math.max(0, Math.floor(due / line.length));
  written += writeSync(file, line.repeat(count));
  entries += count;
  await sleep(Math.max(0, started + (turn * 1000) / TURNS - performance.now()));
}
closeSync(file);
const took = performance.now() - started;
process.send?.({ entries, bytes: written, milliseconds: took });

/** Counts what keeps the process busy, so that a test can show that nothing is left of what it did. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/** Kinds of things that a forgotten clean-up leaves behind. */
const COUNTED =
  /^(?:TCP|Pipe|TLS|Timeout|Immediate|FSReq|FSEvent|StatWatcher|Zlib|HTTP|ProcessWrap|FileHandle|PipeConnect|TCPConnect)/;

/** How many of each kind there are now. */
export function countResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (COUNTED.test(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/**
 * Fails unless, within two seconds, no kind counts more than it did before. Sockets take a few turns of the event
 * loop to close; the timer of this function's own waiting is left out.
 */
export async function assertNothingLeft(before: ReadonlyMap<string, number>): Promise<void> {
  const more = () =>
    [...countResources()]
      .filter(([kind, count]) => count > (before.get(kind) ?? 0))
      .map(([kind, count]) => `${kind}: ${before.get(kind) ?? 0} before, ${count} now`);
  for (let turn = 0; turn < 100 && more().length > 0; turn++) await sleep(20);
  assert.deepEqual(more(), []);
}

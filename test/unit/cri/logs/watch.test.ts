import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type LogWatch, watchLog } from "../../../../src/cri/logs/watch.ts";

const LONG = 3_600_000;

let folder: string;
let watching: LogWatch | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lading-watch-"));
});

afterEach(async () => {
  watching?.close();
  await rm(folder, { recursive: true, force: true });
});

function start(name = "0.log", at = folder): LogWatch {
  watching = watchLog(at, name);
  return watching;
}

test("a change of the file ends the wait, also one that came before it", async () => {
  const watch = start();
  await writeFile(join(folder, "0.log"), "x");
  await watch.wait(LONG, undefined);
  const waiting = watch.wait(LONG, undefined);
  await writeFile(join(folder, "0.log"), "y");
  await waiting;
});

test("a change of another file does not", async () => {
  const watch = start();
  await writeFile(join(folder, "1.log"), "x");
  let over = false;
  const waiting = watch.wait(LONG, undefined).then(() => {
    over = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(over, false);
  watch.wake();
  await waiting;
});

test("being woken before the wait counts once", async () => {
  const watch = start();
  watch.wake();
  watch.wake();
  await watch.wait(LONG, undefined);
  const controller = new AbortController();
  const waiting = watch.wait(LONG, controller.signal);
  controller.abort("enough");
  await assert.rejects(waiting, (reason) => reason === "enough");
});

test("an abort before the wait", async () => {
  await assert.rejects(start().wait(LONG, AbortSignal.abort("mine")), (reason) => reason === "mine");
});

test("a folder that cannot be watched is waited for by time alone, as often as one likes", async () => {
  const watch = start("0.log", join(folder, "missing"));
  for (let count = 0; count < 20; count++) await watch.wait(1, undefined);
});

test("a folder that goes away does no harm", async () => {
  const watch = start();
  await rm(folder, { recursive: true });
  for (let count = 0; count < 5; count++) await watch.wait(5, undefined);
});

import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { streamOf } from "../../../../src/core/bytes.ts";
import type { OciError } from "../../../../src/oci/errors.ts";
import { createFilePool } from "../../../../src/oci/layers/file-pool.ts";
import { type ApplyLayersOptions, applyLayers } from "../../../../src/oci/layers/index.ts";
import { archive, type RawEntry } from "./archive.ts";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "lading-pool-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const apply = (root: string, entries: RawEntry[], options: ApplyLayersOptions = {}) =>
  applyLayers([{ open: () => streamOf(archive(...entries)) }], root, { fileWrites: "pooled", ...options });

const many = (count: number): RawEntry[] =>
  Array.from({ length: count }, (_, at) => ({ name: `d/${at}`, content: `${at}`.repeat(at % 7), mtime: at }));

/** A promise that is settled from outside. */
function held(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve = (): void => {};
  let reject = (_: Error): void => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Whether a promise is settled once everything that is ready has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => {
      settled = true;
    },
    () => {
      settled = true;
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test("a pool is full at 32 writes, and has room when one has ended", async () => {
  const pool = createFilePool();
  const writes = Array.from({ length: 32 }, held);
  for (const [at, { promise }] of writes.entries()) {
    assert.equal(pool.full, false, `${at}`);
    pool.add(1, () => promise);
  }
  assert.ok(pool.full && pool.busy);
  const room = pool.room();
  assert.equal(await isSettled(room), false);
  writes[5]?.resolve();
  await room;
  assert.ok(!pool.full && pool.busy);
  const settled = pool.settle();
  assert.equal(await isSettled(settled), false);
  for (const { resolve } of writes) resolve();
  await settled;
  assert.equal(pool.busy, false);
});

test("a pool is full at 16 MiB", async () => {
  const pool = createFilePool();
  const first = held();
  const second = held();
  pool.add(16 * 2 ** 20, () => first.promise);
  assert.equal(pool.full, false);
  pool.add(1, () => second.promise);
  assert.equal(pool.full, true);
  first.resolve();
  await pool.room();
  second.resolve();
  await pool.settle();
});

test("the first failure of a pool shows at every wait, and only after all have ended", async () => {
  const pool = createFilePool();
  const failing = held();
  const other = held();
  pool.add(1, () => failing.promise);
  pool.add(1, () => other.promise);
  failing.reject(new Error("first"));
  await isSettled(failing.promise);
  await assert.rejects(pool.room(), { message: "first" });
  assert.ok(pool.full && pool.busy);
  const settled = pool.settle();
  settled.catch(() => {});
  assert.equal(await isSettled(settled), false);
  other.reject(new Error("second"));
  await assert.rejects(settled, { message: "first" });
  await assert.rejects(pool.settle(), { message: "first" });
  assert.ok(pool.busy);
});

test("files written by the pool have content, mode and time of the archive", async (t) => {
  const root = join(folder(t), "root");
  const { entries } = await apply(root, [
    { name: "d/", mode: 0o750, mtime: 7 },
    ...many(200),
    { name: "d/set", content: "x", mode: 0o4755 },
  ]);
  assert.equal(entries, 202);
  for (let at = 0; at < 200; at++) {
    const path = join(root, "d", `${at}`);
    assert.equal(readFileSync(path, "utf8"), `${at}`.repeat(at % 7));
    assert.equal(lstatSync(path).mtimeMs, at * 1000);
  }
  assert.equal(lstatSync(join(root, "d", "set")).mode & 0o7777, 0o4755);
  assert.equal(lstatSync(join(root, "d")).mtimeMs, 7000);
  assert.equal(lstatSync(join(root, "d")).mode & 0o777, 0o750);
});

test("what stands on a file that is being written waits for it", async (t) => {
  const root = join(folder(t), "root");
  await apply(root, [
    { name: "d/" },
    ...many(40),
    { name: "d/39", content: "again" },
    { name: "d/link", type: "1", link: "d/38" },
    { name: "d/37", type: "2", link: "36" },
    { name: "d/.wh.35" },
    { name: "d/34/" },
    { name: "d/34/below", content: "below" },
  ]);
  const at = (name: string): string => join(root, "d", name);
  assert.equal(readFileSync(at("39"), "utf8"), "again");
  assert.equal(lstatSync(at("link")).ino, lstatSync(at("38")).ino);
  assert.equal(readFileSync(at("37"), "utf8"), readFileSync(at("36"), "utf8"));
  assert.equal(existsSync(at("35")), false);
  assert.equal(readFileSync(at("34/below"), "utf8"), "below");
});

test("CVE-2021-32803: a directory with files that are being written is replaced by a link", async (t) => {
  const around = folder(t);
  mkdirSync(join(around, "outside"));
  const root = join(around, "root");
  await apply(root, [
    { name: "d/" },
    { name: "d/e/" },
    { name: "d/e/first", content: "first" },
    { name: "d/e", type: "2", link: "../../outside" },
    { name: "d/e/second", content: "second" },
  ]);
  assert.deepEqual(readdirSync(join(around, "outside")), []);
  assert.deepEqual(readdirSync(join(root, "outside")), ["second"]);
});

test("a file that cannot be written fails the whole, and nothing is written afterwards", async (t) => {
  const root = join(folder(t), "root");
  const failing: RawEntry = {
    name: `d/${"n".repeat(99)}`,
    pax: { path: `d/${"n".repeat(300)}` },
    content: "x",
  };
  await assert.rejects(
    apply(root, [
      { name: "d/" },
      ...many(20),
      failing,
      ...many(2000).map((e) => ({ ...e, name: `${e.name}-` })),
    ]),
    (error: OciError) => error.code === "ERR_OCI_ENTRY_REFUSED",
  );
  const left = readdirSync(join(root, "d")).length;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(readdirSync(join(root, "d")).length, left);
  assert.ok(left >= 20 && left < 2020, `${left}`);
});

test("an aborted layer leaves nothing that writes on", async (t) => {
  const root = join(folder(t), "root");
  const controller = new AbortController();
  const reason = new Error("enough");
  const bytes = archive({ name: "d/" }, ...many(100));
  const open = async function* () {
    yield bytes.subarray(0, 40_000);
    controller.abort(reason);
    yield bytes.subarray(40_000);
  };
  await assert.rejects(
    applyLayers([{ open }], root, { fileWrites: "pooled", signal: controller.signal }),
    (error) => error === reason,
  );
  const left = readdirSync(join(root, "d")).length;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(readdirSync(join(root, "d")).length, left);
  assert.ok(left < 100);
});

test("buffers that a source uses again do no harm to files that are being written", async (t) => {
  const root = join(folder(t), "root");
  const bytes = archive({ name: "d/" }, ...many(100));
  const open = async function* () {
    const buffer = new Uint8Array(512);
    for (let at = 0; at < bytes.length; at += 512) {
      buffer.set(bytes.subarray(at, at + 512));
      yield buffer;
    }
  };
  await applyLayers([{ open }], root, { fileWrites: "pooled" });
  for (let at = 0; at < 100; at++) {
    assert.equal(readFileSync(join(root, "d", `${at}`), "utf8"), `${at}`.repeat(at % 7));
  }
});

/** Layout directories that several processes write, and that processes are killed over. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  copyImage,
  createLayout,
  type Layout,
  memoryStore,
  openLayout,
  pushImage,
} from "../../src/oci/index.ts";
import { imageOf } from "../unit/oci/stores/samples.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const WRITER = join(import.meta.dirname, "oci-layout-writer.ts");

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lading-layout-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a writer, and kills it after a while if asked; gives the names that it said are there. */
function runWriter(path: string, name: string, count: number, killAfterMs?: number): Promise<string[]> {
  const args = ["--conditions=lading-source", "--no-warnings", WRITER, path, name, String(count)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    // The start of a process takes longer than its work: the clock runs from the first line on.
    if (output === "" && killAfterMs !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject).once("close", (code) => {
      if (code !== 0 && killAfterMs === undefined) reject(new Error(errors));
      else if (errors !== "") reject(new Error(errors));
      else resolve(output.split("\n").slice(0, -1));
    });
  });
}

/** Reads everything that a layout names, each byte verified. */
async function readEverything(layout: Layout): Promise<string[]> {
  const names: string[] = [];
  for await (const name of layout.tags()) names.push(name);
  for (const name of names) await copyImage(layout, name, memoryStore(), "copy", { referrers: true });
  return names;
}

test("a writer that is killed at any time leaves a valid layout with all that it had finished", async (t) => {
  const path = join(await folderFor(t), "layout");
  const expected: string[] = [];
  for (let round = 0; round < 12; round++) {
    expected.push(...(await runWriter(path, `round${round}`, 10_000, Math.random() * 60)));
    const layout = await openLayout(path);
    const names = new Set(await readEverything(layout));
    assert.deepEqual(
      expected.filter((name) => !names.has(name)),
      [],
    );
  }
  // Nothing that a killed process held stops the next one.
  const layout = await openLayout(path, { lockTimeoutMs: 5000 });
  const { removed } = await layout.gc({ minAgeMs: 0 });
  assert.ok(Array.isArray(removed));
  assert.deepEqual(
    (await readdir(path)).filter((name) => !["blobs", "index.json", "oci-layout"].includes(name)),
    [],
  );
  assert.ok((await readEverything(layout)).length >= expected.length);
});

test("processes that write at the same time lose nothing of each other", async (t) => {
  const path = join(await folderFor(t), "layout");
  const written = await Promise.all(["a", "b", "c"].map((name) => runWriter(path, name, 15)));
  const names = await readEverything(await openLayout(path));
  assert.deepEqual(names.sort(), written.flat().sort());
  assert.equal(names.length, 45);
});

test("copies within one process lose nothing of each other, and leave nothing behind", async (t) => {
  const before = countResources();
  const path = join(await folderFor(t), "layout");
  const source = memoryStore();
  for (let turn = 0; turn < 20; turn++) await pushImage(source, imageOf("amd64", `${turn}`), `v${turn}`);
  // Two objects for one directory, as two parts of a program would have.
  const layouts = await Promise.all([createLayout(path), createLayout(path)]);
  await Promise.all(
    Array.from({ length: 20 }, (_, turn) =>
      copyImage(source, `v${turn}`, layouts[turn % 2] ?? assert.fail(), `v${turn}`),
    ),
  );
  const names = await readEverything(await openLayout(path));
  assert.equal(names.length, 20);
  await assertNothingLeft(before);
});

test("a lock counts for as long as its holder may be there", async (t) => {
  const path = join(await folderFor(t), "layout");
  const layout = await createLayout(path, { lockTimeoutMs: 100 });
  const image = imageOf("amd64", "x");
  await pushImage(layout, image);
  const { descriptor } = image.manifest;
  const lock = join(path, ".lading-lock");
  const foreign = `elsewhere pid:[1]\n1\nid\n`;
  for (const held of [foreign, "", "half a li"]) {
    await writeFile(lock, held);
    await assert.rejects(layout.tag(descriptor, "v1"), { code: "ERR_OCI_CONFLICT" });
    const signal = AbortSignal.timeout(20);
    await assert.rejects(layout.tag(descriptor, "v1", { signal }), (error) => error === signal.reason);
    const old = new Date(Date.now() - 120_000);
    await utimes(lock, old, old);
    await layout.tag(descriptor, "v1");
  }
  assert.ok(!(await readdir(path)).includes(".lading-lock"));
});

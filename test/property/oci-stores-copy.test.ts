/** Copies that fail anywhere: the target stays valid at every moment, and a second run completes. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../src/core/digest.ts";
import { isLadingError } from "../../src/core/errors.ts";
import {
  type CopySource,
  type CopyTarget,
  copyImage,
  createLayout,
  type Descriptor,
  fetchManifest,
  type ImageGraph,
  type Layout,
  type MemoryStore,
  memoryStore,
  openLayout,
  packIndex,
  pushImage,
} from "../../src/oci/index.ts";
import { blobsOnDisk, contentsOf, imageOf } from "../unit/oci/stores/samples.ts";
import { property } from "./runs.ts";

const fewer = { ...property, numRuns: Math.ceil(property.numRuns / 5) };
const fewest = { ...property, numRuns: Math.ceil(property.numRuns / 40) };

/** Images that share layers, in an index within an index. */
const graphs: fc.Arbitrary<ImageGraph> = fc
  .array(fc.array(fc.constantFrom("a", "b", "c", "x".repeat(3000)), { maxLength: 3 }), {
    minLength: 1,
    maxLength: 3,
  })
  .map((images) => {
    const entries = images.map((layers, i) => ({
      graph: imageOf(`arch${i}`, ...new Set(layers)),
      platform: { os: "linux", architecture: `arch${i}` },
    }));
    const [first, ...rest] = entries;
    return first && rest.length > 0 ? packIndex([first, { graph: packIndex(rest) }]) : packIndex(entries);
  });

/** Which calls fail, by number, and how: at once, after a part of the content, or after it was stored. */
interface Fault {
  at: number;
  side: "source" | "target";
  how: "before" | "within" | "after";
}
const fault: fc.Arbitrary<Fault> = fc.record({
  at: fc.nat(25),
  side: fc.constantFrom("source", "target"),
  how: fc.constantFrom("before", "within", "after"),
});

class Broken extends Error {}

/** A source and a target whose calls fail as told; each takes a random number of turns of the event loop. */
function faulty(
  source: CopySource,
  target: CopyTarget & { exists: NonNullable<CopyTarget["exists"]>; tag: NonNullable<CopyTarget["tag"]> },
  faults: readonly Fault[],
  turns: readonly number[],
) {
  const calls = { source: 0, target: 0 };
  const step = async (side: Fault["side"]) => {
    const number = calls[side]++;
    const count = turns[(number * 7 + (side === "source" ? 1 : 0)) % turns.length] ?? 0;
    for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
    const how = faults.find((each) => each.at === number && each.side === side)?.how;
    if (how === "before") throw new Broken("before");
    return { how };
  };
  const partly = async function* (content: AsyncIterable<Uint8Array>) {
    let sent = 0;
    for await (const chunk of content) {
      yield chunk.subarray(0, Math.ceil(chunk.byteLength / 2));
      if (sent++ === 0) throw new Broken("within");
    }
  };
  const from: CopySource = {
    ...source,
    async resolve(name, options) {
      const { how } = await step("source");
      if (how) throw new Broken(how);
      return source.resolve(name, options);
    },
    async *fetch(descriptor, options) {
      const { how } = await step("source");
      const content = source.fetch(descriptor, options);
      yield* how === "within" ? partly(content) : content;
      if (how) throw new Broken(how);
    },
  };
  const to: CopyTarget = {
    exists: async (descriptor, options) => {
      const { how } = await step("target");
      if (how) throw new Broken(how);
      return target.exists(descriptor, options);
    },
    async push(descriptor, content, options) {
      const { how } = await step("target");
      const broken = how === "within" && !(content instanceof Uint8Array) ? partly(content) : content;
      await target.push(descriptor, broken, options);
      if (how) throw new Broken(how);
    },
    async tag(descriptor, name, options) {
      const { how } = await step("target");
      await target.tag(descriptor, name, options);
      if (how) throw new Broken(how);
    },
  };
  return { from, to };
}

/** What the target names, complete: every manifest that is there has all that it names, or is not named by anything. */
async function assertValid(target: MemoryStore | Layout, names: readonly string[]): Promise<void> {
  const whole = async (descriptor: Descriptor): Promise<void> => {
    const manifest = await fetchManifest(target, descriptor);
    const below =
      manifest.kind === "index"
        ? manifest.value.manifests
        : [manifest.value.config, ...manifest.value.layers];
    for (const each of below) {
      if (manifest.kind === "index") await whole(each);
      else for await (const _ of target.fetch(each));
    }
  };
  for (const name of names) await whole(await target.resolve(name));
}

async function tagsOf(target: MemoryStore | Layout): Promise<string[]> {
  const tags = target.tags();
  if (Array.isArray(tags)) return tags.map(([tag]) => tag);
  const found: string[] = [];
  for await (const tag of tags) found.push(tag);
  return found;
}

const runs = fc.record({
  graph: graphs,
  older: fc.option(graphs),
  faults: fc.array(fault, { minLength: 1, maxLength: 3 }),
  turns: fc.array(fc.nat(3), { minLength: 1, maxLength: 7 }),
  concurrency: fc.integer({ min: 1, max: 5 }),
  abortAfter: fc.option(fc.nat(20)),
});
type Run = typeof runs extends fc.Arbitrary<infer T> ? T : never;

async function assertRecovers(
  run: Run,
  target: MemoryStore | Layout,
  openAgain: () => Promise<MemoryStore | Layout>,
): Promise<boolean> {
  const { graph, older, faults, turns, concurrency, abortAfter } = run;
  const source = memoryStore();
  await pushImage(source, graph, "v1");
  if (older) await pushImage(target, older, "v1");
  const before = await target.resolve("v1").catch(() => undefined);

  const { from, to } = faulty(source, target, faults, turns);
  const abort = new AbortController();
  const reason = new Error("aborted");
  let told = 0;
  const onProgress = () => {
    if (told++ === abortAfter) abort.abort(reason);
  };
  let failed = false;
  try {
    await copyImage(from, "v1", to, "v1", { concurrency, onProgress, signal: abort.signal });
  } catch (error) {
    failed = true;
    // Of a fault and an abort that meet, the one that came first is told.
    if (error === reason) assert.ok(abort.signal.aborted);
    else {
      assert.ok(isLadingError(error) && error.code === "ERR_OCI_COPY_FAILED", String(error));
      assert.ok("side" in error && (error.side === "source" || error.side === "target"));
      // What comes out of a store is the cause, as it was.
      assert.ok(error.cause instanceof Broken || isLadingError(error.cause), String(error.cause));
    }
  }
  const found = await openAgain();
  await assertValid(found, await tagsOf(found));
  const now = await found.resolve("v1").catch(() => undefined);
  // The name stands for what it stood for before, or for the whole copy: nothing between.
  if (!failed) assert.equal(now?.digest, graph.manifest.descriptor.digest);
  else assert.ok(now?.digest === before?.digest || now?.digest === graph.manifest.descriptor.digest);

  const report = await copyImage(source, "v1", found, "v1", { concurrency });
  assert.equal(report.root.digest, graph.manifest.descriptor.digest);
  await assertValid(found, await tagsOf(found));
  assert.equal((await found.resolve("v1")).digest, graph.manifest.descriptor.digest);
  assert.equal(report.copied.length + report.skipped.length, contentsOf(graph).size);
  return failed;
}

test("in memory", async () => {
  let failures = 0;
  await fc.assert(
    fc.asyncProperty(runs, async (run) => {
      const target = memoryStore();
      if (await assertRecovers(run, target, async () => target)) failures++;
    }),
    fewer,
  );
  assert.ok(failures > fewer.numRuns / 10, `${failures} copies failed`);
});

test("in a layout directory, which holds no blob that is not what its name says", async () => {
  let failures = 0;
  await fc.assert(
    fc.asyncProperty(runs, async (run) => {
      const folder = await mkdtemp(join(tmpdir(), "lading-copy-property-"));
      try {
        const path = join(folder, "layout");
        const target = await createLayout(path, { sync: false });
        const check = async () => {
          for (const [digest, content] of await blobsOnDisk(path)) assert.equal(digestOf(content), digest);
          return openLayout(path, { sync: false });
        };
        if (await assertRecovers(run, target, check)) failures++;
        await check();
        // Nothing is left of content that did not come to its end.
        assert.deepEqual((await target.gc({ minAgeMs: 0 })).temporary, []);
        await assertValid(target, ["v1"]);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }),
    fewest,
  );
  assert.ok(failures > 0, `${failures} copies failed`);
});

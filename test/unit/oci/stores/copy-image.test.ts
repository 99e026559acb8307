/** Copies between stores: what is copied, in which order, what is refused, and who failed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { streamOf } from "../../../../src/core/bytes.ts";
import { OCI_INDEX } from "../../../../src/core/media-types.ts";
import {
  type CopyCandidate,
  type CopyEvent,
  type CopyImageOptions,
  type CopySource,
  type CopyTarget,
  copyImage,
  createLayout,
  type Descriptor,
  describeContent,
  type ImageGraph,
  type MemoryStore,
  memoryStore,
  OciError,
  packArtifact,
  packIndex,
  pushImage,
} from "../../../../src/oci/index.ts";
import { blobsOnDisk, contentsOf, folderFor, imageOf, referrerOf, twoPlatforms } from "./samples.ts";

const AMD64 = { os: "linux", architecture: "amd64" };
const ARM64 = { os: "linux", architecture: "arm64" };

async function sourceOf(graph: ImageGraph, tag = "v1"): Promise<MemoryStore> {
  const store = memoryStore();
  await pushImage(store, graph, tag);
  return store;
}

/** A store that notes the order in which content came in. */
function recording(store: MemoryStore = memoryStore()): CopyTarget & { order: string[]; store: MemoryStore } {
  const order: string[] = [];
  return {
    order,
    store,
    exists: (descriptor) => store.exists(descriptor),
    async push(descriptor, content, options) {
      await store.push(descriptor, content, options);
      order.push(descriptor.digest);
    },
    tag: (descriptor, tag, options) => {
      order.push(tag);
      return store.tag(descriptor, tag, options);
    },
  };
}

const failed = (side: string, causeCode: string) => (error: unknown) => {
  assert.ok(error instanceof OciError);
  assert.deepEqual([error.code, error.side], ["ERR_OCI_COPY_FAILED", side]);
  assert.equal((error.cause as { code?: string }).code, causeCode);
  return true;
};

describe("copyImage", () => {
  test("copies all of an index, each digest once, children before parents and the name last", async () => {
    const graph = twoPlatforms();
    const target = recording();
    const report = await copyImage(await sourceOf(graph), "v1", target, "copy");
    const { digest } = graph.manifest.descriptor;
    assert.deepEqual(target.order.slice(-2), [digest, "copy"]);
    assert.deepEqual(new Set(target.order.slice(0, -1)), new Set(contentsOf(graph).keys()));
    assert.equal(target.order.length, contentsOf(graph).size + 1);
    const blobs = graph.children.flatMap(({ blobs }) => blobs.map(({ descriptor }) => descriptor.digest));
    const manifests = graph.children.map(({ manifest }) => manifest.descriptor.digest);
    const last = Math.max(...blobs.map((each) => target.order.indexOf(each)));
    assert.ok(manifests.every((each) => target.order.indexOf(each) > last));
    assert.equal((await target.store.resolve("copy")).digest, digest);
    assert.equal(report.root.digest, digest);
    assert.equal(report.copied.length, contentsOf(graph).size);
  });

  test("with one platform copies that image alone, also out of a nested index", async () => {
    const inner = twoPlatforms();
    const outer = packIndex([{ graph: inner }]);
    const target = recording();
    const report = await copyImage(await sourceOf(outer), "v1", target, "copy", { platform: ARM64 });
    const arm = inner.children[1];
    assert.ok(arm);
    assert.equal(report.root.digest, arm.manifest.descriptor.digest);
    assert.deepEqual(new Set(target.order.slice(0, -1)), new Set(contentsOf(arm).keys()));
    const s390x = { os: "linux", architecture: "s390x" };
    await assert.rejects(
      copyImage(await sourceOf(inner), "v1", target, "copy", { platform: s390x }),
      failed("source", "ERR_OCI_PLATFORM_NOT_FOUND"),
    );
  });

  test("with some platforms keeps the index as it is and copies their images", async () => {
    const graph = twoPlatforms();
    const target = recording();
    const report = await copyImage(await sourceOf(graph), "v1", target, "copy", { platforms: [AMD64] });
    const amd = graph.children[0];
    assert.ok(amd);
    assert.equal(report.root.digest, graph.manifest.descriptor.digest);
    const expected = [...contentsOf(amd).keys(), graph.manifest.descriptor.digest];
    assert.deepEqual(new Set(target.order.slice(0, -1)), new Set(expected));
    await assert.rejects(
      copyImage(await sourceOf(graph), "v1", target, "copy", { platforms: "all", platform: AMD64 }),
      TypeError,
    );
  });

  test("copies an empty index, and content of unknown types", async () => {
    const other = packArtifact({
      artifactType: "a/b",
      files: [{ content: Buffer.from("x"), mediaType: "x/y" }],
    });
    for (const graph of [packIndex([]), other, packIndex([{ graph: other }])]) {
      const target = recording();
      await copyImage(await sourceOf(graph), "v1", target, "copy");
      assert.deepEqual(new Set(target.order.slice(0, -1)), new Set(contentsOf(graph).keys()));
    }
  });

  test("skips what is there, and does not read it", async () => {
    const graph = imageOf("amd64", "one", "two");
    const store = memoryStore();
    await copyImage(await sourceOf(graph), "v1", recording(store), "copy");
    const source = await sourceOf(graph);
    const read: string[] = [];
    const watching: CopySource = {
      resolve: source.resolve,
      async *fetch(descriptor, options) {
        read.push(descriptor.digest);
        yield* source.fetch(descriptor, options);
      },
    };
    const report = await copyImage(watching, "v1", recording(store), "again");
    assert.deepEqual(read, [graph.manifest.descriptor.digest]);
    assert.equal(report.skipped.length, 4);
    assert.deepEqual(report.copied, []);
  });

  test("leaves restricted layers with other sources out unless asked", async () => {
    const graph = imageOf("amd64", "ordinary");
    const text = Buffer.from("restricted");
    const restricted: Descriptor = {
      ...describeContent(text, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
      urls: ["https://example.com/layer"],
    };
    const source = memoryStore();
    for (const { descriptor, content } of graph.blobs) await source.push(descriptor, content);
    const value = { ...(graph.manifest.plain as object), layers: [restricted] };
    const bytes = Buffer.from(JSON.stringify(value));
    const manifest = describeContent(bytes, graph.manifest.mediaType);
    await source.push(manifest, bytes);
    await source.tag(manifest, "v1");
    const report = await copyImage(source, "v1", recording(), "copy");
    assert.deepEqual(report.foreign, [restricted]);
    await assert.rejects(
      copyImage(source, "v1", recording(), "copy", { foreignLayers: true }),
      failed("source", "ERR_OCI_NOT_FOUND"),
    );
    await source.push(restricted, text);
    const all = await copyImage(source, "v1", recording(), "copy", { foreignLayers: true });
    assert.ok(all.copied.some(({ digest }) => digest === restricted.digest));
  });

  test("copies referrers of all manifests and of referrers, by type if asked", async (t) => {
    const folder = await folderFor(t);
    const source = await createLayout(join(folder, "source"));
    const graph = twoPlatforms();
    const root = await pushImage(source, graph, "v1");
    const signature = referrerOf(root, "application/sig");
    const ofChild = referrerOf(graph.children[0]?.manifest.descriptor ?? root, "application/sbom", "sbom");
    const ofSignature = referrerOf(signature.manifest.descriptor, "application/sig", "counter");
    for (const each of [signature, ofChild, ofSignature]) await pushImage(source, each);
    const copy = async (referrers: CopyImageOptions["referrers"], name: string) => {
      const target = await createLayout(join(folder, name));
      await copyImage(source, "v1", target, "v1", { referrers });
      return new Set((await blobsOnDisk(target.path)).keys());
    };
    const everything = new Set((await blobsOnDisk(source.path)).keys());
    assert.deepEqual(await copy(true, "all"), everything);
    const withSignatures = await copy(["application/sig"], "sig");
    assert.ok(withSignatures.has(ofSignature.manifest.descriptor.digest));
    assert.ok(!withSignatures.has(ofChild.manifest.descriptor.digest));
    assert.deepEqual(await copy(false, "none"), new Set(contentsOf(graph).keys()));
    assert.deepEqual(await copy(undefined, "default"), new Set(contentsOf(graph).keys()));
    const target = await createLayout(join(folder, "all"));
    const found = [];
    for await (const each of target.referrers(root)) found.push(each.digest);
    assert.deepEqual(found, [signature.manifest.descriptor.digest]);
    await assert.rejects(
      copyImage(await sourceOf(graph), "v1", memoryStore(), "v1", { referrers: true }),
      failed("source", "ERR_OCI_UNSUPPORTED"),
    );
  });

  test("writes nothing unless the check says in so many words that it may", async () => {
    const graph = twoPlatforms();
    const source = await sourceOf(graph);
    const verdicts: unknown[] = [
      { kind: "rejected", message: "Source image rejected" },
      { kind: "Allowed" },
      { kind: ["allowed"] },
      {},
      undefined,
      null,
      true,
      "allowed",
    ];
    for (const verdict of verdicts) {
      const target = recording();
      const check = (() => verdict) as NonNullable<CopyImageOptions["check"]>;
      await assert.rejects(copyImage(source, "v1", target, "copy", { check }), {
        code: "ERR_OCI_COPY_REFUSED",
      });
      const late = (async () => verdict) as NonNullable<CopyImageOptions["check"]>;
      await assert.rejects(copyImage(source, "v1", target, "copy", { check: late }), {
        code: "ERR_OCI_COPY_REFUSED",
      });
      assert.deepEqual(target.order, []);
    }
    const failure = new Error("no answer");
    const target = recording();
    await assert.rejects(
      copyImage(source, "v1", target, "copy", { check: () => Promise.reject(failure) }),
      (error) => error === failure,
    );
    assert.deepEqual(target.order, []);
    const asked: CopyCandidate[] = [];
    await copyImage(source, "v1", target, "copy", {
      platform: AMD64,
      check: (candidate) => {
        asked.push(candidate);
        assert.deepEqual(target.order, []);
        return { kind: "allowed" };
      },
    });
    const [only] = asked;
    assert.equal(asked.length, 1);
    assert.equal(only?.resolved.digest, graph.manifest.descriptor.digest);
    assert.equal(only?.root.digest, graph.children[0]?.manifest.descriptor.digest);
    assert.equal(only?.manifest.kind, "manifest");
  });

  test("CVE-2022-47633: copies what was checked though the tag stands for something else by then", async () => {
    const [good, bad] = [imageOf("amd64", "good"), imageOf("amd64", "bad")];
    const source = await sourceOf(good);
    await pushImage(source, bad);
    const target = recording();
    const check = async () => {
      await source.tag(bad.manifest.descriptor, "v1");
      return { kind: "allowed" };
    };
    const report = await copyImage(source, "v1", target, "copy", { check });
    assert.equal(report.root.digest, good.manifest.descriptor.digest);
    assert.equal((await target.store.resolve("copy")).digest, good.manifest.descriptor.digest);
    assert.ok(!target.order.includes(bad.manifest.descriptor.digest));
  });

  test("says which side failed, and gives no name to what is not complete", async () => {
    const graph = twoPlatforms();
    const source = await sourceOf(graph);
    await assert.rejects(copyImage(source, "v2", recording(), "x"), failed("source", "ERR_OCI_NOT_FOUND"));
    const layer = graph.children[0]?.blobs[1]?.descriptor.digest;
    const missing: CopySource = {
      resolve: source.resolve,
      fetch: (descriptor, options) => {
        if (descriptor.digest !== layer) return source.fetch(descriptor, options);
        throw new OciError("ERR_OCI_NOT_FOUND", "gone");
      },
    };
    const damaged: CopySource = {
      resolve: source.resolve,
      fetch: (descriptor, options) =>
        descriptor.digest === layer ? streamOf(Buffer.from("damage")) : source.fetch(descriptor, options),
    };
    const full: CopyTarget = {
      ...recording(),
      push: () => Promise.reject(new OciError("ERR_OCI_FILE", "no space left")),
    };
    const target = recording();
    await assert.rejects(copyImage(missing, "v1", target, "x"), failed("source", "ERR_OCI_NOT_FOUND"));
    await assert.rejects(copyImage(damaged, "v1", target, "x"), failed("target", "ERR_DIGEST_MISMATCH"));
    await assert.rejects(copyImage(source, "v1", full, "x"), failed("target", "ERR_OCI_FILE"));
    assert.ok(!target.order.includes("x"));
    assert.ok(!target.order.includes(graph.manifest.descriptor.digest));
  });

  test("an abort rejects with its reason, whenever it comes, and ends every read", async () => {
    const graph = imageOf("amd64", "one", "two", "three");
    const source = await sourceOf(graph);
    const reason = { why: "enough" };
    const early = AbortSignal.abort(reason);
    await assert.rejects(copyImage(source, "v1", recording(), "x", { signal: early }), (e) => e === reason);
    let open = 0;
    let began = 0;
    const abort = new AbortController();
    const slow: CopySource = {
      resolve: source.resolve,
      async *fetch(descriptor, options = {}) {
        if (descriptor.digest === graph.manifest.descriptor.digest) {
          yield* source.fetch(descriptor, options);
          return;
        }
        open++;
        try {
          if (++began === 4) abort.abort(reason);
          await new Promise((_, reject) => {
            const stop = () => reject(options.signal?.reason);
            if (options.signal?.aborted) stop();
            else options.signal?.addEventListener("abort", stop);
          });
          yield Buffer.from("never");
        } finally {
          open--;
        }
      },
    };
    const target = recording();
    await assert.rejects(copyImage(slow, "v1", target, "x", { signal: abort.signal }), (e) => e === reason);
    assert.deepEqual(target.order, []);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(open, 0);
  });

  test("reports what is done; an error of the report ends the copy and comes out unchanged", async () => {
    const big = Buffer.alloc(3_500_000, "x").toString();
    const graph = imageOf("amd64", big, "small");
    const events: CopyEvent[] = [];
    const chunked = await sourceOf(graph);
    const source: CopySource = {
      resolve: chunked.resolve,
      async *fetch(descriptor, options) {
        for await (const chunk of chunked.fetch(descriptor, options)) {
          for (let at = 0; at < chunk.byteLength; at += 65_536) yield chunk.subarray(at, at + 65_536);
        }
      },
    };
    await copyImage(source, "v1", recording(), "x", { onProgress: (event) => events.push(event) });
    const total = [...contentsOf(graph).values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    const [first] = events;
    assert.deepEqual(first, { kind: "planned", manifests: 1, blobs: 3, totalBytes: total });
    const last = events.at(-1);
    assert.ok(last && "doneBytes" in last && last.doneBytes === total);
    const done = events.flatMap((event) => ("doneBytes" in event ? [event.doneBytes] : []));
    assert.deepEqual(
      done,
      [...done].sort((a, b) => a - b),
    );
    assert.equal(events.filter(({ kind }) => kind === "progress").length, 3);
    const failure = new Error("display broke");
    for (const kind of ["planned", "started", "progress", "copied"]) {
      const target = recording();
      const onProgress = (event: CopyEvent) => {
        if (event.kind === kind) throw failure;
      };
      await assert.rejects(
        copyImage(source, "v1", target, "x", { onProgress }),
        (error) => error === failure,
      );
      assert.ok(!target.order.includes("x"));
    }
  });

  test("keeps to its limits", async () => {
    const graph = twoPlatforms();
    const source = await sourceOf(graph);
    const tooLarge = failed("source", "ERR_TOO_LARGE");
    const target = recording();
    await assert.rejects(copyImage(source, "v1", target, "x", { maxManifests: 2 }), tooLarge);
    await assert.rejects(copyImage(source, "v1", target, "x", { maxDepth: 0 }), tooLarge);
    await assert.rejects(copyImage(source, "v1", target, "x", { maxTotalBytes: 1000 }), tooLarge);
    await assert.rejects(copyImage(source, "v1", target, "x", { maxManifestBytes: 100 }), tooLarge);
    assert.deepEqual(target.order, []);
    for (const concurrency of [0, 1.5, -1, Number.NaN]) {
      await assert.rejects(copyImage(source, "v1", target, "x", { concurrency }), RangeError);
    }
    let most = 0;
    let running = 0;
    const counting: CopyTarget = {
      async push() {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running--;
      },
    };
    await copyImage(source, "v1", counting, undefined, { concurrency: 2 });
    assert.equal(most, 2);
  });

  test("refuses one digest with two sizes, and a document of two kinds", async () => {
    const graph = imageOf("amd64", "one");
    const source = await sourceOf(graph);
    const child = graph.manifest.descriptor;
    const twice = {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [child, { ...child, size: child.size + 1 }],
    };
    const both = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], layers: [] };
    for (const [value, code] of [
      [twice, "ERR_OCI_MANIFEST_INVALID"],
      [both, "ERR_OCI_MANIFEST_AMBIGUOUS"],
    ] as const) {
      const bytes = Buffer.from(JSON.stringify(value));
      const descriptor = describeContent(bytes, OCI_INDEX);
      await source.push(descriptor, bytes);
      await source.tag(descriptor, "bad");
      const target = recording();
      await assert.rejects(copyImage(source, "bad", target, "x"), failed("source", code));
      assert.deepEqual(target.order, []);
    }
  });

  test("takes blobs from a neighbour of the same registry only", async () => {
    const graph = imageOf("amd64", "one");
    const source = await sourceOf(graph);
    const asked: string[] = [];
    const target = (name: string): CopyTarget => {
      const inner = recording();
      const mount: CopyTarget["mount"] = async (descriptor, from) => {
        asked.push(from);
        return descriptor.mediaType.endsWith("tar");
      };
      return { ...inner, name, mount };
    };
    const named = { ...source, name: "example.com/a/b" };
    const report = await copyImage(named, "v1", target("example.com/c"), "x");
    assert.deepEqual([report.mounted.length, report.copied.length], [1, 2]);
    assert.deepEqual(asked, ["a/b", "a/b"]);
    await copyImage(named, "v1", target("example.org/c"), "x");
    await copyImage(named, "v1", target("example.com:443/c"), "x");
    await copyImage(source, "v1", target("example.com/c"), "x");
    assert.equal(asked.length, 2);
  });

  test("a layout lists what gets no name", async (t) => {
    const graph = twoPlatforms();
    const layout = await createLayout(join(await folderFor(t), "layout"));
    await copyImage(await sourceOf(graph), "v1", layout, undefined);
    const { manifests } = (await layout.index()).value;
    assert.deepEqual(
      manifests.map(({ digest }) => digest),
      [graph.manifest.descriptor.digest],
    );
    assert.equal((await layout.resolve("")).digest, graph.manifest.descriptor.digest);
    const nameless: CopyTarget = { push: layout.push };
    await assert.rejects(copyImage(layout, "", nameless, "x"), TypeError);
  });
});

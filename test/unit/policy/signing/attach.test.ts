import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { digestOf } from "../../../../src/core/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, SIMPLE_SIGNING } from "../../../../src/core/media-types.ts";
import { describeContent } from "../../../../src/oci/descriptor.ts";
import { cosignTag } from "../../../../src/oci/digest-tag.ts";
import { OciError } from "../../../../src/oci/errors.ts";
import { fetchBlob, fetchManifest } from "../../../../src/oci/fetch.ts";
import { memoryStore } from "../../../../src/oci/memory-store.ts";
import type { Store } from "../../../../src/oci/store.ts";
import type { SigstoreSignature } from "../../../../src/policy/signature-blob.ts";
import { attachSigstoreSignatures } from "../../../../src/policy/signing/attach.ts";
import { attachSignatures } from "../../../../src/testing/signatures.ts";

const DIGEST = digestOf("image");
const TAG = cosignTag(DIGEST, "sig");

function signature(text: string, annotations: Record<string, string> = { name: text }): SigstoreSignature {
  return {
    format: "sigstore-json",
    mediaType: SIMPLE_SIGNING,
    payload: Buffer.from(text),
    annotations: new Map(Object.entries(annotations)),
  };
}

async function layersOf(store: Store): Promise<string[]> {
  const manifest = await fetchManifest(store, TAG);
  assert.equal(manifest.kind, "manifest");
  const texts: string[] = [];
  for (const layer of manifest.kind === "manifest" ? manifest.value.layers : []) {
    texts.push(Buffer.from(await fetchBlob(store, layer, { maxBytes: 1000 })).toString());
  }
  return texts;
}

/** A store that does something before or after it moves a tag. */
function intrusive(
  store: Store,
  around: { before?(count: number): Promise<void>; after?(count: number): void },
): Store {
  let count = 0;
  return {
    ...store,
    async tag(descriptor, tag, options) {
      count++;
      await around.before?.(count);
      await store.tag(descriptor, tag, options);
      around.after?.(count);
    },
  };
}

/** Another writer, which knows nothing of what is there. */
const overwrite = (store: Store, text = "other"): Promise<unknown> =>
  attachSignatures(store, DIGEST, [
    { mediaType: SIMPLE_SIGNING, payload: Buffer.from(text), annotations: {} },
  ]);

test("the first signature makes a manifest as cosign's", async () => {
  const store = memoryStore();
  const attached = await attachSigstoreSignatures(store, DIGEST, [signature("one")]);
  assert.equal(attached.added, 1);
  assert.equal(attached.referrer, undefined);
  const manifest = await fetchManifest(store, TAG);
  assert.deepEqual(manifest.descriptor.digest, attached.manifest.digest);
  assert.equal(manifest.mediaType, OCI_MANIFEST);
  if (manifest.kind !== "manifest") return assert.fail();
  const { config, layers } = manifest.value;
  assert.equal(config.mediaType, OCI_CONFIG);
  const value = JSON.parse(Buffer.from(await fetchBlob(store, config, { maxBytes: 10_000 })).toString());
  assert.deepEqual(value.rootfs, { type: "layers", diff_ids: [digestOf("one")] });
  assert.equal(value.history.length, 1);
  assert.deepEqual(layers, [
    { mediaType: SIMPLE_SIGNING, digest: digestOf("one"), size: 3, annotations: { name: "one" } },
  ]);
});

test("signatures are added after what is there, and nothing of it is lost", async () => {
  const store = memoryStore();
  const config = Buffer.from(
    '{"architecture":"amd64","os":"linux","x":1,"rootfs":{"type":"layers","diff_ids":[]}}',
  );
  const foreign = Buffer.from("foreign");
  const value = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: describeContent(config, OCI_CONFIG),
    layers: [{ ...describeContent(foreign, "application/x"), annotations: { a: "b" }, unknown: true }],
    annotations: { kept: "yes" },
    "org.example.unknown": [1],
  };
  const bytes = Buffer.from(JSON.stringify(value));
  for (const content of [config, foreign]) await store.push(describeContent(content, OCI_CONFIG), content);
  await store.push(describeContent(bytes, OCI_MANIFEST), bytes);
  await store.tag(describeContent(bytes, OCI_MANIFEST), TAG);
  await attachSigstoreSignatures(store, DIGEST, [signature("two"), signature("three")]);
  const after = await fetchManifest(store, TAG);
  const json = JSON.parse(Buffer.from(after.bytes).toString());
  assert.deepEqual(json.layers[0], JSON.parse(JSON.stringify(value.layers[0])));
  assert.deepEqual(json["org.example.unknown"], [1]);
  assert.deepEqual(json.annotations, { kept: "yes" });
  assert.deepEqual(await layersOf(store), ["foreign", "two", "three"]);
  const changed = JSON.parse(
    Buffer.from(await fetchBlob(store, json.config, { maxBytes: 10_000 })).toString(),
  );
  assert.equal(changed.x, 1);
  assert.equal(changed.architecture, "amd64");
  assert.deepEqual(changed.rootfs.diff_ids, [digestOf("foreign"), digestOf("two"), digestOf("three")]);
});

test("a signature that is there is not repeated; one with another annotation is another one", async () => {
  const store = memoryStore();
  const first = await attachSigstoreSignatures(store, DIGEST, [signature("one"), signature("one")]);
  assert.equal(first.added, 1);
  const again = await attachSigstoreSignatures(store, DIGEST, [signature("one")]);
  assert.deepEqual(again, { manifest: first.manifest, added: 0 });
  const other = await attachSigstoreSignatures(store, DIGEST, [signature("one", { name: "another" })]);
  assert.equal(other.added, 1);
  assert.deepEqual(await layersOf(store), ["one", "one"]);
});

test("many at a time lose none", async () => {
  const store = memoryStore();
  const names = Array.from({ length: 24 }, (_, at) => `s${at}`);
  await Promise.all(
    names.map((name) => attachSigstoreSignatures(store, DIGEST, [signature(name)], { settleMs: 0 })),
  );
  assert.deepEqual((await layersOf(store)).sort(), [...names].sort());
});

test("many at a time through handles that know nothing of each other lose none", async () => {
  const store = memoryStore();
  const names = Array.from({ length: 8 }, (_, at) => `s${at}`);
  const slow = (): Store => ({
    ...store,
    async resolve(name, options) {
      await sleep(Math.random() * 5);
      return store.resolve(name, options);
    },
    async tag(...given) {
      await sleep(Math.random() * 5);
      await store.tag(...given);
    },
  });
  await Promise.all(names.map((name) => attachSigstoreSignatures(slow(), DIGEST, [signature(name)])));
  assert.deepEqual((await layersOf(store)).sort(), [...names].sort());
});

test("who writes between the look and the move is noticed", async () => {
  const store = memoryStore();
  let resolves = 0;
  const raced: Store = {
    ...store,
    async resolve(name, options) {
      // The second look is the one right before the tag is moved.
      if (++resolves === 2) await overwrite(store);
      return store.resolve(name, options);
    },
  };
  await attachSigstoreSignatures(raced, DIGEST, [signature("mine")]);
  assert.deepEqual(await layersOf(store), ["other", "mine"]);
});

test("who overwrites right after is noticed, and both are kept", async () => {
  const store = memoryStore();
  let seen: Promise<unknown> = Promise.resolve();
  const raced = intrusive(store, {
    after(count) {
      if (count === 1) seen = overwrite(store);
    },
  });
  const { added } = await attachSigstoreSignatures(raced, DIGEST, [signature("mine")]);
  await seen;
  assert.equal(added, 1);
  assert.deepEqual(await layersOf(store), ["other", "mine"]);
});

test("the last look comes after settleMs", async () => {
  const run = async (settleMs: number): Promise<string[]> => {
    const store = memoryStore();
    let late: Promise<unknown> = Promise.resolve();
    const raced = intrusive(store, {
      after(count) {
        if (count === 1) late = sleep(60).then(() => overwrite(store));
      },
    });
    await attachSigstoreSignatures(raced, DIGEST, [signature("mine")], { settleMs });
    await late;
    return layersOf(store);
  };
  assert.deepEqual(await run(400), ["other", "mine"]);
  assert.deepEqual(await run(0), ["other"]);
  for (const settleMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    await assert.rejects(attachSigstoreSignatures(memoryStore(), DIGEST, [], { settleMs }), RangeError);
  }
});

test("a signature that somebody else brought along is looked at once more too", async () => {
  const store = memoryStore();
  const mine = signature("mine");
  let looks = Number.NEGATIVE_INFINITY;
  let later: Promise<unknown> = Promise.resolve();
  const raced: Store = {
    ...store,
    async tag(...given) {
      await store.tag(...given);
      if (looks < 0) looks = 0;
    },
    async resolve(name, options) {
      looks++;
      if (looks === 1) await overwrite(store);
      if (looks === 2) {
        // Put back by one who had seen it, and later overwritten by one who had not.
        await attachSignatures(store, DIGEST, [
          { ...mine, annotations: Object.fromEntries(mine.annotations) },
        ]);
        later = sleep(60).then(() => overwrite(store, "last"));
      }
      return store.resolve(name, options);
    },
  };
  await attachSigstoreSignatures(raced, DIGEST, [mine], { settleMs: 300 });
  await later;
  assert.deepEqual(await layersOf(store), ["last", "mine"]);
});

test("others that overwrite again and again end it", async () => {
  const store = memoryStore();
  const raced = intrusive(store, { after: () => void overwrite(store, randomUUID()) });
  await assert.rejects(attachSigstoreSignatures(raced, DIGEST, [signature("mine")], { settleMs: 5 }), {
    code: "ERR_POLICY_CONFLICT",
  });
});

test("what cannot be added to is not replaced", async () => {
  const cases: Record<string, [type: string, text: string]> = {
    "an index": [OCI_INDEX, '{"schemaVersion":2,"manifests":[]}'],
    "a Docker manifest": [
      "application/vnd.docker.distribution.manifest.v2+json",
      JSON.stringify({
        schemaVersion: 2,
        config: describeContent(Buffer.from("{}"), OCI_CONFIG),
        layers: [],
      }),
    ],
    "no JSON": [OCI_MANIFEST, "{"],
    "two readings": [OCI_MANIFEST, '{"schemaVersion":2,"layers":[],"manifests":[]}'],
  };
  for (const [name, [type, text]] of Object.entries(cases)) {
    const store = memoryStore();
    const bytes = Buffer.from(text);
    await store.push(describeContent(bytes, type), bytes);
    await store.tag(describeContent(bytes, type), TAG);
    await assert.rejects(
      attachSigstoreSignatures(store, DIGEST, [signature("mine")]),
      { code: "ERR_POLICY_SIGNATURES" },
      name,
    );
    assert.equal((await store.resolve(TAG)).digest, digestOf(bytes), name);
  }
});

test("only a plain 'not found' is an empty place", async () => {
  for (const code of ["ERR_OCI_DENIED", "ERR_OCI_NETWORK", "ERR_OCI_STATUS"] as const) {
    const failure = new OciError(code, "no");
    const store: Store = {
      ...memoryStore(),
      resolve: async () => {
        throw failure;
      },
      push: async () => assert.fail("nothing may be written"),
    };
    await assert.rejects(
      attachSigstoreSignatures(store, DIGEST, [signature("mine")]),
      (error) => error === failure,
    );
  }
});

test("a registry that loses sight of a blob for a moment is asked again, and one that lost it is not for ever", async () => {
  const failure = new OciError("ERR_OCI_STATUS", "no", {
    statusCode: 400,
    errors: [{ code: "DIGEST_INVALID" }, { code: "MANIFEST_BLOB_UNKNOWN" }],
  });
  const forgetful = (times: number): { store: Store; tries: () => number } => {
    const store = memoryStore();
    let tries = 0;
    return {
      tries: () => tries,
      store: {
        ...store,
        async push(descriptor, content, options) {
          if (descriptor.mediaType === OCI_MANIFEST && ++tries <= times) throw failure;
          await store.push(descriptor, content, options);
        },
      },
    };
  };
  const passing = forgetful(3);
  await attachSigstoreSignatures(passing.store, DIGEST, [signature("mine")]);
  assert.deepEqual(await layersOf(passing.store), ["mine"]);
  assert.equal(passing.tries(), 4);
  let tagged = 0;
  const store = memoryStore();
  const atTag: Store = {
    ...store,
    async tag(...given) {
      if (++tagged === 1) throw failure;
      await store.tag(...given);
    },
  };
  await attachSigstoreSignatures(atTag, DIGEST, [signature("mine")]);
  assert.deepEqual(await layersOf(store), ["mine"]);
  const lasting = forgetful(Number.POSITIVE_INFINITY);
  await assert.rejects(
    attachSigstoreSignatures(lasting.store, DIGEST, [signature("mine")]),
    (error) => error === failure,
  );
  assert.equal(lasting.tries(), 6);
});

test("more than nodes read is refused", async () => {
  const store = memoryStore();
  const many = Array.from({ length: 128 }, (_, at) => signature(`s${at}`));
  await attachSigstoreSignatures(store, DIGEST, many);
  const { digest } = await store.resolve(TAG);
  await assert.rejects(attachSigstoreSignatures(store, DIGEST, [signature("one more")]), {
    code: "ERR_POLICY_SIGNATURES",
  });
  assert.equal((await store.resolve(TAG)).digest, digest);
  const payload = new Uint8Array(4 * 1024 * 1024 + 1);
  await assert.rejects(attachSigstoreSignatures(memoryStore(), DIGEST, [{ ...signature(""), payload }]), {
    code: "ERR_POLICY_SIGNATURES",
  });
  const wide = signature("wide", { text: "x".repeat(4 * 1024 * 1024) });
  await assert.rejects(attachSigstoreSignatures(memoryStore(), DIGEST, [wide]), {
    code: "ERR_POLICY_SIGNATURES",
  });
});

test("a digest that is too long for a tag is refused", async () => {
  await assert.rejects(
    attachSigstoreSignatures(memoryStore(), digestOf("image", "sha512"), [signature("x")]),
    {
      code: "ERR_DIGEST_UNSUPPORTED",
    },
  );
});

test("the subject must be what is signed", async () => {
  const subject = describeContent(Buffer.from("another"), OCI_MANIFEST);
  await assert.rejects(
    attachSigstoreSignatures(memoryStore(), DIGEST, [signature("x")], { subject }),
    TypeError,
  );
});

test("an abort ends it with the caller's reason: before, while waiting for others, while settling", async () => {
  const reason = new Error("enough");
  const is = (error: unknown) => error === reason;
  const store = memoryStore();
  const aborted = AbortSignal.abort(reason);
  await assert.rejects(attachSigstoreSignatures(store, DIGEST, [signature("a")], { signal: aborted }), is);
  await assert.rejects(store.resolve(TAG), { code: "ERR_OCI_NOT_FOUND" });

  const first = new AbortController();
  const second = new AbortController();
  const settling = attachSigstoreSignatures(store, DIGEST, [signature("b")], {
    settleMs: 60_000,
    signal: first.signal,
  });
  const waiting = attachSigstoreSignatures(store, DIGEST, [signature("c")], { signal: second.signal });
  await sleep(20);
  second.abort(reason);
  await assert.rejects(waiting, is);
  first.abort(reason);
  await assert.rejects(settling, is);
  await attachSigstoreSignatures(store, DIGEST, [signature("d")]);
  assert.deepEqual(await layersOf(store), ["b", "d"]);
});

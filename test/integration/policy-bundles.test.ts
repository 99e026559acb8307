/** Verdicts on images with sigstore bundles, in a registry that is reached over HTTP and in memory. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Digest, digestOf } from "../../src/core/digest.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../src/core/media-types.ts";
import {
  type Descriptor,
  describeContent,
  memoryStore,
  type ReadStore,
  referrersTag,
} from "../../src/oci/index.ts";
import {
  COSIGN_SIGN_PREDICATE,
  createExtendedVerifier,
  type ExtendedRule,
  type ExtendedVerifier,
  type ExtendedVerifierOptions,
  fetchBundles,
  type KeylessIdentity,
  parseTrustedRoot,
  type SignedRequirement,
} from "../../src/policy/extended/index.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { createVerifier, type Verifier } from "../../src/policy/verifier.ts";
import {
  attachBundle,
  createBundleAuthorities,
  DEFAULT_OIDC_ISSUER,
  type StartRegistryOptions,
  signStatement,
} from "../../src/testing/index.ts";
import { imageManifest, pushImage, pushIndex } from "../unit/policy/images.ts";
import { pairFor } from "./registry-setup.ts";

const EMAIL = "dev@example.com";
const made = createBundleAuthorities();
const who = made.certify(EMAIL);
const SIGNER: KeylessIdentity = {
  kind: "keyless",
  trustedRoot: parseTrustedRoot(JSON.stringify(made.trustedRoot())),
  issuer: DEFAULT_OIDC_ISSUER,
  subject: { kind: "email", exact: EMAIL },
};
const SIGNED: SignedRequirement = {
  kind: "signed",
  signer: SIGNER,
  content: { predicateTypes: [COSIGN_SIGN_PREDICATE], messageSignature: true },
};
const RULE: ExtendedRule = { binding: "digest-only", requirement: SIGNED };
const REJECT = parsePolicy('{"default":[{"type":"reject"}]}');
const ACCEPT = parsePolicy('{"default":[{"type":"insecureAcceptAnything"}]}');

function bundleFor(digest: string, signer: typeof who = who) {
  return made.sign({ signer, content: { statement: signStatement(digest) } });
}

async function setUp(t: TestContext, options: StartRegistryOptions = {}) {
  const pair = await pairFor(t, { allowMissing: true, ...options });
  const name = `${pair.server.host}/a/b`;
  const node = nodeOf(pair.registry);
  const verifierFor = (rule: ExtendedRule = RULE, more: Partial<ExtendedVerifierOptions> = {}) =>
    createExtendedVerifier({ verifier: node, source: pair.registry, rules: { [name]: rule }, ...more });
  return { ...pair, name, node, verifierFor };
}

function nodeOf(source: Parameters<typeof createVerifier>[1]["source"], policy = REJECT): Verifier {
  return createVerifier(policy, { source, signatureSources: [], cache: false });
}

async function extended(verifier: ExtendedVerifier, reference: string, choice: object = {}) {
  return verifier.evaluate(reference, { ...choice, dialect: "extended" });
}

for (const referrers of ["api", "off"] as const) {
  test(`an image with a bundle is allowed where referrers are ${referrers}`, async (t) => {
    const { server, repository, name, verifierFor } = await setUp(t, { referrers });
    const image = await pushImage(repository, "v1");
    const attached = await attachBundle(repository, image, bundleFor(image.digest));
    const before = server.requests.length;
    const verdict = await extended(await verifierFor(), `${name}:v1`);
    assert.equal(verdict.node.kind, "rejected");
    const { extended: own } = verdict;
    assert.equal(own.kind, "allowed", own.reason);
    assert.equal(own.digest, image.digest);
    assert.equal(own.digest, verdict.node.digest);
    assert.equal(own.scope, name);
    assert.deepEqual(own.sources, [{ name: "referrers", subject: image.digest, referrers: 1, found: 1 }]);
    assert.deepEqual(
      own.statements.map(({ subject }) => subject.digest),
      [image.digest],
    );
    assert.ok(own.result?.type === "signed");
    assert.deepEqual(
      own.result.bundles.map(({ manifest }) => manifest),
      [attached.digest],
    );
    const requests = server.requests.length - before;
    // Image, list, manifest and content of the bundle; without the API one request finds that there is none.
    assert.ok(requests <= (referrers === "api" ? 4 : 5), `${requests} requests`);
  });
}

test("each dialect says what it is, and the node's verdict is always there", async (t) => {
  const { registry, repository, name, verifierFor } = await setUp(t);
  const image = await pushImage(repository, "v1");
  const node = await (await verifierFor()).evaluate(`${name}:v1`, { dialect: "node" });
  assert.deepEqual(Object.keys(node), ["dialect", "node"]);
  assert.equal(node.dialect, "node");
  const lenient = await verifierFor(RULE, { verifier: nodeOf(registry, ACCEPT) });
  const both = await extended(lenient, `${name}:v1`);
  assert.equal(both.dialect, "extended");
  assert.equal(both.node.kind, "allowed");
  assert.equal(both.extended.kind, "rejected");
  assert.equal(both.extended.digest, image.digest);
  assert.equal(both.extended.reason, "the image has no bundle");
  assert.equal("kind" in both, false);
  for (const dialect of [undefined, "cosign"]) {
    await assert.rejects(lenient.evaluate(`${name}:v1`, { dialect } as never), TypeError);
  }
});

test("where the node can say nothing, nothing is decided", async (t) => {
  const { name, verifierFor } = await setUp(t);
  await assert.rejects(extended(await verifierFor(), `${name}:missing`), { code: "ERR_POLICY_MANIFEST" });
});

test("the most specific rule counts alone, and an image without a rule is rejected", async (t) => {
  const { server, registry, repository, name, node } = await setUp(t);
  const image = await pushImage(repository, "v1");
  await attachBundle(repository, image, bundleFor(image.digest));
  const strict: ExtendedRule = {
    ...RULE,
    requirement: { ...SIGNED, signer: { ...SIGNER, subject: { kind: "email", exact: "x@example.com" } } },
  };
  const kindWith = async (rules: Record<string, ExtendedRule>) => {
    const verifier = await createExtendedVerifier({ verifier: node, source: registry, rules });
    const { extended: own } = await extended(verifier, `${name}:v1`);
    return `${own.kind} ${own.scope ?? "-"}`;
  };
  assert.equal(await kindWith({}), "rejected -");
  assert.equal(await kindWith({ "": RULE }), "allowed ");
  assert.equal(await kindWith({ "": RULE, [server.host]: strict }), `rejected ${server.host}`);
  assert.equal(await kindWith({ "": strict, [name]: RULE }), `allowed ${name}`);
  assert.equal(await kindWith({ [name]: RULE, [`${name}:v1`]: strict }), `rejected ${name}:v1`);
  assert.equal(await kindWith({ [`${name}:v2`]: RULE, [`${server.host}/a/bc`]: RULE }), "rejected -");
  assert.equal(await kindWith({ [`${server.host}/a`]: RULE }), `allowed ${server.host}/a`);
});

test("a bundle of another image does not count, wherever it is put", async (t) => {
  const { repository, name, verifierFor } = await setUp(t);
  const image = await pushImage(repository, "v1");
  const other = await pushImage(repository, "v2", "other");
  await attachBundle(repository, image, bundleFor(other.digest));
  await attachBundle(repository, other, bundleFor(other.digest));
  const verifier = await verifierFor();
  const { extended: own } = await extended(verifier, `${name}:v1`);
  assert.equal(own.kind, "rejected");
  assert.deepEqual(own.statements, []);
  assert.ok(own.result?.type === "signed");
  assert.match(
    own.result.bundles[0]?.kind === "rejected" ? own.result.bundles[0].reason : "",
    /other content/,
  );
  assert.equal((await extended(verifier, `${name}:v2`)).extended.kind, "allowed");
});

test("a signature over the manifest's own bytes counts where the rule says so", async (t) => {
  const { repository, name, verifierFor } = await setUp(t);
  const image = await pushImage(repository, "v1");
  await attachBundle(repository, image, made.sign({ signer: who, content: { message: imageManifest() } }));
  assert.equal((await extended(await verifierFor(), `${name}:v1`)).extended.kind, "allowed");
  const content = { predicateTypes: [COSIGN_SIGN_PREDICATE] };
  const only = await verifierFor({ ...RULE, requirement: { ...SIGNED, content } });
  assert.equal((await extended(only, `${name}:v1`)).extended.kind, "rejected");
});

test("a bundle of an index counts for its images where the rule says so", async (t) => {
  const { repository, name, verifierFor } = await setUp(t);
  const platform = { architecture: "amd64", os: "linux" };
  const image = await pushImage(repository);
  const index = await pushIndex(repository, "multi", [{ ...image, platform }]);
  await attachBundle(repository, index, bundleFor(index.digest));
  const plain = await extended(await verifierFor(), `${name}:multi`, { platform });
  assert.equal(plain.extended.kind, "rejected");
  assert.equal(plain.extended.indexDigest, undefined);
  assert.equal(plain.node.indexDigest, index.digest);
  const rule: ExtendedRule = { ...RULE, indexSignatures: true };
  const own = (await extended(await verifierFor(rule), `${name}:multi`, { platform })).extended;
  assert.equal(own.kind, "allowed", own.reason);
  assert.equal(own.digest, image.digest);
  assert.equal(own.indexDigest, index.digest);
  assert.deepEqual(
    own.sources.map(({ subject }) => subject),
    [image.digest, index.digest],
  );
  // By its own digest, the image has no index that would vouch for it.
  const alone = (await extended(await verifierFor(rule), `${name}@${image.digest}`)).extended;
  assert.equal(alone.kind, "rejected");
});

test("an index that does not name the image vouches for nothing", async (t) => {
  const { registry, repository, name, node } = await setUp(t);
  const image = await pushImage(repository, "v1");
  const other = await pushImage(repository, undefined, "other");
  const index = await pushIndex(repository, "multi", [other]);
  await attachBundle(repository, index, bundleFor(index.digest));
  const lying: Verifier = {
    ...node,
    evaluate: async (reference, options) => ({
      ...(await node.evaluate(reference, options)),
      indexDigest: index.digest,
    }),
  };
  const rules = { [name]: { ...RULE, indexSignatures: true } };
  const verifier = await createExtendedVerifier({ verifier: lying, source: registry, rules });
  await assert.rejects(extended(verifier, `${name}:v1`), { code: "ERR_POLICY_MANIFEST" });
  assert.notEqual(image.digest, other.digest);
});

test("CVE-2022-47633: the tag is resolved once, whatever it says later", async (t) => {
  let looks = 0;
  let good: Descriptor | undefined;
  const { repository, name, verifierFor } = await setUp(t, {
    intercept: ({ method, path }) => {
      if (!good || !path.endsWith("/manifests/v1") || (method !== "GET" && method !== "HEAD"))
        return undefined;
      looks++;
      return undefined;
    },
  });
  good = await pushImage(repository, "v1");
  await attachBundle(repository, good, bundleFor(good.digest));
  const verifier = await verifierFor();
  looks = 0;
  const { node, extended: own } = await extended(verifier, `${name}:v1`);
  assert.equal(looks, 1);
  assert.equal(own.digest, node.digest);
});

test("CVE-2023-46737: thousands of referrers give no verdict, and end the listing", async (t) => {
  const { server, repository, name, verifierFor } = await setUp(t);
  const image = await pushImage(repository, "v1");
  await attachBundle(repository, image, bundleFor(image.digest));
  for (let number = 0; number < 1200; number++) {
    server.addManifest("a/b", referrer(image, { artifactType: "application/spdx+json", number }));
  }
  await assert.rejects(extended(await verifierFor(), `${name}:v1`), { code: "ERR_POLICY_SIGNATURES" });
  const more = await verifierFor(RULE, { maxReferrers: 2000 });
  assert.equal((await extended(more, `${name}:v1`)).extended.kind, "allowed");
});

function referrer(subject: Descriptor, more: object): Buffer {
  const config = { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf("{}"), size: 2 };
  const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [config], subject, ...more };
  return Buffer.from(JSON.stringify(manifest));
}

test("limits on bundles hold, and what was not looked at is no verdict", async (t) => {
  const { repository, name, verifierFor } = await setUp(t);
  const image = await pushImage(repository, "v1");
  for (let count = 0; count < 3; count++) await attachBundle(repository, image, bundleFor(image.digest));
  const kindWith = async (limits: object) =>
    (await extended(await verifierFor(RULE, limits), `${name}:v1`)).extended.kind;
  assert.equal(await kindWith({ maxBundles: 3, maxReferrers: 3 }), "allowed");
  for (const limits of [{ maxBundles: 2 }, { maxReferrers: 2 }, { maxTotalBytes: 5000 }]) {
    await assert.rejects(kindWith(limits), { code: "ERR_POLICY_SIGNATURES" });
  }
  await assert.rejects(kindWith({ maxBundles: -1 }), RangeError);
});

test("what is listed as a bundle and is none is told, and hides no other", async (t) => {
  const { repository, name, verifierFor } = await setUp(t);
  const image = await pushImage(repository, "v1");
  const good = bundleFor(image.digest);
  const attach = (change: (manifest: Record<string, unknown>) => unknown, artifactType?: string) =>
    attachBundle(repository, image, good, { changeManifest: change, artifactType });
  await attachBundle(repository, image, Buffer.from("{"));
  await attachBundle(repository, image, Buffer.alloc(4 * 1024 * 1024 + 1, 0x20));
  await attach((manifest) => ({ ...manifest, layers: [] }));
  await attach(({ layers, ...manifest }) => ({
    ...manifest,
    layers: [...(layers as []), ...(layers as [])],
  }));
  await attach(({ layers, ...manifest }) => ({
    ...manifest,
    layers: (layers as Descriptor[]).map((layer) => ({ ...layer, mediaType: "application/json" })),
  }));
  const verifier = await verifierFor();
  const before = (await extended(verifier, `${name}:v1`)).extended;
  assert.equal(before.kind, "rejected");
  assert.ok(before.result?.type === "signed");
  assert.deepEqual(
    before.result.bundles.map(({ kind }) => kind),
    Array(5).fill("rejected"),
  );
  await attachBundle(repository, image, good);
  assert.equal((await extended(verifier, `${name}:v1`)).extended.kind, "allowed");
});

test("a failure to look is no verdict, at any request", async (t) => {
  let failAt = Number.POSITIVE_INFINITY;
  let count = 0;
  const { repository, name, verifierFor, server } = await setUp(t, {
    intercept: () => (++count >= failAt ? { status: 500, body: "no" } : undefined),
  });
  const image = await pushImage(repository, "v1");
  await attachBundle(repository, image, bundleFor(image.digest));
  const verifier = await verifierFor();
  count = 0;
  const before = server.requests.length;
  assert.equal((await extended(verifier, `${name}:v1`)).extended.kind, "allowed");
  const requests = server.requests.length - before;
  for (let at = 1; at <= requests; at++) {
    failAt = at;
    count = 0;
    await assert.rejects(extended(verifier, `${name}:v1`), ({ code }: { code?: string }) =>
      ["ERR_POLICY_SIGNATURES", "ERR_POLICY_MANIFEST"].includes(code ?? ""),
    );
  }
});

test("an abort before, during and after comes out unchanged", async (t) => {
  const controller = new AbortController();
  let abortAt = "";
  const { repository, name, verifierFor } = await setUp(t, {
    intercept: ({ path }) => {
      if (abortAt !== "" && path.includes(abortAt)) controller.abort("enough");
      return undefined;
    },
  });
  const image = await pushImage(repository, "v1");
  await attachBundle(repository, image, bundleFor(image.digest));
  const verifier = await verifierFor();
  await assert.rejects(
    extended(verifier, `${name}:v1`, { signal: AbortSignal.abort("early") }),
    (reason) => reason === "early",
  );
  abortAt = "/referrers/";
  await assert.rejects(
    extended(verifier, `${name}:v1`, { signal: controller.signal }),
    (reason) => reason === "enough",
  );
  abortAt = "";
  const late = new AbortController();
  const { extended: own } = await extended(verifier, `${name}:v1`, { signal: late.signal });
  late.abort();
  assert.equal(own.kind, "allowed");
});

/** A store that cannot list referrers, with a list under the tag that stands in. */
async function tagged(entries: (image: Descriptor) => readonly object[]) {
  const store = memoryStore();
  const image = await pushImage(store, "v1");
  const attached = await attachBundle(store, image, bundleFor(image.digest));
  const manifests = entries(attached);
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }));
  const index = describeContent(bytes, OCI_INDEX);
  await store.push(index, bytes);
  await store.tag(index, referrersTag(image.digest));
  return { store: store as ReadStore, image };
}

test("without a list of referrers the tag in its place is read", async () => {
  const { store, image } = await tagged((bundle) => [bundle]);
  const found = await fetchBundles(store, image.digest);
  assert.equal(found.referrers, 1);
  assert.deepEqual(
    found.bundles.map(({ content }) => "message" in content && "mediaType" in content),
    [true],
  );
  // A list that tells no types leaves them to the manifests.
  const untyped = await tagged(({ artifactType: _, ...bundle }) => [bundle]);
  assert.equal((await fetchBundles(untyped.store, untyped.image.digest)).bundles.length, 1);
  const empty = memoryStore();
  assert.deepEqual(await fetchBundles(empty, digestOf("x")), { referrers: 0, bundles: [] });
  // A list that names what is not there was not looked at in full.
  const missing = await tagged((bundle) => [bundle, { ...bundle, digest: digestOf("missing") }]);
  await assert.rejects(fetchBundles(missing.store, missing.image.digest), { code: "ERR_POLICY_SIGNATURES" });
});

test("where asked for, the tag is read beside the list of referrers", async () => {
  const { store, image } = await tagged((bundle) => [bundle, bundle]);
  const listing = {
    ...store,
    async *referrers(): AsyncGenerator<Descriptor, void> {},
  };
  assert.equal((await fetchBundles(listing, image.digest)).bundles.length, 0);
  assert.equal((await fetchBundles(listing, image.digest, { fallbackTag: "if-absent" })).bundles.length, 0);
  const found = await fetchBundles(listing, image.digest, { fallbackTag: "always", maxReferrers: 1 });
  assert.equal(found.referrers, 1);
  assert.equal(found.bundles.length, 1);
  await assert.rejects(fetchBundles(listing, image.digest, { fallbackTag: "never" as never }), TypeError);
});

test("a tag in the place of the list that stands for something else gives no verdict", async () => {
  const store = memoryStore();
  const image = await pushImage(store, "v1");
  await store.tag(image, referrersTag(image.digest));
  await assert.rejects(fetchBundles(store, image.digest), { code: "ERR_POLICY_SIGNATURES" });
});

test("a referrer of something else is told, and does not count", async () => {
  const store = memoryStore();
  const image = await pushImage(store, "v1");
  const other = await pushImage(store, undefined, "other");
  const elsewhere = await attachBundle(store, other, bundleFor(image.digest));
  const lister = {
    ...store,
    async *referrers() {
      yield elsewhere;
    },
  };
  const { bundles } = await fetchBundles(lister, image.digest);
  assert.deepEqual(
    bundles.map(({ content }) => "code" in content && content.code),
    ["ERR_POLICY_INVALID_SIGNATURE"],
  );
});

test("rules with a mistake in them make no verifier", async (t) => {
  const { registry, node } = await setUp(t);
  const wrong: unknown[] = [
    { requirement: SIGNED },
    { binding: "matchRepository", requirement: SIGNED },
    { binding: "digest-only" },
    { ...RULE, indexSignature: true },
    { ...RULE, indexSignatures: "yes" },
    undefined,
  ];
  for (const rule of wrong) {
    const rules = { "": rule as ExtendedRule };
    await assert.rejects(createExtendedVerifier({ verifier: node, source: registry, rules }), TypeError);
  }
  await assert.rejects(
    createExtendedVerifier({ verifier: node, source: registry, rules: undefined as never }),
    TypeError,
  );
  const options = { verifier: node, source: registry, rules: {}, maxBundle: 1 };
  await assert.rejects(createExtendedVerifier(options as never), TypeError);
});

test("the digest that is decided on is the one that the bundles were looked up by", async (t) => {
  const { server, repository, name, verifierFor } = await setUp(t);
  const image = await pushImage(repository, "v1");
  await extended(await verifierFor(), `${name}:v1`);
  const asked = server.requests.filter(({ url }) => url.includes("/referrers/")).map(({ url }) => url);
  const digests = new Set(asked.map((url) => url.split("/").at(-1) as Digest));
  assert.deepEqual([...digests], [image.digest]);
});

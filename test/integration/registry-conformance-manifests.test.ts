/** The in-process registry by the points of the conformance suite: manifests, lists, deletion. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type DigestAlgorithm, digestOf } from "../../src/core/digest.ts";
import { OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "../../src/core/media-types.ts";
import type { StartRegistryOptions, TestRegistry } from "../../src/testing/index.ts";
import { serverFor } from "./registry-setup.ts";
import {
  ask,
  assertDigestHeader,
  bytesOf,
  codeOf,
  locationOf,
  pushBlob,
  putManifest,
} from "./registry-wire.ts";

const layer = Buffer.alloc(1000, "layer ");
const config = Buffer.from(
  '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"own":1}',
);
const empty = Buffer.from("{}");
const ACCEPT: [string, string][] = [
  ["Accept", OCI_INDEX],
  ["Accept", OCI_MANIFEST],
];

interface Document {
  mediaType: string;
  bytes: Buffer;
  algorithm: DigestAlgorithm;
}

function descriptor(mediaType: string, bytes: Uint8Array, more = {}, algorithm: DigestAlgorithm = "sha256") {
  return { mediaType, digest: digestOf(bytes, algorithm), size: bytes.length, ...more };
}

function document(mediaType: string, fields: object, algorithm: DigestAlgorithm = "sha256"): Document {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...fields }));
  return { mediaType, bytes, algorithm };
}

const of = ({ mediaType, bytes, algorithm }: Document, more = {}) =>
  descriptor(mediaType, bytes, more, algorithm);
const digestFor = ({ bytes, algorithm }: Document) => digestOf(bytes, algorithm);

const configDescriptor = descriptor(OCI_CONFIG, config);
const emptyDescriptor = descriptor(OCI_EMPTY, empty);
const image = (more = {}, algorithm?: DigestAlgorithm) =>
  document(
    OCI_MANIFEST,
    { config: configDescriptor, layers: [descriptor(OCI_LAYER, layer)], ...more },
    algorithm,
  );
const index = (manifests: Document[], more = {}, algorithm?: DigestAlgorithm) =>
  document(OCI_INDEX, { manifests: manifests.map((child) => of(child)), ...more }, algorithm);
const artifact = (artifactType: string | undefined, more = {}) =>
  document(OCI_MANIFEST, {
    ...(artifactType === undefined ? {} : { artifactType }),
    config: emptyDescriptor,
    layers: [emptyDescriptor],
    ...more,
  });
const absent = artifact("a/never-pushed");

/** What the suite pushes, children first; the last one is the kind itself. */
const kinds: Record<string, Document[]> = {
  image: [image()],
  "image-uncompressed": [image({ layers: [descriptor("application/vnd.oci.image.layer.v1.tar", layer)] })],
  "large-manifest": [
    image({
      annotations: Object.fromEntries(Array.from({ length: 390 }, (_, i) => [`key${i}`, "x".repeat(10_000)])),
    }),
  ],
  index: [image(), image({ annotations: { arm: "yes" } })],
  "nested-index": [image(), index([image()]), index([index([image()])])],
  "empty-index": [index([])],
  artifact: [artifact("a/artifact")],
  "artifact-index": [image(), index([image()], { artifactType: "a/index" })],
  "artifact-without-layers": [artifact("a/none")],
  "artifacts-with-subject": [
    image(),
    artifact(undefined, { subject: of(image()) }),
    artifact("a/one", { subject: of(image()) }),
    artifact("a/two", { subject: of(image()) }),
  ],
  "index-with-subject": [image(), index([image()]), index([], { subject: of(index([image()])) })],
  "missing-subject": [artifact("a/b", { subject: of(absent) })],
  "data-field": [image({ config: { ...emptyDescriptor, data: empty.toString("base64") } })],
  "non-distributable-layers": [
    image({
      layers: [
        {
          ...descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar", Buffer.from("elsewhere")),
          urls: ["https://example.com/layer"],
        },
      ],
    }),
  ],
  "custom-fields": [
    image({ own: { a: [1, null, "ü"] } }),
    index([image({ own: { a: [1, null, "ü"] } })], { own: 1.5 }),
  ],
  "no-layers": [image({ layers: [] })],
  sha512: [image({}, "sha512"), index([image({}, "sha512")], {}, "sha512")],
};

async function repositoryFor(
  t: TestContext,
  options?: StartRegistryOptions,
): Promise<{ server: TestRegistry; repository: string }> {
  const server = await serverFor(t, options);
  const repository = `${server.url}/v2/conformance/repo1`;
  for (const blob of [layer, config, empty]) await pushBlob(repository, blob);
  return { server, repository };
}

for (const [kind, documents] of Object.entries(kinds)) {
  test(`U17 to U19, P14, P15: ${kind} is pushed by digest and by tag, and read back byte for byte`, async (t) => {
    const { repository } = await repositoryFor(t);
    for (const doc of documents) {
      const digest = digestFor(doc);
      const references = doc.algorithm === "sha256" ? [digest, "tagged"] : [digest];
      for (const reference of references) {
        const put = await putManifest(repository, reference, doc.bytes, doc.mediaType);
        assert.equal(put.status, 201, await put.text());
        assertDigestHeader(put, digest);
        const { subject } = JSON.parse(doc.bytes.toString()) as { subject?: { digest: string } };
        assert.equal(put.headers.get("oci-subject"), subject?.digest ?? null);
        for (const url of [locationOf(put).href, `${repository}/manifests/${reference}`]) {
          for (const method of ["HEAD", "GET"]) {
            const read = await ask(url, method, { headers: ACCEPT });
            assert.equal(read.status, 200);
            assert.equal(read.headers.get("content-type"), doc.mediaType);
            assert.equal(read.headers.get("content-length"), String(doc.bytes.length));
            assertDigestHeader(read, digest);
            assert.deepEqual(await bytesOf(read), method === "HEAD" ? Buffer.alloc(0) : doc.bytes);
          }
        }
      }
    }
  });
}

test("sparse content is taken where the registry is told to", async (t) => {
  const { repository } = await repositoryFor(t, { allowMissing: true });
  const { repository: strict } = await repositoryFor(t);
  const documents = [index([absent]), image({ layers: [descriptor(OCI_LAYER, Buffer.from("never"))] })];
  for (const { bytes, mediaType } of documents) {
    assert.equal((await putManifest(repository, "v1", bytes, mediaType)).status, 201);
    const refused = await putManifest(strict, "v1", bytes, mediaType);
    assert.deepEqual([refused.status, await codeOf(refused)], [400, "MANIFEST_BLOB_UNKNOWN"]);
  }
});

test("P16 to P18 manifests that are missing, or named by no digest", async (t) => {
  const { repository } = await repositoryFor(t);
  assert.equal((await ask(`${repository}/manifests/${digestOf("x")}`)).status, 404);
  assert.equal((await ask(`${repository}/manifests/${digestOf("x", "sha512")}`)).status, 404);
  assert.equal((await ask(`${repository}/manifests/nothing`)).status, 404);
  assert.equal((await ask(`${repository}/manifests/sha256:baddigeststring`)).status, 400);
});

test("U20 tags beside a manifest that is put by digest", async (t) => {
  for (const algorithm of ["sha256", "sha512"] as const) {
    const { repository } = await repositoryFor(t);
    const doc = image({}, algorithm);
    const put = await putManifest(repository, `${digestFor(doc)}?tag=a&tag=b`, doc.bytes);
    assert.equal(put.status, 201);
    assert.deepEqual(put.headers.get("oci-tag")?.split(", "), ["a", "b"]);
    for (const tag of ["a", "b"]) {
      const read = await ask(`${repository}/manifests/${tag}`);
      assert.deepEqual(await bytesOf(read), doc.bytes);
      assertDigestHeader(read, digestFor(doc));
    }
  }
});

test("U21 and U22 a manifest that does not match its digest, and a digest that is none", async (t) => {
  const { repository, server } = await repositoryFor(t);
  const { bytes } = image();
  const more = Buffer.concat([bytes, Buffer.from("  ")]);
  assert.equal((await putManifest(repository, digestOf(bytes), more)).status, 400);
  assert.equal((await putManifest(repository, "sha256:baddigeststring", bytes)).status, 400);
  assert.deepEqual(server.stored("conformance/repo1").manifests, []);
});

test("a manifest over the limit is refused with 413", async (t) => {
  const { repository } = await repositoryFor(t, { maxManifestBytes: 400 });
  const { bytes } = image({ annotations: { a: "a".repeat(400) } });
  const put = await putManifest(repository, "v1", bytes);
  assert.deepEqual([put.status, await codeOf(put)], [413, "SIZE_INVALID"]);
});

test("D1 to D3 tags: of nothing, all, and after one", async (t) => {
  const { repository, server } = await repositoryFor(t);
  assert.equal((await ask(`${server.url}/v2/conformance/empty/tags/list`)).status, 404);
  assert.deepEqual(await (await ask(`${repository}/tags/list`)).json(), {
    name: "conformance/repo1",
    tags: [],
  });
  for (const tag of ["b", "B", "a", "c"]) await putManifest(repository, tag, image().bytes);
  const list = async (query: string) => {
    const response = await ask(`${repository}/tags/list${query}`);
    assert.equal(response.status, 200);
    const { tags } = (await response.json()) as { tags: string[] };
    return { tags, link: response.headers.get("link") };
  };
  assert.deepEqual(await list(""), { tags: ["B", "a", "b", "c"], link: null });
  assert.deepEqual(await list("?last=a"), { tags: ["b", "c"], link: null });
  assert.deepEqual(await list("?n=0"), { tags: [], link: null });
  const two = await list("?n=2");
  assert.deepEqual(two.tags, ["B", "a"]);
  const next = /^<([^>]+)>; rel="next"$/.exec(two.link ?? "")?.[1];
  assert.ok(next);
  const rest = await ask(new URL(next, server.url));
  assert.deepEqual(((await rest.json()) as { tags: string[] }).tags, ["b", "c"]);
  assert.equal(rest.headers.get("link"), null);
});

test("D4 to D7 referrers: of an unknown subject, all, of one type, of a subject that is missing", async (t) => {
  const { repository } = await repositoryFor(t);
  const subject = of(absent);
  const one = artifact("a/one", { subject, annotations: { k: "v" } });
  const two = document(OCI_MANIFEST, { config: configDescriptor, layers: [], subject });
  const three = index([], { subject });
  for (const doc of [one, two, three]) {
    const put = await putManifest(repository, digestFor(doc), doc.bytes, doc.mediaType);
    assert.equal(put.headers.get("oci-subject"), subject.digest);
  }
  const list = async (digest: string, query = "") => {
    const response = await ask(`${repository}/referrers/${digest}${query}`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), OCI_INDEX);
    const found = (await response.json()) as {
      schemaVersion: number;
      mediaType: string;
      manifests: object[];
    };
    assert.deepEqual([found.schemaVersion, found.mediaType], [2, OCI_INDEX]);
    const byText = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    return { filters: response.headers.get("oci-filters-applied"), manifests: found.manifests.sort(byText) };
  };
  const byText = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  const oneEntry = of(one, { artifactType: "a/one", annotations: { k: "v" } });
  const all = [oneEntry, of(two, { artifactType: OCI_CONFIG }), of(three)].sort(byText);
  assert.deepEqual(await list(digestOf("unknown")), { filters: null, manifests: [] });
  assert.deepEqual(await list(subject.digest), { filters: null, manifests: all });
  assert.deepEqual(await list(subject.digest, "?artifactType=a/one"), {
    filters: "artifactType",
    manifests: [oneEntry],
  });
  assert.deepEqual(await list(subject.digest, "?artifactType=a/none"), {
    filters: "artifactType",
    manifests: [],
  });
  assert.equal((await ask(`${repository}/referrers/sha256:bad`)).status, 400);
});

test("M1 to M4 tags and manifests are deleted, in the reverse order, and gone at once", async (t) => {
  const { repository } = await repositoryFor(t);
  const documents = [image(), index([image()])];
  for (const [i, doc] of documents.entries())
    await putManifest(repository, `v${i}`, doc.bytes, doc.mediaType);
  assert.equal((await ask(`${repository}/manifests/v1`, "DELETE")).status, 202);
  assert.equal((await ask(`${repository}/manifests/v1`, "HEAD")).status, 404);
  assert.equal((await ask(`${repository}/manifests/v1`, "DELETE")).status, 404);
  for (const doc of documents.toReversed()) {
    const url = `${repository}/manifests/${digestFor(doc)}`;
    assert.equal((await ask(url, "HEAD")).status, 200);
    assert.equal((await ask(url, "DELETE")).status, 202);
    assert.equal((await ask(url, "HEAD")).status, 404);
  }
  assert.equal((await ask(`${repository}/manifests/v0`, "HEAD")).status, 404);
});

test("nothing is deleted where deletion is off", async (t) => {
  const { repository } = await repositoryFor(t, { deletion: false });
  await putManifest(repository, "v1", image().bytes);
  for (const reference of ["v1", digestFor(image())]) {
    const refused = await ask(`${repository}/manifests/${reference}`, "DELETE");
    assert.deepEqual([refused.status, await codeOf(refused)], [405, "UNSUPPORTED"]);
  }
  assert.equal((await ask(`${repository}/manifests/v1`, "HEAD")).status, 200);
});

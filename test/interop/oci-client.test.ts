/** What the registry client does beside pull and push, against docker-registry. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { streamOf } from "../../src/core/bytes.ts";
import { OCI_EMPTY, OCI_INDEX, OCI_MANIFEST } from "../../src/core/media-types.ts";
import {
  createRegistry,
  type Descriptor,
  describeContent,
  fetchBlob,
  type Repository,
  referrersTag,
} from "../../src/oci/index.ts";
import { needs } from "./parts.ts";
import { startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";

const TYPE = "application/octet-stream";
const EMPTY = Buffer.from("{}");
const CONFIG = describeContent(EMPTY, OCI_EMPTY);

async function pushManifest(repository: Repository, fields: object): Promise<Descriptor> {
  await repository.push(CONFIG, EMPTY);
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: CONFIG,
      layers: [CONFIG],
      ...fields,
    }),
  );
  const manifest = describeContent(bytes, OCI_MANIFEST);
  await repository.push(manifest, bytes, { deleteReplacedReferrers: true });
  return manifest;
}

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const entries: T[] = [];
  for await (const entry of list) entries.push(entry);
  return entries;
}

test("docker-registry: lists, referrers by tag, deletion, mounts, chunks and ranges", {
  ...needs(whyNoDockerRegistry()),
}, async (t) => {
  const { host, stop } = await startDockerRegistry();
  t.after(stop);
  const registry = createRegistry();
  t.after(() => registry.close());
  const repository = registry.repository(`${host}/team/app`);

  const big = Buffer.from(Array.from({ length: 1_000_000 }, (_, n) => (n * 31 + (n >> 9)) % 256));
  const blob = describeContent(big, TYPE);
  const pieces = () => streamOf(...[0, 1, 2, 3].map((n) => big.subarray(n * 250_000, (n + 1) * 250_000)));
  await repository.push(blob, pieces(), { upload: "chunked", chunkBytes: 300_000 });
  const ranges = { parallel: 3, chunkBytes: 100_000 };
  const parts = await all(repository.fetch(blob, { ranges }));
  assert.equal(parts.length, 10);
  assert.ok(big.equals(Buffer.concat(parts)));
  assert.deepEqual(await repository.pushStream(pieces(), { mediaType: TYPE }), blob);
  const single = describeContent(big.subarray(1), TYPE);
  await repository.push(single, big.subarray(1), { upload: "single-post" });
  assert.ok(big.subarray(1).equals(await fetchBlob(repository, single, { maxBytes: 1e6 })));

  const other = registry.repository(`${host}/other`);
  assert.equal(await other.mount(blob, repository.name), true);
  assert.ok(await other.exists(blob));
  assert.equal(await other.mount(describeContent(Buffer.from("nowhere"), TYPE), "team/app"), false);

  const subject = await pushManifest(repository, { annotations: { is: "subject" } });
  for (const tag of ["v1", "v2", "v3"]) await repository.tag(subject, tag);
  assert.deepEqual(await all(repository.tags({ pageSize: 2 })), ["v1", "v2", "v3"]);
  assert.deepEqual(await all(registry.catalog(host, { pageSize: 1 })), ["other", "team/app"]);

  assert.deepEqual(await all(repository.referrers(subject)), []);
  const annotations = { "org.example.n": "1" };
  const first = await pushManifest(repository, { subject, artifactType: "a/sig", annotations });
  const second = await pushManifest(repository, { subject, artifactType: "a/sbom" });
  assert.deepEqual(await all(repository.referrers(subject)), [
    { ...first, artifactType: "a/sig", annotations },
    { ...second, artifactType: "a/sbom" },
  ]);
  assert.deepEqual(await all(repository.referrers(subject, { artifactType: "a/sbom" })), [
    { ...second, artifactType: "a/sbom" },
  ]);
  assert.equal((await repository.resolve(referrersTag(subject.digest))).mediaType, OCI_INDEX);
  await repository.delete(first);
  assert.deepEqual(
    (await all(repository.referrers(subject))).map(({ digest }) => digest),
    [second.digest],
  );

  // This version deletes manifests and blobs, but no tags.
  await assert.rejects(repository.deleteTag("v1"), { code: "ERR_OCI_UNSUPPORTED" });
  await repository.delete(blob);
  assert.equal(await repository.exists(blob), false);
  await assert.rejects(repository.delete(blob), { code: "ERR_OCI_NOT_FOUND" });
});

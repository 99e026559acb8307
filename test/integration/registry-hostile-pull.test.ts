/** Reading from a registry that lies about content: what is asked for comes, or an error that says why not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { OCI_INDEX } from "../../src/core/media-types.ts";
import { fetchBlob, fetchManifest } from "../../src/oci/index.ts";
import type { RegistryMisbehaviour } from "../../src/testing/index.ts";
import { type Hostile, type HostileOptions, withHostile } from "./registry-hostile-setup.ts";

const readBlob = ({ repository, blob }: Hostile) => fetchBlob(repository, blob, { maxBytes: 1e6 });
const readTag = ({ repository }: Hostile) => fetchManifest(repository, "v1");
const readDigest = ({ repository, manifest }: Hostile) => fetchManifest(repository, manifest.digest);
const BLOB_GET: RegistryMisbehaviour = { method: "GET", path: "/blobs/" };
const MANIFEST_GET: RegistryMisbehaviour = { method: "GET", path: "/manifests/" };

/** A read that must fail with a code, after at most so many requests that were met. */
function refused(
  name: string,
  misbehaviour: RegistryMisbehaviour,
  read: (hostile: Hostile) => Promise<unknown>,
  code: string | readonly string[],
  { most = 1, ...options }: HostileOptions & { most?: number } = {},
): void {
  test(name, () =>
    withHostile(async (hostile) => {
      const injected = hostile.misbehave(misbehaviour);
      await assert.rejects(read(hostile), (error: { code: string }) => {
        assert.ok([code].flat().includes(error.code), `${error.code} in place of ${code}`);
        return true;
      });
      assert.ok(injected.met >= 1 && injected.met <= most, `met ${injected.met} times`);
      injected.undo();
      assert.ok(await read(hostile), "what follows is not spoiled");
    }, options),
  );
}

/** A read that must succeed in spite of it. */
function survived(name: string, misbehaviours: RegistryMisbehaviour[], options?: HostileOptions): void {
  test(name, () =>
    withHostile(async (hostile) => {
      for (const misbehaviour of misbehaviours) hostile.misbehave(misbehaviour);
      assert.deepEqual(Buffer.from(await readBlob(hostile)), hostile.content);
      assert.equal((await readTag(hostile)).descriptor.digest, hostile.manifest.digest);
    }, options),
  );
}

refused("a blob with one other bit", { ...BLOB_GET, corruptAt: 299_999 }, readBlob, "ERR_DIGEST_MISMATCH");
refused("a blob that is another one", { ...BLOB_GET, body: "another" }, readBlob, "ERR_SIZE_MISMATCH");
refused("a blob of one byte more", { ...BLOB_GET, extraBytes: 1 }, readBlob, "ERR_SIZE_MISMATCH");
refused(
  "CVE-2020-1702: a blob without end",
  { ...BLOB_GET, extraBytes: Number.POSITIVE_INFINITY },
  readBlob,
  "ERR_SIZE_MISMATCH",
);
refused(
  "CVE-2020-1702: a manifest without end",
  { ...MANIFEST_GET, extraBytes: Number.POSITIVE_INFINITY },
  readDigest,
  "ERR_TOO_LARGE",
);
refused(
  "a manifest over four mebibytes",
  { ...MANIFEST_GET, extraBytes: 2 ** 23 },
  readDigest,
  "ERR_TOO_LARGE",
);
refused(
  "GHSA-jpcc-p29g-p8mq: a blob that is compressed unasked",
  { ...BLOB_GET, gzip: true },
  readBlob,
  "ERR_OCI_PROTOCOL",
);
refused(
  "GHSA-jpcc-p29g-p8mq: a manifest that is compressed unasked",
  { ...MANIFEST_GET, gzip: true },
  readDigest,
  "ERR_OCI_PROTOCOL",
);
refused(
  "CVE-2026-22036: a chain of encodings",
  { ...BLOB_GET, gzip: true, headers: { "Content-Encoding": "gzip, gzip, gzip, gzip, gzip" } },
  readBlob,
  "ERR_OCI_PROTOCOL",
);
refused(
  "a manifest with one other bit",
  { ...MANIFEST_GET, corruptAt: 20 },
  readDigest,
  "ERR_DIGEST_MISMATCH",
);
refused(
  "another manifest than the digest that was asked for",
  { ...MANIFEST_GET, flipTo: ["v2"] },
  readDigest,
  "ERR_DIGEST_MISMATCH",
);
refused(
  "a digest header that says something else than the body",
  { ...MANIFEST_GET, headers: { "Docker-Content-Digest": digestOf("x") } },
  readDigest,
  "ERR_DIGEST_MISMATCH",
);
refused(
  "a head with another digest than the one that was asked for",
  { method: "HEAD", path: "/manifests/", headers: { "Docker-Content-Digest": digestOf("x") } },
  ({ repository, manifest }) => repository.resolve(manifest.digest),
  "ERR_DIGEST_MISMATCH",
);
refused(
  "a head that understates the size",
  { method: "HEAD", path: "/manifests/", headers: { "Content-Length": "10" } },
  readTag,
  "ERR_SIZE_MISMATCH",
);
refused(
  "GHSA-f36w-mj3v-6jqv: a head that overstates the size is refused before anything is fetched",
  { method: "HEAD", path: "/manifests/", headers: { "Content-Length": "99999999999999" } },
  readTag,
  "ERR_TOO_LARGE",
);
for (const type of [OCI_INDEX, "application/vnd.docker.distribution.manifest.v2+json"]) {
  refused(
    `CVE-2021-41190: a manifest that is called ${type}`,
    { path: "/manifests/", headers: { "Content-Type": type } },
    readTag,
    ["ERR_OCI_MEDIA_TYPE_MISMATCH", "ERR_OCI_MANIFEST_AMBIGUOUS"],
    { most: 2 },
  );
}
refused(
  "a manifest that is called a web page",
  { path: "/manifests/", headers: { "Content-Type": "text/html; charset=utf-8" } },
  readTag,
  "ERR_OCI_MEDIA_TYPE_UNSUPPORTED",
  { most: 3 },
);
refused(
  "a web page in place of a manifest",
  {
    path: "/manifests/",
    reply: () => ({ status: 200, headers: { "Content-Type": "text/html" }, body: "<html>" }),
  },
  readTag,
  "ERR_OCI_MEDIA_TYPE_UNSUPPORTED",
  { most: 3 },
);

test("the digest of a web page is not the digest of an image", () =>
  withHostile(async ({ registry, repository, server, misbehave }) => {
    for (const type of ["text/html", "application/json", "application/octet-stream"]) {
      const injected = misbehave({
        path: "/manifests/",
        reply: () => ({ status: 200, headers: { "Content-Type": type }, body: "<html>" }),
      });
      const code = "ERR_OCI_MEDIA_TYPE_UNSUPPORTED";
      await assert.rejects(repository.resolve("v1"), { code });
      await assert.rejects(registry.resolve(`${server.host}/a/b:v1`), { code });
      injected.undo();
    }
  }));

test("CVE-2022-47633: what a tag stands for is asked once, whatever it stands for next", () =>
  withHostile(async (hostile) => {
    const { repository, manifest, other, server } = hostile;
    const injected = hostile.misbehave({
      path: "/manifests/v1",
      flipTo: [manifest.digest, other.digest],
    });
    const { descriptor } = await fetchManifest(repository, "v1");
    assert.equal(descriptor.digest, manifest.digest);
    assert.equal(injected.met, 1, "the tag is resolved once; the rest goes by digest");
    assert.ok(server.requests.at(-1)?.url.endsWith(manifest.digest));
    const second = await fetchManifest(repository, "v1");
    assert.equal(second.descriptor.digest, other.digest);
    assert.equal(injected.met, 2);
  }));

test("CVE-2022-47633: a tag that HEAD and GET know differently never gives a mixture", () =>
  withHostile(async (hostile) => {
    const { repository, manifest, other } = hostile;
    // Without the digest the client has to read the body: what it then says is about that body.
    hostile.misbehave({ method: "HEAD", path: "/manifests/v1", headers: { "Docker-Content-Digest": null } });
    hostile.misbehave({ method: "GET", path: "/manifests/v1", flipTo: [other.digest] });
    const resolved = await repository.resolve("v1");
    assert.deepEqual([resolved.digest, resolved.size], [other.digest, other.size]);
    assert.notEqual(resolved.digest, manifest.digest);
  }));

survived("a blob that breaks off is taken up where it broke", [
  { ...BLOB_GET, cutAt: 100_000, times: 1 },
  { ...BLOB_GET, cutAt: 100_000, cutBy: "reset", times: 1 },
]);
survived("a registry that forgets ranges sends the whole again", [
  { ...BLOB_GET, cutAt: 100_000, times: 1 },
  { ...BLOB_GET, ignoreRange: true },
]);
survived("a body in chunks, without a length", [{ method: "GET", path: "/v2/", chunked: true }]);
survived("connections that end in place of an answer, twice", [
  { path: "/v2/", disconnect: "end", times: 1 },
  { path: "/v2/", disconnect: "reset", times: 1 },
]);
for (const range of [
  "bytes 0-199999/300000",
  "bytes 100001-299999/300000",
  "bytes 100000-299999/300001",
  "x",
]) {
  test(`the rest of a blob under the range ${range}`, () =>
    withHostile(async (hostile) => {
      hostile.misbehave({ ...BLOB_GET, cutAt: 100_000, times: 1 });
      const injected = hostile.misbehave({ ...BLOB_GET, headers: { "Content-Range": range } });
      await assert.rejects(readBlob(hostile), { code: "ERR_OCI_PROTOCOL" });
      assert.equal(injected.met, 1);
    }));
}
refused(
  "a range in place of the whole",
  {
    ...BLOB_GET,
    reply: () => ({ status: 206, headers: { "Content-Range": "bytes 0-9/300000" }, body: "0123456789" }),
  },
  readBlob,
  "ERR_OCI_PROTOCOL",
);
refused("a blob that breaks off again and again", { ...BLOB_GET, cutAt: 100 }, readBlob, "ERR_OCI_NETWORK", {
  most: 3,
});

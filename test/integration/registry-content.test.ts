import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { collectBytes } from "../../src/core/bytes.ts";
import { digestOf } from "../../src/core/digest.ts";
import { OCI_MANIFEST } from "../../src/core/media-types.ts";
import { fetchBlob, fetchManifest } from "../../src/oci/index.ts";
import type { RegistryReply, RegistryRequest } from "../../src/testing/registry-reply.ts";
import { pairFor, pushSample } from "./registry-setup.ts";

type Alter = (request: RegistryRequest, reply: RegistryReply) => RegistryReply;

const isBlobRead = ({ method, path }: RegistryRequest): boolean =>
  method === "GET" && path.includes("/blobs/");
const isManifestRead = ({ method, path }: RegistryRequest): boolean =>
  method === "GET" && path.includes("/manifests/");

/** A registry that changes what it answers, once a sample is in it. */
async function tampered(t: Parameters<typeof pairFor>[0], alter: Alter) {
  let active = false;
  const pair = await pairFor(t, { alter: (request, reply) => (active ? alter(request, reply) : reply) });
  const sample = await pushSample(pair.repository);
  active = true;
  return { ...pair, ...sample };
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield Buffer.alloc(64 * 1024, "x");
}

test("a blob with a changed byte, a byte less or more is an error before its end", async (t) => {
  const changes: [string, (body: Uint8Array) => Uint8Array, string][] = [
    [
      "changed",
      (body) => Uint8Array.from(body, (byte, i) => (i === 500 ? byte ^ 1 : byte)),
      "ERR_DIGEST_MISMATCH",
    ],
    ["short", (body) => body.subarray(1), "ERR_SIZE_MISMATCH"],
    ["long", (body) => Buffer.concat([body, Buffer.from("x")]), "ERR_SIZE_MISMATCH"],
    ["empty", () => new Uint8Array(), "ERR_SIZE_MISMATCH"],
  ];
  for (const [name, change, code] of changes) {
    const { repository, blob } = await tampered(t, (request, reply) =>
      isBlobRead(request) ? { ...reply, body: change(reply.body as Uint8Array) } : reply,
    );
    const seen: Uint8Array[] = [];
    await assert.rejects(
      async () => {
        for await (const chunk of repository.fetch(blob)) seen.push(chunk);
        seen.push(Buffer.from("end"));
      },
      { code },
      name,
    );
    assert.notEqual(Buffer.from(seen.at(-1) ?? []).toString(), "end", name);
    await assert.rejects(fetchBlob(repository, blob, { maxBytes: 10_000 }), { code }, name);
  }
});

test("a manifest that was changed is an error, whatever the header says", async (t) => {
  for (const header of [undefined, "lie"]) {
    const { repository, manifest } = await tampered(t, (request, reply) => {
      if (!isManifestRead(request)) return reply;
      const body = Buffer.from(reply.body as Uint8Array);
      body[body.length - 1] = 0x20;
      const digest = header === "lie" ? manifest.digest : digestOf(body);
      return { ...reply, body, headers: { ...reply.headers, "Docker-Content-Digest": digest } };
    });
    await assert.rejects(fetchManifest(repository, manifest), { code: "ERR_DIGEST_MISMATCH" });
    await assert.rejects(fetchManifest(repository, manifest.digest), { code: "ERR_DIGEST_MISMATCH" });
    await assert.rejects(fetchManifest(repository, "v1"), { code: "ERR_DIGEST_MISMATCH" });
  }
});

test("a digest header that is not the content's is an error naming all three", async (t) => {
  const lie = digestOf("lie");
  const { repository, manifest } = await tampered(t, (request, reply) =>
    request.path.includes("/manifests/")
      ? { ...reply, headers: { ...reply.headers, "Docker-Content-Digest": lie } }
      : reply,
  );
  await assert.rejects(repository.resolve(manifest.digest), (error: { code: string; message: string }) => {
    assert.equal(error.code, "ERR_DIGEST_MISMATCH");
    return error.message.includes(lie) && error.message.includes(manifest.digest);
  });
  await assert.rejects(collectBytes(repository.fetch(manifest), { maxBytes: 1e6 }), (error: Error) => {
    assert.ok(error.message.includes(`asked for ${manifest.digest}`) && error.message.includes(lie));
    return true;
  });
  // By tag the header is the only claim; what is then fetched must match it.
  await assert.rejects(fetchManifest(repository, "v1"), { code: "ERR_OCI_NOT_FOUND" });
});

test("a digest header of another algorithm is compared by computing it", async (t) => {
  for (const [text, code] of [
    ["", undefined],
    ["x", "ERR_DIGEST_MISMATCH"],
  ] as const) {
    const { repository, manifest } = await tampered(t, (request, reply) => {
      if (!request.path.includes("/manifests/")) return reply;
      const said = digestOf(Buffer.concat([reply.body as Uint8Array, Buffer.from(text)]), "sha512");
      return { ...reply, headers: { ...reply.headers, "Docker-Content-Digest": said } };
    });
    const read = fetchManifest(repository, manifest.digest);
    if (code === undefined) assert.equal((await read).descriptor.digest, manifest.digest);
    else await assert.rejects(read, { code });
  }
});

test("CVE-2020-1702: bodies without end are cut at what was asked for", async (t) => {
  const { server, repository, blob, manifest } = await tampered(t, ({ method }, reply) =>
    method === "GET" ? { ...reply, body: endless() } : reply,
  );
  await assert.rejects(fetchBlob(repository, blob, { maxBytes: 1e6 }), { code: "ERR_SIZE_MISMATCH" });
  await assert.rejects(fetchManifest(repository, manifest), { code: "ERR_TOO_LARGE" });
  await assert.rejects(repository.tag(manifest, "v2"), { code: "ERR_TOO_LARGE" });
  assert.ok(server.requests.length < 20);
});

test("an error body without end is cut, and the status is what counts", async (t) => {
  const { repository, blob } = await tampered(t, (request, reply) =>
    isBlobRead(request) ? { status: 418, body: endless() } : reply,
  );
  await assert.rejects(fetchBlob(repository, blob, { maxBytes: 1e6 }), {
    code: "ERR_OCI_STATUS",
    statusCode: 418,
  });
});

test("a blob over the caller's limit is not asked for", async (t) => {
  const { server, repository, blob } = await tampered(t, (_, reply) => reply);
  const before = server.requests.length;
  await assert.rejects(fetchBlob(repository, blob, { maxBytes: 999 }), { code: "ERR_TOO_LARGE" });
  assert.equal(server.requests.length, before);
});

test("GHSA-jpcc-p29g-p8mq: nothing is ever decoded: an encoded answer is refused by name", async (t) => {
  const bomb = gzipSync(Buffer.alloc(10_000_000));
  const { server, repository, blob, manifest } = await tampered(t, (request, reply) =>
    request.method === "GET"
      ? { ...reply, headers: { ...reply.headers, "Content-Encoding": "gzip" }, body: bomb }
      : reply,
  );
  await assert.rejects(fetchBlob(repository, blob, { maxBytes: 1e6 }), { code: "ERR_OCI_PROTOCOL" });
  await assert.rejects(fetchManifest(repository, manifest), { code: "ERR_OCI_PROTOCOL" });
  for (const { headers } of server.requests) assert.equal(headers["accept-encoding"], "identity");
});

test("a broken connection is taken up again where it broke", async (t) => {
  const offsets: (string | undefined)[] = [];
  const { repository, blob, content } = await tampered(t, (request, reply) => {
    if (!isBlobRead(request)) return reply;
    offsets.push(request.headers.range);
    return offsets.length <= 3 ? { ...reply, breakAfterBytes: 100 } : reply;
  });
  assert.deepEqual(Buffer.from(await fetchBlob(repository, blob, { maxBytes: 1000 })), content);
  assert.deepEqual(offsets, [undefined, "bytes=100-999", "bytes=200-999", "bytes=300-999"]);
});

test("a registry that answers the whole blob to a range is read on at the right place", async (t) => {
  let reads = 0;
  const { repository, blob, content } = await tampered(t, (request, reply) => {
    if (!isBlobRead(request)) return reply;
    reads++;
    if (reads === 1) return { ...reply, breakAfterBytes: 333 };
    return { status: 200, body: content };
  });
  assert.deepEqual(Buffer.from(await fetchBlob(repository, blob, { maxBytes: 1000 })), content);
});

test("a range that was not asked for is refused", async (t) => {
  for (const range of [
    "bytes 101-999/1000",
    "bytes 100-998/1000",
    "bytes 100-999/1001",
    "junk",
    "bytes 0-999/1000",
  ]) {
    let reads = 0;
    const { repository, blob } = await tampered(t, (request, reply) => {
      if (!isBlobRead(request)) return reply;
      reads++;
      if (reads === 1) return { ...reply, breakAfterBytes: 100 };
      return { ...reply, headers: { "Content-Range": range } };
    });
    await assert.rejects(
      fetchBlob(repository, blob, { maxBytes: 1000 }),
      { code: "ERR_OCI_PROTOCOL" },
      range,
    );
  }
});

test("a partial answer to a whole read is refused", async (t) => {
  const { repository, blob } = await tampered(t, (request, reply) =>
    isBlobRead(request) ? { ...reply, status: 206, headers: { "Content-Range": "bytes 0-999/1000" } } : reply,
  );
  await assert.rejects(fetchBlob(repository, blob, { maxBytes: 1000 }), { code: "ERR_OCI_PROTOCOL" });
});

test("a connection that breaks at once is given up after as many tries as the policy has", async (t) => {
  let reads = 0;
  const { repository, blob } = await tampered(t, (request, reply) => {
    if (!isBlobRead(request)) return reply;
    reads++;
    return { ...reply, breakAfterBytes: 1 };
  });
  await assert.rejects(fetchBlob(repository, blob, { maxBytes: 1000 }), { code: "ERR_OCI_NETWORK" });
  assert.equal(reads, 5);
});

test("CVE-2021-41190: a manifest that can be read as two kinds is refused when it is fetched", async (t) => {
  const { repository, server } = await pairFor(t);
  const { manifest, bytes } = await pushSample(repository);
  const both = Buffer.from(JSON.stringify({ ...JSON.parse(bytes.toString()), manifests: [] }));
  const descriptor = { mediaType: OCI_MANIFEST, digest: digestOf(both), size: both.length };
  // The registry itself refuses to store it.
  await assert.rejects(repository.push(descriptor, both), { statusCode: 400 });
  assert.ok(server.requests.length > 0);
  const other = await tampered(t, (request, reply) =>
    request.path.endsWith("/both")
      ? {
          status: 200,
          headers: { "Content-Type": OCI_MANIFEST, "Docker-Content-Digest": descriptor.digest },
          body: both,
        }
      : request.path.endsWith(descriptor.digest)
        ? { status: 200, headers: { "Content-Type": OCI_MANIFEST }, body: both }
        : reply,
  );
  await assert.rejects(fetchManifest(other.repository, "both"), { code: "ERR_OCI_MANIFEST_AMBIGUOUS" });
  assert.ok(manifest.size > 0);
});

test("CVE-2021-41190: a Content-Type that disagrees with the document is refused", async (t) => {
  const { repository } = await tampered(t, (request, reply) =>
    request.path.includes("/manifests/")
      ? { ...reply, headers: { ...reply.headers, "Content-Type": "application/vnd.oci.image.index.v1+json" } }
      : reply,
  );
  await assert.rejects(fetchManifest(repository, "v1"), { code: "ERR_OCI_MANIFEST_AMBIGUOUS" });
});

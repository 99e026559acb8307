import assert from "node:assert/strict";
import { test } from "node:test";
import { collectBytes, streamOf } from "../../src/core/bytes.ts";
import { digestOf } from "../../src/core/digest.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../src/core/media-types.ts";
import { createRegistry, describeContent, fetchBlob, fetchManifest } from "../../src/oci/index.ts";
import { clientFor, pairFor, pushSample, serverFor } from "./registry-setup.ts";

for (const host of ["127.0.0.1", "::1"] as const) {
  for (const locations of ["relative", "absolute"] as const) {
    test(`an image is pushed and pulled: ${host}, ${locations} locations`, async (t) => {
      const { server, registry, repository } = await pairFor(t, { host, locations });
      const { blob, content, manifest, bytes } = await pushSample(repository);
      const image = await registry.resolve(`${server.host}/a/b:v1`);
      assert.deepEqual(image.descriptor, manifest);
      assert.equal(image.reference.digest, manifest.digest);
      assert.equal(image.repository.name, `${server.host}/a/b`);
      const read = await fetchManifest(image.repository, image.descriptor);
      assert.deepEqual(Buffer.from(read.bytes), bytes);
      assert.equal(read.kind === "manifest" && read.value.layers[0]?.digest, blob.digest);
      assert.deepEqual(Buffer.from(await fetchBlob(repository, blob, { maxBytes: 1000 })), content);
    });
  }
}

test("a digest decides over a tag, and latest is the default", async (t) => {
  const { server, registry, repository } = await pairFor(t);
  const { manifest } = await pushSample(repository);
  const byBoth = await registry.resolve(`${server.host}/a/b:other@${manifest.digest}`);
  assert.deepEqual([byBoth.descriptor, byBoth.reference.tag], [manifest, "other"]);
  await assert.rejects(registry.resolve(`${server.host}/a/b`), {
    code: "ERR_OCI_NOT_FOUND",
    statusCode: 404,
  });
  assert.ok(server.requests.at(-1)?.url.endsWith("/manifests/latest"));
});

test("what is there already is not sent again", async (t) => {
  const { server, repository } = await pairFor(t);
  await pushSample(repository);
  const before = server.requests.length;
  await pushSample(repository);
  const again = server.requests
    .slice(before)
    .map(({ method, url }) => `${method} ${url.replace(/sha256.*/, "D")}`);
  assert.deepEqual(again, [
    "HEAD /v2/a/b/blobs/D",
    "HEAD /v2/a/b/blobs/D",
    "HEAD /v2/a/b/manifests/D",
    "GET /v2/a/b/manifests/D",
    "PUT /v2/a/b/manifests/v1",
  ]);
});

test("an empty blob, a streamed blob and one with sha512 are stored", async (t) => {
  const { repository } = await pairFor(t);
  const type = "application/octet-stream";
  const empty = describeContent(new Uint8Array(), type);
  await repository.push(empty, new Uint8Array());
  assert.equal((await fetchBlob(repository, empty, { maxBytes: 0 })).byteLength, 0);
  const content = Buffer.alloc(300_000, "x");
  const chunks = [0, 1, 2].map((i) => content.subarray(i * 100_000, (i + 1) * 100_000));
  await repository.push(describeContent(content, type), streamOf(...chunks, new Uint8Array()));
  assert.ok(await repository.exists(describeContent(content, type)));
  const long = { mediaType: type, digest: digestOf("abc", "sha512"), size: 3 };
  await repository.push(long, Buffer.from("abc"));
  assert.equal(Buffer.from(await fetchBlob(repository, long, { maxBytes: 3 })).toString(), "abc");
  const emptyStream = describeContent(new Uint8Array(), type);
  await repository.push({ ...emptyStream, digest: digestOf("", "sha384") }, streamOf());
});

test("content that is not what its descriptor says is not pushed", async (t) => {
  const { server, repository } = await pairFor(t);
  const type = "application/octet-stream";
  const descriptor = describeContent(Buffer.from("abcdef"), type);
  const mismatch = { code: "ERR_DIGEST_MISMATCH" };
  await assert.rejects(repository.push(descriptor, Buffer.from("abcdeX")), mismatch);
  assert.equal(server.requests.length, 0);
  const parts = (...texts: string[]) => streamOf(...texts.map((text) => Buffer.from(text)));
  await assert.rejects(repository.push(descriptor, parts("abc", "deX")), mismatch);
  await assert.rejects(repository.push(descriptor, parts("abc", "def", "g")), { code: "ERR_SIZE_MISMATCH" });
  await assert.rejects(repository.push(descriptor, parts("abc", "de")), { code: "ERR_SIZE_MISMATCH" });
  // An error of the caller's own stream comes out as it is.
  await assert.rejects(repository.push(descriptor, streamThatFails()), new Error("disk on fire"));
  assert.equal(await repository.exists(descriptor), false);
  // The registry never had the last chunk, and the session was given up.
  for (const { method, status } of server.requests) if (method === "PUT") assert.equal(status, 0);
});

async function* streamThatFails(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("abc");
  throw new Error("disk on fire");
}

test("a manifest whose content is missing is refused, with the registry's code", async (t) => {
  const { repository } = await pairFor(t);
  const config = describeContent(Buffer.from("never pushed"), "a/b");
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [] }),
  );
  await assert.rejects(repository.push(describeContent(bytes, OCI_MANIFEST), bytes), {
    code: "ERR_OCI_STATUS",
    statusCode: 400,
  });
});

test("a manifest of almost four mebibytes is taken, a larger one is not read", async (t) => {
  const { repository } = await pairFor(t, { maxManifestBytes: 8 * 1024 * 1024 });
  const index = (length: number) =>
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_INDEX,
        manifests: [],
        annotations: { a: "a".repeat(length) },
      }),
    );
  const large = index(4_000_000);
  const descriptor = describeContent(large, OCI_INDEX);
  await repository.push(descriptor, large);
  assert.equal((await fetchManifest(repository, descriptor)).kind, "index");
  const tooLarge = describeContent(index(5_000_000), OCI_INDEX);
  const other = createRegistry({ maxManifestBytes: 8 * 1024 * 1024 });
  t.after(() => other.close());
  const generous = other.repository(repository.name);
  await generous.push(tooLarge, index(5_000_000));
  await generous.tag(tooLarge, "large");
  await assert.rejects(fetchManifest(repository, tooLarge), { code: "ERR_TOO_LARGE" });
  await assert.rejects(collectBytes(repository.fetch(tooLarge), { maxBytes: 1e9 }), {
    code: "ERR_TOO_LARGE",
  });
  assert.equal((await fetchManifest(generous, "large", { maxBytes: 8 * 1024 * 1024 })).kind, "index");
});

test("names, tags and digests that could steer a URL are refused before anything is sent", async (t) => {
  const { server, registry, repository } = await pairFor(t);
  for (const name of ["a/../b", "A/b", "a//b", "a/b?x", "a/ž", "", "a/b#", "a%2fb", "x".repeat(256)]) {
    assert.throws(
      () => registry.repository(`${server.host}/${name}`),
      { code: "ERR_REFERENCE_INVALID" },
      name,
    );
  }
  assert.throws(() => registry.repository("127.0.0.1:99999/a"), { code: "ERR_REFERENCE_INVALID" });
  for (const tag of ["", "../x", "a/b", "ž", "a b", ".a", "a".repeat(129)]) {
    await assert.rejects(repository.resolve(tag), { code: "ERR_REFERENCE_INVALID" }, tag);
  }
  await assert.rejects(repository.resolve("sha256:../../x"), { code: "ERR_DIGEST_INVALID" });
  await assert.rejects(repository.resolve(`md5:${"0".repeat(32)}`), { code: "ERR_DIGEST_UNSUPPORTED" });
  const forged = { ...describeContent(new Uint8Array(), "a/b"), digest: "sha256:../../x" as never };
  await assert.rejects(collectBytes(repository.fetch(forged), { maxBytes: 1 }), {
    code: "ERR_DIGEST_INVALID",
  });
  assert.equal(server.requests.length, 0);
});

test("a 404 keeps the registry's own codes, also for a tag asked by HEAD", async (t) => {
  const server = await serverFor(t, {
    intercept: () => ({
      status: 404,
      body: JSON.stringify({
        errors: [{ code: "DENIED", message: "no\u001b[31m", detail: { n: 1 } }, 5, {}],
      }),
    }),
  });
  const repository = clientFor(t).repository(`${server.host}/a/b`);
  await assert.rejects(
    repository.resolve("v1"),
    (error: { message: string; errors: unknown[]; code: string }) => {
      assert.equal(error.code, "ERR_OCI_NOT_FOUND");
      assert.deepEqual(error.errors, [{ code: "DENIED", message: "no\u001b[31m", detail: { n: 1 } }]);
      assert.ok(!error.message.includes("\u001b"));
      return true;
    },
  );
});

test("a registry that refuses HEAD is asked by GET", async (t) => {
  for (const status of [405, 403, 400]) {
    const { server, repository } = await pairFor(t, {
      intercept: ({ method, path }) =>
        method === "HEAD" && path.includes("/manifests/v1") ? { status } : undefined,
    });
    const { manifest } = await pushSample(repository);
    assert.deepEqual(await repository.resolve("v1"), manifest);
    assert.equal(server.requests.at(-1)?.method, "GET");
  }
});

test("a registry that leaves out headers is asked by GET", async (t) => {
  const { repository } = await pairFor(t, {
    alter: ({ method }, reply) =>
      method === "HEAD" ? { ...reply, headers: { "Content-Type": OCI_MANIFEST } } : reply,
  });
  const { manifest } = await pushSample(repository);
  assert.deepEqual(await repository.resolve("v1"), manifest);
});

test("a warning is told once, and its text is not acted on", async (t) => {
  const told: string[] = [];
  const { repository } = await pairFor(
    t,
    {
      alter: (_, reply) => ({
        ...reply,
        headers: { ...reply.headers, Warning: ['299 - "going away"', "junk"] },
      }),
    },
    { onWarning: (text, host) => told.push(`${host.replace(/[0-9]+$/, "PORT")} ${text}`) },
  );
  await pushSample(repository);
  assert.deepEqual(told, ["127.0.0.1:PORT going away"]);
});

test("errors show neither user information nor query", async (t) => {
  const { server, repository } = await pairFor(t, {
    intercept: ({ method, path }) => {
      if (method === "POST") return { status: 202, headers: { Location: `${path}1?_state=secret` } };
      return method === "PUT" ? { status: 500 } : undefined;
    },
  });
  const content = Buffer.from("x");
  await assert.rejects(
    repository.push(describeContent(content, "a/b"), content),
    (error: { message: string; url?: string; method?: string }) => {
      assert.doesNotMatch(error.message + error.url, /secret/);
      assert.equal(error.method, "PUT");
      assert.equal(error.url, `${server.url}/v2/a/b/blobs/uploads/1`);
      return true;
    },
  );
});

test("the query of a location is kept as it is", async (t) => {
  const { server, repository } = await pairFor(t, {
    intercept: ({ method }) => {
      if (method === "POST") return { status: 202, headers: { Location: "1?s=%2F+%20&t" } };
      return method === "PUT" ? { status: 201 } : undefined;
    },
  });
  const content = Buffer.from("x");
  await repository.push(describeContent(content, "a/b"), content);
  const digest = encodeURIComponent(digestOf("x"));
  assert.equal(server.requests.at(-1)?.url, `/v2/a/b/blobs/uploads/1?s=%2F+%20&t&digest=${digest}`);
});

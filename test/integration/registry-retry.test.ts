import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegistry, describeContent, fetchBlob } from "../../src/oci/index.ts";
import type { RegistryReply } from "../../src/testing/registry-reply.ts";
import { clientFor, pairFor, pushSample, serverFor } from "./registry-setup.ts";

test("reads are tried again after failures that may pass", async (t) => {
  const failures: RegistryReply[] = [
    { status: 429 },
    { status: 500 },
    { status: 503, headers: { "Retry-After": "0" } },
    { status: 200, breakAfterBytes: 0 },
  ];
  const { repository, server } = await pairFor(t, {
    intercept: ({ method, path }) =>
      method === "HEAD" && path.includes("v1") ? failures.shift() : undefined,
  });
  const { manifest } = await pushSample(repository);
  const before = server.requests.length;
  assert.deepEqual(await repository.resolve("v1"), manifest);
  assert.equal(server.requests.length - before, 5);
});

test("failures that do not pass are not tried again", async (t) => {
  for (const status of [400, 401, 403, 404, 418, 501]) {
    const server = await serverFor(t, { intercept: () => ({ status }) });
    await assert.rejects(clientFor(t).repository(`${server.host}/a/b`).resolve("v1"), { statusCode: status });
    assert.ok(server.requests.length <= 2, String(status));
  }
});

test("a rate limit that asks for a longer wait than allowed fails at once, and says how long", async (t) => {
  const date = new Date(Date.now() + 3_600_000).toUTCString();
  for (const value of ["3600", date]) {
    const server = await serverFor(t, {
      intercept: () => ({ status: 429, headers: { "Retry-After": value } }),
    });
    await assert.rejects(
      clientFor(t).repository(`${server.host}/a/b`).resolve("v1"),
      (error: { code: string; retryAfterMs: number }) =>
        error.code === "ERR_OCI_RATE_LIMITED" && Math.abs(error.retryAfterMs - 3_600_000) < 10_000,
    );
    assert.equal(server.requests.length, 1);
  }
});

test("a wait that is asked for is kept", async (t) => {
  let first = 0;
  const { repository } = await pairFor(t, {
    intercept: ({ path }) => {
      if (!path.includes("/manifests/v1") || first > 0) return undefined;
      first = performance.now();
      return { status: 429, headers: { "Retry-After": "1" } };
    },
  });
  await pushSample(repository);
  assert.ok(performance.now() - first >= 990);
});

test("content at hand is pushed again with a session of its own", async (t) => {
  let failures = 2;
  const { server, repository } = await pairFor(t, {
    intercept: ({ method }) => (method === "PUT" && failures-- > 0 ? { status: 503 } : undefined),
  });
  const content = Buffer.from("x");
  await repository.push(describeContent(content, "a/b"), content);
  const puts = server.requests.filter(({ method }) => method === "PUT").map(({ url }) => url.split("?")[0]);
  assert.equal(new Set(puts).size, 3);
  assert.equal(server.requests.filter(({ method }) => method === "DELETE").length, 2);
});

test("a stream is sent once", async (t) => {
  const { server, repository } = await pairFor(t, {
    intercept: ({ method }) => (method === "PUT" ? { status: 503 } : undefined),
  });
  async function* source(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("x");
  }
  await assert.rejects(repository.push(describeContent(Buffer.from("x"), "a/b"), source()), {
    statusCode: 503,
  });
  assert.equal(server.requests.filter(({ method }) => method === "PUT").length, 1);
});

test("a refused connection fails at once", async (t) => {
  const server = await serverFor(t);
  await server.close();
  const registry = clientFor(t);
  await assert.rejects(
    registry.repository(`${server.host}/a/b`).resolve("v1"),
    (error: { code: string; cause: { code: string } }) =>
      error.code === "ERR_OCI_NETWORK" && error.cause.code === "ECONNREFUSED",
  );
});

test("a policy that is none is a mistake of the caller", () => {
  for (const retry of [{ attempts: 0 }, { baseMs: -1 }, { maxMs: Number.NaN }, { maxRetryAfterMs: 1.5 }]) {
    assert.throws(() => createRegistry({ retry }), RangeError);
  }
  assert.throws(() => createRegistry({ maxManifestBytes: -1 }), RangeError);
  assert.throws(() => createRegistry({ headersTimeoutMs: -1 }), RangeError);
});

test("many blobs at once arrive whole", async (t) => {
  const { repository } = await pairFor(t);
  const blobs = await Promise.all(
    Array.from({ length: 30 }, async (_, i) => {
      const content = Buffer.alloc(100_000, `${i};`);
      const descriptor = describeContent(content, "application/octet-stream");
      await repository.push(descriptor, content);
      return { content, descriptor };
    }),
  );
  for (const { content, descriptor } of blobs) {
    assert.deepEqual(Buffer.from(await fetchBlob(repository, descriptor, { maxBytes: 100_000 })), content);
  }
});

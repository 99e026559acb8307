import assert from "node:assert/strict";
import { test } from "node:test";
import { collectBytes } from "../../src/core/bytes.ts";
import { describeContent, fetchBlob, type RateLimit } from "../../src/oci/index.ts";
import { clientFor, pairFor, pushSample, serverFor } from "./registry-setup.ts";

test("what a registry says of its limits is told, also with a refusal", async (t) => {
  const told: [RateLimit, string][] = [];
  let left = 3;
  const { server, repository } = await pairFor(
    t,
    {
      alter: (_, reply) => {
        const headers = { "RateLimit-Limit": "3;w=60", "RateLimit-Remaining": `${left};w=60` };
        return left-- > 0
          ? { ...reply, headers: { ...reply.headers, ...headers } }
          : { status: 429, headers: { ...headers, "Retry-After": "600" } };
      },
    },
    { onRateLimit: (limit, host) => told.push([limit, host]) },
  );
  const missing = describeContent(Buffer.from("x"), "a/b");
  for (let n = 0; n < 3; n++) assert.equal(await repository.exists(missing), false);
  await assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_RATE_LIMITED", retryAfterMs: 600_000 });
  assert.deepEqual(
    told.map(([{ remaining }]) => remaining),
    [3, 2, 1, 0],
  );
  assert.deepEqual(told[0], [{ limit: 3, remaining: 3, windowSeconds: 60 }, server.host]);
});

test("hundreds of small blobs come over a few connections that are kept", async (t) => {
  let active = 0;
  let most = 0;
  const { server, repository } = await pairFor(t, {
    intercept: async () => {
      most = Math.max(most, ++active);
      await new Promise((resolve) => setImmediate(resolve));
      active--;
      return undefined;
    },
  });
  const contents = Array.from({ length: 300 }, (_, n) => Buffer.from(`blob ${n}`));
  const blobs = contents.map((content) => describeContent(content, "a/b"));
  await Promise.all(blobs.map((blob, n) => repository.push(blob, contents[n] as Uint8Array)));
  assert.ok(most <= 6, String(most));
  const found = await Promise.all(blobs.map((blob) => fetchBlob(repository, blob, { maxBytes: 100 })));
  assert.deepEqual(
    found.map((bytes) => Buffer.from(bytes)),
    contents,
  );
  // Six at a time; a connection that has only just ended its request may not be ready for the next one yet.
  assert.ok(server.connections.made <= 24, String(server.connections.made));
  // What goes from the registry to itself uses both ways at a time.
  const target = clientFor(t).repository(`${server.host}/other`);
  await Promise.all(blobs.map((blob) => target.push(blob, repository.fetch(blob))));
  assert.ok(await target.exists(blobs[299] as (typeof blobs)[number]));
});

test("bodies that are held open do not stop other requests", async (t) => {
  const { server } = await pairFor(t);
  const repository = clientFor(t, { maxRequestsPerOrigin: 2 }).repository(`${server.host}/a/b`);
  const { manifest } = await pushSample(repository);
  const big = Buffer.alloc(8_000_000, "x");
  const blob = describeContent(big, "a/b");
  await repository.push(blob, big);
  const held = [0, 1].map(() => repository.fetch(blob)[Symbol.asyncIterator]());
  for (const one of held) await one.next();
  assert.deepEqual(await repository.resolve("v1"), manifest);
  for (const one of held) await one.return?.();
  await collectBytes(repository.fetch(blob), { maxBytes: 8_000_000 });
});

test("closing ends the wait of requests that have no turn yet", async (t) => {
  const server = await serverFor(t, { intercept: () => new Promise(() => {}) });
  const registry = clientFor(t, { maxRequestsPerOrigin: 1 });
  const repository = registry.repository(`${server.host}/a/b`);
  const waiting = [1, 2, 3].map(() => assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_CLOSED" }));
  await new Promise((resolve) => setTimeout(resolve, 50));
  await registry.close();
  await Promise.all(waiting);
  assert.throws(() => clientFor(t, { maxRequestsPerOrigin: 0 }), RangeError);
});

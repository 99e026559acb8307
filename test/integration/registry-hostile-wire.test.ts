/** Reading from a registry that breaks HTTP itself, stays silent, or sends so slowly that it never ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fetchBlob } from "../../src/oci/index.ts";
import type { RegistryMisbehaviour } from "../../src/testing/index.ts";
import { type Hostile, withHostile } from "./registry-hostile-setup.ts";

const BLOB_GET: RegistryMisbehaviour = { method: "GET", path: "/blobs/" };
const quick = {
  client: { headersTimeoutMs: 300, bodyTimeoutMs: 300, retry: { attempts: 2, baseMs: 0, maxMs: 0 } },
  maxMs: 20_000,
};
const readBlob = ({ repository, blob }: Hostile, signal?: AbortSignal) =>
  fetchBlob(repository, blob, { maxBytes: 1e6, signal });

const silences: [string, RegistryMisbehaviour][] = [
  ["that never answers", { never: true }],
  ["that falls silent before the first byte of a body", { stallAt: 0 }],
  ["that falls silent within a body", { stallAt: 1000 }],
  ["that ends every connection", { disconnect: "end" }],
  ["that resets every connection", { disconnect: "reset" }],
];
for (const [name, misbehaviour] of silences) {
  test(`a registry ${name} is given up`, () =>
    withHostile(async (hostile) => {
      const injected = hostile.misbehave({ ...BLOB_GET, ...misbehaviour });
      await assert.rejects(readBlob(hostile), { code: "ERR_OCI_NETWORK" });
      assert.equal(injected.met, 2);
    }, quick));
}

test("a head that drips is given up like one that never comes", () =>
  withHostile(async (hostile) => {
    hostile.misbehave({ ...BLOB_GET, bytesPerSecond: 20 });
    await assert.rejects(readBlob(hostile), { code: "ERR_OCI_NETWORK" });
  }, quick));

test("a body that drips ends with the caller's patience", () =>
  withHostile(async (hostile) => {
    hostile.misbehave({ ...BLOB_GET, bytesPerSecond: 2000 });
    const reason = new Error("enough");
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 1000);
    await assert.rejects(readBlob(hostile, controller.signal), (error) => error === reason);
  }, quick));

const lengths: [string, RegistryMisbehaviour, string[]][] = [
  ["a length that is too short", { declaredLength: 1000 }, ["ERR_SIZE_MISMATCH", "ERR_OCI_NETWORK"]],
  ["a length that is too long", { declaredLength: 300_001 }, ["ERR_OCI_NETWORK", "ERR_SIZE_MISMATCH"]],
  ["a length that is absurd", { declaredLength: 2 ** 52 }, ["ERR_OCI_NETWORK", "ERR_SIZE_MISMATCH"]],
  ["a length that is negative", { headers: { "Content-Length": "-1" } }, ["ERR_OCI_NETWORK"]],
  ["a length that is no number", { headers: { "Content-Length": "many" } }, ["ERR_OCI_NETWORK"]],
  ["two lengths", { headers: { "Content-Length": ["300000", "10"] } }, ["ERR_OCI_NETWORK"]],
  ["chunks beside a length", { chunked: true, declaredLength: 10 }, ["ERR_OCI_NETWORK", "ERR_SIZE_MISMATCH"]],
  ["a header that is too long", { headers: { "X-Long": "x".repeat(100_000) } }, ["ERR_OCI_NETWORK"]],
  ["a header too many", { headers: { "X-Many": Array(5000).fill("xxxxxxxxxxxxxxxx") } }, ["ERR_OCI_NETWORK"]],
  ["a header line that ends early", { headers: { "X-Split": "a\rb" } }, ["ERR_OCI_NETWORK"]],
];
for (const [name, misbehaviour, codes] of lengths) {
  test(`a blob with ${name} is not taken for a whole one`, () =>
    withHostile(async (hostile) => {
      const injected = hostile.misbehave({ ...BLOB_GET, ...misbehaviour });
      await assert.rejects(readBlob(hostile), (error: { code: string }) => {
        assert.ok(codes.includes(error.code), error.code);
        return true;
      });
      assert.ok(injected.met <= 3);
      injected.undo();
      assert.deepEqual(Buffer.from(await readBlob(hostile)), hostile.content);
    }, quick));
}

test("headers that come twice are not mixed up", () =>
  withHostile(async (hostile) => {
    const { repository, manifest, other } = hostile;
    for (const digests of [
      [manifest.digest, other.digest],
      [other.digest, manifest.digest],
    ]) {
      const injected = hostile.misbehave({
        path: "/manifests/",
        headers: { "Docker-Content-Digest": digests },
      });
      // By digest: the one that was asked for, or nothing.
      const resolved = await repository
        .resolve(manifest.digest)
        .catch((error: { code: string }) => error.code);
      if (typeof resolved === "string")
        assert.ok(["ERR_DIGEST_MISMATCH", "ERR_OCI_PROTOCOL"].includes(resolved));
      else assert.equal(resolved.digest, manifest.digest);
      injected.undo();
    }
    const types = hostile.misbehave({
      path: "/manifests/",
      headers: { "Content-Type": [manifest.mediaType, "application/vnd.oci.image.index.v1+json"] },
    });
    const resolved = await repository.resolve("v1").catch((error: { code: string }) => error.code);
    if (typeof resolved !== "string") assert.equal(resolved.mediaType, manifest.mediaType);
    types.undo();
  }, quick));

const storms: [string, RegistryMisbehaviour, object, number][] = [
  ["429 with seconds", { retryAfter: 3600 }, { code: "ERR_OCI_RATE_LIMITED", retryAfterMs: 3_600_000 }, 1],
  ["429 without a wait", { status: 429 }, { code: "ERR_OCI_RATE_LIMITED" }, 3],
  ["429 with no wait", { retryAfter: 0 }, { code: "ERR_OCI_RATE_LIMITED", retryAfterMs: 0 }, 3],
  [
    "429 until a date that has passed",
    { retryAfter: new Date(0) },
    { code: "ERR_OCI_RATE_LIMITED", retryAfterMs: 0 },
    3,
  ],
  [
    "429 with a wait that is none",
    { status: 429, headers: { "Retry-After": "1e9" } },
    { code: "ERR_OCI_RATE_LIMITED" },
    3,
  ],
  [
    "429 with an absurd wait",
    { status: 429, headers: { "Retry-After": "9999999999" } },
    { code: "ERR_OCI_RATE_LIMITED" },
    1,
  ],
  ["503 with seconds", { status: 503, retryAfter: 3600 }, { statusCode: 503 }, 1],
  ...[500, 502, 503, 504].map((status): [string, RegistryMisbehaviour, object, number] => [
    String(status),
    { status },
    { code: "ERR_OCI_STATUS", statusCode: status },
    3,
  ]),
];
for (const [name, misbehaviour, error, requests] of storms) {
  test(`a storm of ${name} ends after ${requests} requests`, () =>
    withHostile(async (hostile) => {
      const injected = hostile.misbehave({ ...BLOB_GET, ...misbehaviour });
      await assert.rejects(readBlob(hostile), error);
      assert.equal(injected.met, requests);
    }));
}

test("a rate limit until a date in the far future says how long", () =>
  withHostile(async (hostile) => {
    const at = new Date(Date.now() + 3_600_000);
    hostile.misbehave({ ...BLOB_GET, retryAfter: at });
    await assert.rejects(
      readBlob(hostile),
      (error: { code: string; retryAfterMs: number }) =>
        error.code === "ERR_OCI_RATE_LIMITED" && Math.abs(error.retryAfterMs - 3_600_000) < 10_000,
    );
  }));

test("a storm that passes is survived", () =>
  withHostile(async (hostile) => {
    hostile.misbehave({ ...BLOB_GET, retryAfter: 0, times: 1 });
    hostile.misbehave({ ...BLOB_GET, status: 502, times: 1 });
    assert.deepEqual(Buffer.from(await readBlob(hostile)), hostile.content);
  }));

test("a body that drips for ever is given up after the tries of the policy, wherever it is read", () =>
  withHostile(
    async ({ repository, blob, misbehave }) => {
      const drip = misbehave({ method: "GET", skip: 0, bytesPerSecond: 4000 });
      const reads = {
        blob: () => fetchBlob(repository, blob, { maxBytes: 1e6 }),
        part: async () => {
          for await (const _ of repository.fetchRange(blob, 0, blob.size));
        },
        ranges: async () => {
          for await (const _ of repository.fetch(blob, { ranges: { chunkBytes: 65_536 } }));
        },
      };
      for (const [name, read] of Object.entries(reads)) {
        await assert.rejects(read(), { code: "ERR_OCI_NETWORK", message: /too slowly/ }, name);
      }
      drip.undo();
    },
    { ...quick, client: { ...quick.client, minBytesPerSecond: 100_000 } },
  ));

test("a registry that is slow is read to the end where the caller says so", () =>
  withHostile(
    async (hostile) => {
      hostile.misbehave({ ...BLOB_GET, bytesPerSecond: 400_000 });
      assert.equal((await readBlob(hostile)).byteLength, hostile.blob.size);
    },
    { ...quick, client: { ...quick.client, minBytesPerSecond: 0 } },
  ));

/** Chunks and ranges with a registry that lies about what it has, and where the rest belongs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { collectBytes } from "../../src/core/bytes.ts";
import { describeContent } from "../../src/oci/index.ts";
import type { RegistryMisbehaviour } from "../../src/testing/index.ts";
import { type Hostile, type HostileOptions, withHostile } from "./registry-hostile-setup.ts";

const added = Buffer.alloc(200_000, "new content ");
const descriptor = describeContent(added, "application/octet-stream");
const PATCH: RegistryMisbehaviour = { method: "PATCH" };
const quick = {
  client: { headersTimeoutMs: 300, bodyTimeoutMs: 300, retry: { attempts: 2, baseMs: 0, maxMs: 0 } },
  maxMs: 20_000,
};

async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < added.length; at += 30_000) yield added.subarray(at, at + 30_000);
}

const push = ({ repository }: Hostile, content: Uint8Array | AsyncIterable<Uint8Array>) =>
  repository.push(descriptor, content, { upload: "chunked", chunkBytes: 50_000 });

/** A push in chunks that must fail with one of the codes, after a bounded number of requests. */
function refused(
  name: string,
  misbehave: (hostile: Hostile) => RegistryMisbehaviour,
  codes: readonly string[],
  { most = 3, ...options }: HostileOptions & { most?: number } = {},
): void {
  for (const way of ["bytes", "a stream"]) {
    test(`${name}, ${way}`, () =>
      withHostile(async (hostile) => {
        const injected = hostile.misbehave(misbehave(hostile));
        await assert.rejects(push(hostile, way === "bytes" ? added : pieces()), (error: { code: string }) => {
          assert.ok(codes.includes(error.code), String(error));
          return true;
        });
        assert.ok(injected.met >= 1 && injected.met <= most, `met ${injected.met} times`);
        assert.ok(!hostile.server.stored("a/b").blobs.includes(descriptor.digest));
      }, options));
  }
}

refused(
  "GHSA-jxpm-75mh-9fp7: the next chunk is wanted on another port",
  ({ elsewhere }) => ({ ...PATCH, headers: { Location: `${elsewhere.url}/upload` } }),
  ["ERR_OCI_LOCATION_REFUSED"],
  // The session has moved on, and its newest location is not known: it cannot be cancelled.
  { most: 1, mayStore: true },
);
refused(
  "GHSA-jxpm-75mh-9fp7: the status of an upload names another port",
  ({ elsewhere }) => ({
    method: ["PATCH", "GET"],
    path: "/blobs/uploads/",
    reply: ({ method }) =>
      method === "PATCH"
        ? { status: 503 }
        : { status: 204, headers: { Location: `${elsewhere.url}/upload` } },
  }),
  ["ERR_OCI_LOCATION_REFUSED"],
);
for (const range of ["0-999999999", "5-49999", "bytes 0-9/10", "x", "0-99999999999999999999"]) {
  refused(
    `a chunk that is stored as ${range}`,
    () => ({ ...PATCH, headers: { Range: range } }),
    ["ERR_OCI_PROTOCOL"],
    { mayStore: true },
  );
}
for (const range of ["0-0", "0-100", "0-49998"]) {
  refused(
    `chunks that never get beyond ${range}`,
    () => ({ ...PATCH, reply: ({ path }) => ({ status: 202, headers: { Range: range, Location: path } }) }),
    ["ERR_OCI_PROTOCOL", "ERR_OCI_NOT_FOUND"],
    { most: 8, mayStore: true },
  );
}
refused(
  "chunks of which a byte is kept each time",
  () => ({
    ...PATCH,
    reply: ({ path }, n) => ({ status: 202, headers: { Range: `0-${n + 1}`, Location: path } }),
  }),
  ["ERR_OCI_PROTOCOL"],
  { most: 8, mayStore: true },
);
refused("chunks that are always out of order", () => ({ ...PATCH, status: 416 }), ["ERR_OCI_STATUS"], {
  most: 6,
});
refused("chunks that never end to fail", () => ({ ...PATCH, status: 503 }), ["ERR_OCI_STATUS"], { most: 6 });
refused(
  "a session that is forgotten again and again",
  () => ({ ...PATCH, status: 404 }),
  ["ERR_OCI_NOT_FOUND"],
  {
    most: 6,
  },
);
refused("chunks that are never answered", () => ({ ...PATCH, never: true }), ["ERR_OCI_NETWORK"], quick);
refused("chunks that are redirected", ({ elsewhere }) => ({ ...PATCH, redirectTo: elsewhere.url }), [
  "ERR_OCI_REDIRECT_REFUSED",
]);
refused("a user who may not write any more", () => ({ ...PATCH, status: 403 }), ["ERR_OCI_DENIED"], {
  most: 1,
});

test("an absurd length of chunks takes no memory", () =>
  withHostile(
    async (hostile) => {
      hostile.misbehave({
        method: "POST",
        times: 1,
        headers: { "OCI-Chunk-Min-Length": "99999999999999" },
      });
      await push(hostile, pieces());
      assert.ok(hostile.server.stored("a/b").blobs.includes(descriptor.digest));
    },
    { mayStore: true },
  ));

test("a push in chunks goes through a storm that passes", () =>
  withHostile(
    async (hostile) => {
      hostile.misbehave({ ...PATCH, skip: 1, times: 1, disconnect: "reset" });
      hostile.misbehave({ ...PATCH, status: 502, times: 1 });
      hostile.misbehave({ method: "PUT", path: "/uploads/", status: 503, times: 1 });
      await push(hostile, added);
      const stored = hostile.server.stored("a/b");
      assert.ok(stored.blobs.includes(descriptor.digest));
      assert.equal(stored.uploads, 0);
    },
    { mayStore: true },
  ));

const readRanges = async ({ repository, blob }: Hostile): Promise<Buffer> =>
  Buffer.from(
    await collectBytes(repository.fetch(blob, { ranges: { parallel: 3, chunkBytes: 65_536 } }), {
      maxBytes: 1e6,
    }),
  );
const GET: RegistryMisbehaviour = { method: "GET", path: "/blobs/" };

const endured: [string, RegistryMisbehaviour][] = [
  ["forgets ranges", { ...GET, ignoreRange: true }],
  ["forgets them later", { ...GET, skip: 2, ignoreRange: true }],
  ["resets a part", { ...GET, skip: 1, times: 1, cutAt: 100, cutBy: "reset" }],
  ["ends a part early", { ...GET, skip: 1, times: 1, cutAt: 100 }],
  ["fails once", { ...GET, skip: 1, times: 1, status: 503 }],
  [
    "answers another part once",
    { ...GET, skip: 1, times: 1, headers: { "Content-Range": "bytes 0-65535/300000" } },
  ],
  [
    "answers another length once",
    { ...GET, skip: 1, times: 1, headers: { "Content-Range": "bytes 65536-131071/9" } },
  ],
];
for (const [name, misbehaviour] of endured) {
  test(`parts of a blob arrive whole though the registry ${name}`, () =>
    withHostile(async (hostile) => {
      const injected = hostile.misbehave(misbehaviour);
      assert.deepEqual(await readRanges(hostile), hostile.content);
      assert.ok(injected.met >= 1);
    }));
}

const caught: [string, RegistryMisbehaviour, string[]][] = [
  ["changes a bit of one part", { ...GET, skip: 2, times: 1, corruptAt: 5 }, ["ERR_DIGEST_MISMATCH"]],
  [
    "gives one part for each other",
    { ...GET, reply: ({ headers }) => part(headers.range ?? "") },
    ["ERR_DIGEST_MISMATCH"],
  ],
  ["compresses parts", { ...GET, gzip: true }, ["ERR_OCI_PROTOCOL"]],
  [
    "never ends a part",
    { ...GET, extraBytes: Number.POSITIVE_INFINITY },
    ["ERR_TOO_LARGE", "ERR_SIZE_MISMATCH"],
  ],
  ["limits the rate", { ...GET, retryAfter: 3600 }, ["ERR_OCI_RATE_LIMITED"]],
  ["fails for good", { ...GET, status: 500 }, ["ERR_OCI_STATUS"]],
];
for (const [name, misbehaviour, codes] of caught) {
  test(`parts of a blob are refused where the registry ${name}`, () =>
    withHostile(async (hostile) => {
      const injected = hostile.misbehave(misbehaviour);
      await assert.rejects(readRanges(hostile), (error: { code: string }) => {
        assert.ok(codes.includes(error.code), String(error));
        return true;
      });
      assert.ok(injected.met <= 20, `met ${injected.met} times`);
    }));
}

test("parts that fall silent are given up, and all of them", () =>
  withHostile(async (hostile) => {
    hostile.misbehave({ ...GET, stallAt: 100 });
    await assert.rejects(readRanges(hostile), { code: "ERR_OCI_NETWORK" });
  }, quick));

/** The right head, and x for every byte. */
function part(range: string): { status: number; headers: Record<string, string>; body: Buffer } {
  const [, first, last] = /^bytes=([0-9]+)-([0-9]+)$/.exec(range) ?? [];
  return {
    status: 206,
    headers: { "Content-Range": `bytes ${first}-${last}/300000` },
    body: Buffer.alloc(Number(last) - Number(first) + 1, "x"),
  };
}

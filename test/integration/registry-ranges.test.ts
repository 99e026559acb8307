import assert from "node:assert/strict";
import { test } from "node:test";
import { collectBytes } from "../../src/core/bytes.ts";
import {
  createRegistry,
  type Descriptor,
  describeContent,
  type RangeOptions,
  type Repository,
} from "../../src/oci/index.ts";
import type { StartRegistryOptions } from "../../src/testing/registry.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";
import { eventually, pairFor } from "./registry-setup.ts";

const PART = 65_536;
const CONTENT = Buffer.from(Array.from({ length: 5 * PART + 123 }, (_, n) => (n * 7 + (n >> 8)) % 256));
const BLOB = describeContent(CONTENT, "application/octet-stream");
const RANGES: RangeOptions = { parallel: 3, chunkBytes: PART };

async function stored(t: Parameters<typeof pairFor>[0], options?: StartRegistryOptions) {
  let active = false;
  const pair = await pairFor(t, {
    ...options,
    intercept: (request) => (active ? options?.intercept?.(request) : undefined),
    alter: (request, reply) => (active ? (options?.alter?.(request, reply) ?? reply) : reply),
  });
  await pair.repository.push(BLOB, CONTENT);
  active = true;
  const before = pair.server.requests.length;
  return { ...pair, asked: () => pair.server.requests.slice(before).map(({ headers }) => headers.range) };
}

const read = (repository: Repository, descriptor: Descriptor = BLOB) =>
  collectBytes(repository.fetch(descriptor, { ranges: RANGES }), { maxBytes: 1e9 });

test("a blob is read in parts, put together in order and verified", async (t) => {
  const { repository, asked } = await stored(t, {
    // The first parts come last.
    intercept: async ({ headers }) => {
      const first = Number(/=([0-9]+)/.exec(headers.range ?? "")?.[1]);
      await new Promise((resolve) => setTimeout(resolve, first === 0 ? 60 : 1));
      return undefined;
    },
  });
  assert.deepEqual(Buffer.from(await read(repository)), CONTENT);
  assert.deepEqual(asked().slice(0, 3), ["bytes=0-65535", "bytes=65536-131071", "bytes=131072-196607"]);
  assert.deepEqual(asked().slice(3), ["bytes=196608-262143", "bytes=262144-327679", "bytes=327680-327802"]);
});

test("no more parts are asked for than are to be kept", async (t) => {
  const { repository, asked } = await stored(t);
  const parts = repository.fetch(BLOB, { ranges: RANGES })[Symbol.asyncIterator]();
  await parts.next();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(asked().length, 3);
  await parts.next();
  await eventually(() => asked().length === 4, "the next part is asked for");
  await parts.return?.();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(asked().length, 4);
});

test("a blob of one part is read by one request", async (t) => {
  const { repository, asked } = await stored(t);
  const small = describeContent(CONTENT.subarray(0, PART), "a/b");
  await repository.push(small, CONTENT.subarray(0, PART));
  const before = asked().length;
  await read(repository, small);
  assert.deepEqual(asked().slice(before), [undefined]);
});

test("a server that gives no parts, or stops to, is read as one stream", async (t) => {
  let left = 0;
  const { repository, asked } = await stored(t, {
    intercept: (request) => {
      if (left-- <= 0) delete request.headers.range;
      return undefined;
    },
  });
  for (const parts of [0, 1, 3, 5]) {
    left = parts;
    const before = asked().length;
    assert.deepEqual(Buffer.from(await read(repository)), CONTENT, String(parts));
    assert.ok(asked().length - before <= 7);
  }
});

test("a part of another blob, at another place, or encoded, is not taken for the one that was asked for", async (t) => {
  const wrong = [
    { "Content-Range": `bytes 0-65535/${BLOB.size + 1}` },
    { "Content-Range": `bytes 1-65536/${BLOB.size}` },
    { "Content-Range": "" },
    { "Content-Encoding": "gzip", "Content-Range": `bytes 0-65535/${BLOB.size}` },
  ];
  for (const headers of wrong) {
    let first = true;
    const { repository } = await stored(t, {
      alter: ({ headers: sent }, reply) => {
        if (sent.range !== "bytes=0-65535" || !first) return reply;
        first = false;
        return { ...reply, headers: { ...reply.headers, ...headers }, body: Buffer.alloc(PART, "x") };
      },
    });
    assert.deepEqual(Buffer.from(await read(repository)), CONTENT, JSON.stringify(headers));
  }
});

test("a changed byte in any part is an error", async (t) => {
  for (const part of [0, 2, 5]) {
    const { repository } = await stored(t, {
      alter: ({ headers }, reply) => {
        if (!headers.range?.startsWith(`bytes=${part * PART}-`) || !(reply.body instanceof Uint8Array))
          return reply;
        const body = Buffer.from(reply.body);
        body[7] = (body[7] ?? 0) ^ 1;
        return { ...reply, body };
      },
    });
    await assert.rejects(read(repository), { code: "ERR_DIGEST_MISMATCH" });
  }
});

test("a part whose connection breaks is asked for again, and given up after the tries of the policy", async (t) => {
  let breaks = 2;
  const { repository, asked } = await stored(t, {
    alter: ({ headers }, reply) =>
      headers.range?.startsWith(`bytes=${PART}-`) && breaks-- > 0
        ? { ...reply, breakAfterBytes: 100 }
        : reply,
  });
  assert.deepEqual(Buffer.from(await read(repository)), CONTENT);
  assert.equal(asked().length, 8);
  breaks = 1000;
  await assert.rejects(read(repository), { code: "ERR_OCI_NETWORK" });
  assert.ok(breaks > 990);
});

test("leaving early, an abort and a failure let go of every part", async (t) => {
  const { server } = await stored(t);
  const before = countResources();
  const registry = createRegistry();
  const repository = registry.repository(`${server.host}/a/b`);
  for await (const _ of repository.fetch(BLOB, { ranges: RANGES })) break;
  const controller = new AbortController();
  const reason = new Error("enough");
  const reading = (async () => {
    for await (const _ of repository.fetch(BLOB, { ranges: RANGES, signal: controller.signal })) {
      controller.abort(reason);
    }
  })();
  await assert.rejects(reading, reason);
  await registry.close();
  await assertNothingLeft(before);
});

test("numbers of parts that are none are refused", async (t) => {
  const { repository } = await stored(t);
  for (const ranges of [
    { parallel: 0 },
    { parallel: 17 },
    { parallel: 1.5 },
    { chunkBytes: 1 },
    { chunkBytes: 2 ** 29 },
  ]) {
    await assert.rejects(collectBytes(repository.fetch(BLOB, { ranges }), { maxBytes: 1e9 }), RangeError);
  }
});

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { streamOf } from "../../src/core/bytes.ts";
import { digestOf } from "../../src/core/digest.ts";
import { describeContent, fetchBlob, type Repository, type SeekableContent } from "../../src/oci/index.ts";
import type { RegistryReply, RegistryRequest } from "../../src/testing/registry-reply.ts";
import { clientFor, eventually, pairFor } from "./registry-setup.ts";

const TYPE = "application/octet-stream";
const CONTENT = Buffer.from(Array.from({ length: 1000 }, (_, n) => n % 251));
const BLOB = describeContent(CONTENT, TYPE);

/** Content that can be read again, and says from where it was read. */
function seekable(content: Uint8Array): SeekableContent & { reads: number[]; open: number } {
  const source = {
    reads: [] as number[],
    open: 0,
    async *readFrom(offset: number) {
      source.reads.push(offset);
      source.open++;
      try {
        for (let at = offset; at < content.byteLength; at += 77) yield content.subarray(at, at + 77);
      } finally {
        source.open--;
      }
    },
  };
  return source;
}

function pieces(content: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  const count = Math.ceil(content.byteLength / length);
  return streamOf(...Array.from({ length: count }, (_, n) => content.subarray(n * length, (n + 1) * length)));
}

async function assertHas(repository: Repository): Promise<void> {
  const found = await fetchBlob(repository, BLOB, { maxBytes: 1000 });
  assert.deepEqual(Buffer.from(found), CONTENT);
}

const patchRanges = (
  requests: readonly { method: string; headers: { "content-range"?: string | undefined } }[],
) => requests.filter(({ method }) => method === "PATCH").map(({ headers }) => headers["content-range"]);

test("a blob is pushed in chunks, from bytes, a stream, or what can be read again", async (t) => {
  for (const content of [CONTENT, pieces(CONTENT, 333), pieces(CONTENT, 5), seekable(CONTENT)]) {
    const { server, repository } = await pairFor(t);
    await repository.push(BLOB, content, { upload: "chunked", chunkBytes: 400 });
    await assertHas(repository);
    assert.deepEqual(patchRanges(server.requests), ["0-399", "400-799", "800-999"]);
    const put = server.requests.find(({ method }) => method === "PUT");
    assert.deepEqual([put?.bodyBytes, put?.headers["content-length"]], [0, "0"]);
  }
});

test("chunks that divide the content exactly, one that is larger, and none for an empty blob", async (t) => {
  for (const [size, expected] of [
    [800, ["0-399", "400-799"]],
    [400, ["0-399"]],
    [399, ["0-398"]],
    [0, []],
  ] as const) {
    const { server, repository } = await pairFor(t);
    const content = CONTENT.subarray(0, size);
    const blob = describeContent(content, TYPE);
    await repository.push(blob, pieces(content, 100), { upload: "chunked", chunkBytes: 400 });
    assert.equal((await fetchBlob(repository, blob, { maxBytes: 1000 })).byteLength, size);
    assert.deepEqual(patchRanges(server.requests), expected);
  }
});

test("chunks are as long as the registry wants them; where that is too long for memory, one request is made", async (t) => {
  for (const [least, expected] of [
    ["600", ["0-599", "600-999"]],
    ["10", ["0-399", "400-799", "800-999"]],
    ["x", ["0-399", "400-799", "800-999"]],
    [String(2 ** 40), []],
  ] as const) {
    const { server, repository } = await pairFor(t, {
      alter: ({ method }, reply) =>
        method === "POST"
          ? { ...reply, headers: { ...reply.headers, "OCI-Chunk-Min-Length": least } }
          : reply,
    });
    await repository.push(BLOB, pieces(CONTENT, 100), { upload: "chunked", chunkBytes: 400 });
    await assertHas(repository);
    assert.deepEqual(patchRanges(server.requests), expected, least);
  }
});

/** Spoils the chunks that are named, once each; the registry has stored them if `stored`. */
function spoil(numbers: readonly number[], spoiled: RegistryReply, stored: boolean) {
  let chunk = 0;
  let kept = 0;
  const hit = ({ method }: RegistryRequest) => method === "PATCH" && numbers.includes(chunk);
  return {
    intercept: (request: RegistryRequest): RegistryReply | undefined => {
      if (request.method === "PATCH") chunk++;
      if (!stored && hit(request)) return spoiled;
      // An old location is as good as the newest one here: that one was lost with the answer.
      if (request.query.has("state")) request.query.set("state", String(kept));
      if (request.method === "PATCH") kept++;
      return undefined;
    },
    alter: (request: RegistryRequest, reply: RegistryReply): RegistryReply =>
      stored && hit(request) ? spoiled : reply,
  };
}

test("after a lost answer or a refused chunk the registry is asked what it has, and gets the rest", async (t) => {
  for (const content of [() => CONTENT, () => pieces(CONTENT, 90), () => seekable(CONTENT)]) {
    for (const status of [503, 416]) {
      for (const stored of [true, false]) {
        const { server, repository } = await pairFor(t, spoil([2, 4], { status }, stored));
        await repository.push(BLOB, content(), { upload: "chunked", chunkBytes: 300 });
        await assertHas(repository);
        const statuses = server.requests.filter(
          ({ method, url }) => method === "GET" && url.includes("uploads"),
        );
        assert.ok(statuses.length >= 1 && statuses.every((one) => one.status === 204));
      }
    }
  }
});

test("a registry that stores a part of a chunk gets the other part", async (t) => {
  let cut = true;
  const { server, repository } = await pairFor(t, {
    intercept: (request) => {
      if (request.method !== "PATCH" || !cut) return undefined;
      cut = false;
      // The rest of this chunk is thrown away.
      request.body = request.body.subarray(0, 100);
      request.headers["content-range"] = "0-99";
      return undefined;
    },
  });
  await repository.push(BLOB, pieces(CONTENT, 1000), { upload: "chunked", chunkBytes: 600 });
  await assertHas(repository);
  assert.deepEqual(patchRanges(server.requests).slice(1), ["100-599", "600-999"]);
});

test("a session that is lost is begun anew where the content can be read again; a stream then fails", async (t) => {
  const loseSecond = () => {
    let chunk = 0;
    let lost = "";
    return {
      intercept: ({ method, path }: RegistryRequest): RegistryReply | undefined => {
        if (method === "PATCH" && ++chunk === 2) lost = path;
        return path === lost ? { status: 404 } : undefined;
      },
    };
  };
  for (const content of [CONTENT, seekable(CONTENT)]) {
    const { server, repository } = await pairFor(t, loseSecond());
    await repository.push(BLOB, content, { upload: "chunked", chunkBytes: 400 });
    await assertHas(repository);
    assert.equal(server.requests.filter(({ method }) => method === "POST").length, 2);
    if (!(content instanceof Uint8Array)) {
      assert.deepEqual(content.reads, [0, 0]);
      assert.equal(content.open, 0);
    }
  }
  const { server, repository } = await pairFor(t, loseSecond());
  await assert.rejects(repository.push(BLOB, pieces(CONTENT, 100), { upload: "chunked", chunkBytes: 400 }), {
    code: "ERR_OCI_PROTOCOL",
  });
  assert.equal(server.requests.at(-1)?.method, "DELETE");
  assert.equal(await repository.exists(BLOB), false);
});

test("a registry that always forgets, never stores, or stores more than was sent, is given up", async (t) => {
  const replies: [(request: RegistryRequest) => RegistryReply | undefined, string][] = [
    [
      ({ method }) => (method === "PATCH" || method === "GET" ? { status: 404 } : undefined),
      "ERR_OCI_NOT_FOUND",
    ],
    [({ method }) => (method === "PATCH" ? { status: 503 } : undefined), "ERR_OCI_STATUS"],
    [
      ({ method }) => (method === "PATCH" ? { status: 202, headers: { Range: "0-99999" } } : undefined),
      "ERR_OCI_PROTOCOL",
    ],
    [
      ({ method }) => (method === "PATCH" ? { status: 202, headers: { Range: "5-9" } } : undefined),
      "ERR_OCI_PROTOCOL",
    ],
    [
      ({ method, path }) => {
        if (method === "GET" && path.includes("uploads")) return { status: 204, headers: { Range: "0-0" } };
        return method === "PATCH" ? { status: 202, headers: { Range: "0-0" } } : undefined;
      },
      "ERR_OCI_PROTOCOL",
    ],
  ];
  for (const [intercept, code] of replies) {
    const { server, repository } = await pairFor(t, { intercept });
    await assert.rejects(repository.push(BLOB, CONTENT, { upload: "chunked", chunkBytes: 400 }), { code });
    assert.ok(server.requests.length < 60, String(server.requests.length));
    assert.equal(server.requests.at(-1)?.method, "DELETE");
  }
});

test("a location on another origin is refused in the middle of an upload too", async (t) => {
  const other = await pairFor(t);
  const { repository } = await pairFor(t, {
    alter: ({ method }, reply) =>
      method === "PATCH" ? { ...reply, headers: { Location: `${other.server.url}/v2/x` } } : reply,
  });
  await assert.rejects(repository.push(BLOB, CONTENT, { upload: "chunked", chunkBytes: 400 }), {
    code: "ERR_OCI_LOCATION_REFUSED",
  });
  assert.deepEqual(other.server.requests, []);
});

test("a lost answer to the last request is no failure if the blob is there", async (t) => {
  let lost = true;
  const { server, repository } = await pairFor(t, {
    alter: ({ method }, reply) => {
      if (method !== "PUT" || !lost) return reply;
      lost = false;
      return { status: 502 };
    },
  });
  await repository.push(BLOB, CONTENT, { upload: "chunked", chunkBytes: 400 });
  await assertHas(repository);
  assert.equal(server.requests.filter(({ method }) => method === "PUT").length, 1);
});

test("content that is not what its descriptor says is never stored by chunks", async (t) => {
  const wrong = Buffer.from(CONTENT);
  wrong[999] = 0;
  for (const [content, code] of [
    [pieces(wrong, 100), "ERR_DIGEST_MISMATCH"],
    [seekable(wrong), "ERR_DIGEST_MISMATCH"],
    [pieces(CONTENT.subarray(1), 100), "ERR_SIZE_MISMATCH"],
    [pieces(Buffer.concat([CONTENT, CONTENT]), 100), "ERR_SIZE_MISMATCH"],
  ] as const) {
    const { server, repository } = await pairFor(t);
    await assert.rejects(repository.push(BLOB, content, { upload: "chunked", chunkBytes: 400 }), { code });
    assert.ok(!server.requests.some(({ method }) => method === "PUT"));
    assert.ok(!patchRanges(server.requests).includes("800-999"));
    assert.equal(server.requests.at(-1)?.method, "DELETE");
  }
});

test("an abort gives the session up and rejects with its reason", async (t) => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const { server, repository } = await pairFor(t, {
    intercept: ({ method }) => {
      if (method === "PATCH") controller.abort(reason);
      return undefined;
    },
  });
  const source = seekable(CONTENT);
  await assert.rejects(
    repository.push(BLOB, source, { upload: "chunked", chunkBytes: 400, signal: controller.signal }),
    reason,
  );
  await eventually(() => server.requests.at(-1)?.method === "DELETE", "given up");
  assert.equal(source.open, 0);
});

test("content at hand goes in one request where the registry takes it so", async (t) => {
  const { server, repository } = await pairFor(t);
  await repository.push(BLOB, CONTENT, { upload: "single-post" });
  await assertHas(repository);
  assert.deepEqual(
    server.requests.slice(0, 2).map(({ method, bodyBytes }) => [method, bodyBytes]),
    [
      ["HEAD", 0],
      ["POST", 1000],
    ],
  );
  // A registry that starts a session instead gets the content there.
  const other = await pairFor(t, {
    intercept: (request) => {
      if (request.method === "POST") request.query.delete("digest");
      return undefined;
    },
  });
  await other.repository.push(BLOB, CONTENT, { upload: "single-post" });
  await assertHas(other.repository);
  assert.deepEqual(
    other.server.requests.slice(0, 3).map(({ method }) => method),
    ["HEAD", "POST", "PUT"],
  );
});

test("what can be read again is sent again as a whole after a failure", async (t) => {
  let failures = 1;
  const { repository } = await pairFor(t, {
    intercept: ({ method }) => (method === "PUT" && failures-- > 0 ? { status: 503 } : undefined),
  });
  const source = seekable(CONTENT);
  await repository.push(BLOB, source);
  await assertHas(repository);
  assert.deepEqual(source.reads, [0, 0]);
  assert.equal(source.open, 0);
});

test("a stream of unknown length and digest is stored and described", async (t) => {
  for (const algorithm of ["sha256", "sha512"] as const) {
    const { server, repository } = await pairFor(t);
    const descriptor = await repository.pushStream(pieces(CONTENT, 100), { mediaType: TYPE, algorithm });
    assert.deepEqual(descriptor, { mediaType: TYPE, digest: digestOf(CONTENT, algorithm), size: 1000 });
    assert.equal((await fetchBlob(repository, descriptor, { maxBytes: 1000 })).byteLength, 1000);
    const patch = server.requests.find(({ method }) => method === "PATCH");
    assert.equal(patch?.headers["content-range"], undefined);
    assert.equal(patch?.headers["transfer-encoding"], "chunked");
    const query = algorithm === "sha512" ? "?digest-algorithm=sha512" : "";
    assert.equal(server.requests[0]?.url, `/v2/a/b/blobs/uploads/${query}`);
  }
  const { server, repository } = await pairFor(t);
  const empty = await repository.pushStream(streamOf(), { mediaType: TYPE });
  assert.deepEqual(empty, describeContent(new Uint8Array(), TYPE));
  await assert.rejects(repository.pushStream(pieces(CONTENT, 100), { mediaType: TYPE, maxBytes: 999 }), {
    code: "ERR_TOO_LARGE",
  });
  assert.equal(server.requests.at(-1)?.method, "DELETE");
  await assert.rejects(repository.pushStream(streamOf(), { mediaType: "no type" }), TypeError);
  for (const chunkBytes of [0, 1.5, -1, 2 ** 40]) {
    await assert.rejects(repository.push(BLOB, CONTENT, { upload: "chunked", chunkBytes }), RangeError);
  }
});

test("a connection that breaks within a chunk is taken up again at what arrived", async (t) => {
  const stored: Buffer[] = [];
  const seen: string[] = [];
  let breaks = 2;
  const server = createServer((request, response) => {
    const location = "/v2/a/b/blobs/uploads/1";
    const have = () => stored.reduce((sum, chunk) => sum + chunk.length, 0);
    seen.push(`${request.method} ${request.headers["content-range"] ?? ""}`.trim());
    const answer = (status: number) => {
      const range = have() > 0 ? { Range: `0-${have() - 1}` } : {};
      response.writeHead(status, { Location: location, ...range }).end();
    };
    if (request.method === "HEAD") response.writeHead(404).end();
    else if (request.method === "POST") answer(202);
    else if (request.method === "GET") answer(204);
    else if (request.method === "PATCH") {
      const breaking = breaks-- > 0;
      request.on("error", () => {});
      request.on("data", (chunk: Buffer) => {
        stored.push(breaking ? chunk.subarray(0, 1000) : chunk);
        if (breaking) request.socket.destroy();
      });
      request.on("end", () => answer(202));
    } else {
      request.resume().on("end", () => {
        response.writeHead(digestOf(Buffer.concat(stored)) === BIG.digest ? 201 : 400).end();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close().closeAllConnections());
  const big = Buffer.alloc(100_000, "0123456789abcde");
  const BIG = describeContent(big, TYPE);
  const repository = clientFor(t).repository(`127.0.0.1:${(server.address() as AddressInfo).port}/a/b`);
  await repository.push(BIG, pieces(big, 30_000), { upload: "chunked", chunkBytes: 50_000 });
  assert.deepEqual(Buffer.concat(stored), big);
  assert.deepEqual(seen, [
    "HEAD",
    "POST",
    "PATCH 0-49999",
    "GET",
    "PATCH 1000-49999",
    "GET",
    "PATCH 2000-49999",
    "PATCH 50000-99999",
    "PUT",
  ]);
});

test("a registry that refuses HEAD is asked by GET whether it has something", async (t) => {
  const { server, repository } = await pairFor(t, {
    intercept: ({ method }) => (method === "HEAD" ? { status: 405 } : undefined),
  });
  const empty = describeContent(new Uint8Array(), TYPE);
  for (const [blob, content] of [
    [BLOB, CONTENT],
    [empty, new Uint8Array()],
  ] as const) {
    assert.equal(await repository.exists(blob), false);
    await repository.push(blob, content);
    assert.equal(await repository.exists(blob), true);
  }
  assert.equal(server.requests.at(-1)?.headers.range, "bytes=0-0");
});

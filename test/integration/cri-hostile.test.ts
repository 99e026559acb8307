/** What a client gets from servers that break the protocol: written straight onto HTTP/2, without a gRPC library. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type CriConnection, CriError, connectCri } from "../../src/cri/index.ts";

const folder = mkdtempSync(join(tmpdir(), "lading-hostile-"));
const path = join(folder, "cri.sock");

/** A message in its frame: one byte for compression, four for the length. */
function framed(message: Uint8Array, { compressed = false, length = message.byteLength } = {}): Buffer {
  const head = Buffer.alloc(5);
  head[0] = compressed ? 1 : 0;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** A length-delimited field. */
function field(number: number, content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content as string);
  assert.ok(bytes.byteLength < 128);
  return Buffer.concat([Buffer.of((number << 3) | 2, bytes.byteLength), bytes]);
}

const VERSION = Buffer.concat([field(1, "0.1.0"), field(2, "by hand"), field(3, "1"), field(4, "v1")]);

type Answer = (stream: ServerHttp2Stream) => void;

function respond(
  stream: ServerHttp2Stream,
  body: Uint8Array,
  trailers: Record<string, string> = { "grpc-status": "0" },
  headers: Record<string, string> = {},
): void {
  stream.respond(
    { ":status": 200, "content-type": "application/grpc", ...headers },
    { waitForTrailers: true },
  );
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body);
}

let answer: Answer = () => {};
let server: Http2Server;
let cri: CriConnection;

before(async () => {
  server = createServer();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    if (headers[":path"] === "/runtime.v1.RuntimeService/Version") respond(stream, framed(VERSION));
    else answer(stream);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  cri = await connectCri({ endpoint: path, maxReceiveBytes: 1024 * 1024 });
});

after(async () => {
  await cri.close();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

test("an answer written by hand is read", () => {
  assert.equal(cri.version.runtimeName, "by hand");
});

const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
const gzip = { "grpc-encoding": "gzip" };

const CASES: [name: string, answer: Answer, codes: string[]][] = [
  [
    "a field that is cut off",
    (stream) => respond(stream, framed(Buffer.of(0x0a, 0x7f, 0x41))),
    ["ERR_CRI_INVALID_RESPONSE"],
  ],
  [
    "a string that is not UTF-8",
    // ListContainersResponse 1 containers, Container 1 id.
    (stream) => respond(stream, framed(field(1, field(1, Buffer.of(0xff, 0xfe))))),
    ["ERR_CRI_INVALID_RESPONSE"],
  ],
  [
    "a field number of 0",
    (stream) => respond(stream, framed(Buffer.of(0x02, 0x00))),
    ["ERR_CRI_INVALID_RESPONSE"],
  ],
  [
    "a group without end",
    (stream) => respond(stream, framed(Buffer.alloc(5000, 0x0b))),
    ["ERR_CRI_INVALID_RESPONSE"],
  ],
  [
    "a varint without end",
    (stream) => respond(stream, framed(Buffer.alloc(20, 0xff))),
    ["ERR_CRI_INVALID_RESPONSE"],
  ],
  ["no message and an OK status", (stream) => respond(stream, Buffer.alloc(0)), ["ERR_CRI_INVALID_RESPONSE"]],
  [
    "two messages for one request",
    (stream) => respond(stream, Buffer.concat([framed(Buffer.alloc(0)), framed(Buffer.alloc(0))])),
    ["ERR_CRI_INVALID_RESPONSE"],
  ],
  [
    "a frame that claims 4 GiB",
    (stream) => respond(stream, framed(Buffer.of(1), { length: 0xffffffff })),
    ["ERR_CRI_RESOURCE_EXHAUSTED"],
  ],
  [
    "a frame one byte over the limit",
    (stream) => respond(stream, framed(Buffer.alloc(1024 * 1024 + 1))),
    ["ERR_CRI_RESOURCE_EXHAUSTED"],
  ],
  [
    "a compressed message that inflates to 64 MiB",
    (stream) => respond(stream, framed(bomb, { compressed: true }), undefined, gzip),
    ["ERR_CRI_RESOURCE_EXHAUSTED"],
  ],
  [
    "a compressed message that is no gzip",
    (stream) => respond(stream, framed(Buffer.alloc(100, 7), { compressed: true }), undefined, gzip),
    ["ERR_CRI_INTERNAL"],
  ],
  [
    "a compressed message that is cut off",
    (stream) => respond(stream, framed(bomb.subarray(0, 30_000), { compressed: true }), undefined, gzip),
    ["ERR_CRI_INTERNAL", "ERR_CRI_RESOURCE_EXHAUSTED"],
  ],
  [
    "a compression that nobody knows",
    (stream) => {
      const unknown = { "grpc-encoding": "lzma" };
      respond(stream, framed(Buffer.alloc(9), { compressed: true }), undefined, unknown);
    },
    ["ERR_CRI_INTERNAL", "ERR_CRI_UNIMPLEMENTED", "ERR_CRI_UNKNOWN"],
  ],
  [
    "a status that is not a number",
    (stream) => respond(stream, framed(Buffer.alloc(0)), { "grpc-status": "great" }),
    ["ERR_CRI_UNKNOWN"],
  ],
  [
    "a status that gRPC does not define",
    (stream) => respond(stream, Buffer.alloc(0), { "grpc-status": "99" }),
    ["ERR_CRI_UNKNOWN"],
  ],
  [
    "a message and an error status",
    (stream) => respond(stream, framed(Buffer.alloc(0)), { "grpc-status": "5" }),
    ["ERR_CRI_NOT_FOUND"],
  ],
  [
    "no status at all",
    (stream) => respond(stream, framed(Buffer.alloc(0)), {}),
    ["ERR_CRI_UNKNOWN", "ERR_CRI_INTERNAL"],
  ],
  ["a reset", (stream) => stream.close(8), ["ERR_CRI_CANCELLED"]],
  [
    "HTTP 404",
    (stream) => stream.respond({ ":status": 404 }, { endStream: true }),
    ["ERR_CRI_UNIMPLEMENTED"],
  ],
  [
    "HTTP 503 with a page",
    (stream) => {
      stream.respond({ ":status": 503, "content-type": "text/html" });
      stream.end("<h1>no</h1>");
    },
    ["ERR_CRI_UNAVAILABLE"],
  ],
];

for (const [name, given, codes] of CASES) {
  test(`${name} is an error with a code, alone and in a stream`, async () => {
    answer = given;
    await assert.rejects(cri.runtime.listContainers({}, { timeoutMs: 5000 }), (error) => {
      assert.ok(error instanceof CriError, String(error));
      assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
      return true;
    });
    const stream = cri.runtime.streamContainers({}, { timeoutMs: 5000 });
    const readAll = async () => {
      for await (const _ of stream);
    };
    // Any number of messages is right in a stream.
    const right = ["no message and an OK status", "two messages for one request"].includes(name);
    if (right) await readAll();
    else await assert.rejects(readAll(), (error) => error instanceof CriError);
    // The connection lives on.
    assert.equal((await cri.runtime.version({})).runtimeName, "by hand");
  });
}

test("an answer that cannot be read ends the stream at the server", async () => {
  const closed = new Promise<void>((resolve) => {
    answer = (stream) => {
      stream.on("close", resolve);
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write(framed(Buffer.of(0x02, 0x00)));
    };
  });
  const stream = cri.runtime.streamContainers({});
  await assert.rejects(stream.next(), { code: "ERR_CRI_INVALID_RESPONSE" });
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  await closed;
});

test("fields of a newer runtime are kept and do no harm", async () => {
  // ContainerStatusResponse 1 status; ContainerStatus 3 state with a value of the future; field 1000 with a text.
  const status = Buffer.concat([
    field(1, "id"),
    field(2, field(1, "name")),
    Buffer.of(0x18, 0x2a, 0x20, 0x01),
    field(8, field(1, "image")),
    field(9, "ref"),
    Buffer.of(0xc2, 0x3e, 0x02, 0x68, 0x69),
  ]);
  answer = (stream) => respond(stream, framed(field(1, status)));
  const { status: read } = await cri.runtime.containerStatus({ containerId: "id" });
  assert.equal(read?.state, 42);
  assert.equal(read?.createdAt, 1n);
  assert.equal(read?.$unknown?.[0]?.no, 1000);
});

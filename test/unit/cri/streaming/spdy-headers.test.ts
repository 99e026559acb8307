import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { constants, createDeflate, deflateSync, inflateSync } from "node:zlib";
import { SPDY_DICTIONARY } from "../../../../src/cri/streaming/spdy-dictionary.ts";
import {
  createSpdyHeaderDecoder,
  createSpdyHeaderEncoder,
  decodeSpdyHeaderBlock,
  encodeSpdyHeaderBlock,
} from "../../../../src/cri/streaming/spdy-headers.ts";

const HEADERS = [
  new Map([["streamtype", "error"]]),
  new Map([
    ["streamtype", "data"],
    ["port", "8080"],
    ["requestid", "1"],
  ]),
  new Map<string, string>(),
  new Map([["latin", "\u00e9\u0000second value"]]),
];

/** Blocks as a server with real compression sends them. */
async function compress(texts: readonly Uint8Array[]): Promise<Buffer[]> {
  const deflate = createDeflate({ dictionary: SPDY_DICTIONARY });
  const blocks: Buffer[] = [];
  for (const text of texts) {
    deflate.write(text);
    await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    const parts: Buffer[] = [];
    for (let part = deflate.read(); part; part = deflate.read()) parts.push(part);
    blocks.push(Buffer.concat(parts));
  }
  deflate.close();
  return blocks;
}

test("the dictionary is that of the specification", () => {
  assert.equal(SPDY_DICTIONARY.length, 1423);
  assert.equal(
    createHash("sha256").update(SPDY_DICTIONARY).digest("hex"),
    "51d27341373f923f3cd88e1eb7162aeaa3723d7585ff2399201dc06498407f02",
  );
});

test("zlib reads what is written, over all frames", () => {
  const encode = createSpdyHeaderEncoder();
  const stream = Buffer.concat(HEADERS.map(encode));
  const text = inflateSync(stream, { dictionary: SPDY_DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH });
  assert.deepEqual(text, Buffer.concat(HEADERS.map(encodeSpdyHeaderBlock)));
});

test("what zlib writes is read, over all frames and beyond the window", async () => {
  const many = [
    ...HEADERS,
    ...Array.from({ length: 50 }, (_, at) => new Map([["n", `${at} `.repeat(700)]])),
    ...HEADERS,
  ];
  const decode = createSpdyHeaderDecoder();
  const read = (await compress(many.map(encodeSpdyHeaderBlock))).map(decode);
  assert.deepEqual(read, many);
});

test("a header longer than a stored block", () => {
  const headers = new Map([["long", "x".repeat(200_000)]]);
  const decode = createSpdyHeaderDecoder({ maxBytes: 300_000 });
  assert.deepEqual(decode(createSpdyHeaderEncoder()(headers)), headers);
});

test("a block that inflates to more than the limit is refused", async () => {
  const [bomb] = await compress([encodeSpdyHeaderBlock(new Map([["bomb", "0".repeat(50_000_000)]]))]);
  assert.ok(bomb && bomb.length < 64 * 1024);
  assert.throws(() => createSpdyHeaderDecoder()(bomb), { code: "ERR_CRI_STREAM_PROTOCOL" });
  const exact = encodeSpdyHeaderBlock(new Map([["a", "1".repeat(100)]]));
  const [block] = await compress([exact]);
  assert.ok(block);
  assert.equal(createSpdyHeaderDecoder({ maxBytes: exact.length })(block).get("a"), "1".repeat(100));
  assert.throws(() => createSpdyHeaderDecoder({ maxBytes: exact.length - 1 })(block), {
    code: "ERR_CRI_STREAM_PROTOCOL",
  });
});

test("a stream that is not zlib with the dictionary is refused", () => {
  const text = encodeSpdyHeaderBlock(new Map([["a", "b"]]));
  for (const block of [
    deflateSync(text),
    deflateSync(text, { dictionary: Buffer.from("another") }),
    Buffer.alloc(0),
    Buffer.from("78f9e3c6a7", "hex"),
    Buffer.from("78f9e3c6a7c2ffff", "hex"),
  ]) {
    assert.throws(() => createSpdyHeaderDecoder()(block), { code: "ERR_CRI_STREAM_PROTOCOL" });
  }
});

test("texts of blocks that are malformed are refused", () => {
  const good = Buffer.from(encodeSpdyHeaderBlock(new Map([["name", "value"]])));
  assert.equal(decodeSpdyHeaderBlock(good).get("name"), "value");
  const twice = Buffer.concat([Buffer.from([0, 0, 0, 2]), good.subarray(4), good.subarray(4)]);
  for (const [why, block] of [
    ["nothing", Buffer.alloc(0)],
    ["one byte short", good.subarray(0, -1)],
    ["one byte long", Buffer.concat([good, Buffer.alloc(1)])],
    ["a count too high", Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff]), good.subarray(4)])],
    ["a name twice", twice],
    ["upper case", encodeSpdyHeaderBlock(new Map([["name", "v"]])).fill(0x4e, 8, 9)],
    ["an empty name", Buffer.from("00000001 00000000 00000000".replaceAll(" ", ""), "hex")],
  ] as const) {
    assert.throws(() => decodeSpdyHeaderBlock(block), { code: "ERR_CRI_STREAM_PROTOCOL" }, why);
  }
  assert.throws(() => encodeSpdyHeaderBlock(new Map([["Upper", ""]])), TypeError);
});

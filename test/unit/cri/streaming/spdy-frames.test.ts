import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createSpdyFrameDecoder,
  encodeSpdyDataHead,
  encodeSpdyFrame,
  SPDY_MAX_LENGTH,
  type SpdyFrame,
} from "../../../../src/cri/streaming/spdy-frames.ts";

const decode = (bytes: Uint8Array, maxControlBytes?: number) => [
  ...createSpdyFrameDecoder({ maxControlBytes }).push(bytes),
];
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

test("each kind of frame in its bytes, and back", () => {
  const block = Buffer.from("block");
  const frames: [Exclude<SpdyFrame, { kind: "OTHER" }>, string][] = [
    [
      { kind: "SYN_STREAM", streamId: 3, priority: 7, fin: true, headerBlock: block },
      "80030001 01 00000f 00000003 00000000 e000 626c6f636b",
    ],
    [
      { kind: "SYN_REPLY", streamId: 1, fin: false, headerBlock: block },
      "80030002 00 000009 00000001 626c6f636b",
    ],
    [
      { kind: "HEADERS", streamId: 1, fin: true, headerBlock: block },
      "80030008 01 000009 00000001 626c6f636b",
    ],
    [{ kind: "RST_STREAM", streamId: 5, status: 3 }, "80030003 00 000008 00000005 00000003"],
    [{ kind: "PING", id: 0xfffffffe }, "80030006 00 000004 fffffffe"],
    [{ kind: "GOAWAY", lastGoodStreamId: 9, status: 1 }, "80030007 00 000008 00000009 00000001"],
    [{ kind: "DATA", streamId: 7, fin: true, payload: block }, "00000007 01 000005 626c6f636b"],
  ];
  for (const [frame, bytes] of frames) {
    assert.equal(Buffer.from(encodeSpdyFrame(frame)).toString("hex"), bytes.replaceAll(" ", ""));
    assert.deepEqual(decode(hex(bytes)), [frame]);
  }
});

test("frames that have no meaning here are passed over whole", () => {
  const settings = "80030004 00 00000c 00000001 00000004 00000064";
  const update = "80030009 00 000008 00000001 00001000";
  const unknown = "8003 00ff 00 000000";
  assert.deepEqual(decode(hex(`${settings}${update}${unknown}80030006 00 000004 00000001`)), [
    { kind: "OTHER", type: 4 },
    { kind: "OTHER", type: 9 },
    { kind: "OTHER", type: 255 },
    { kind: "PING", id: 1 },
  ]);
});

test("data is handed on as it comes, and only the last piece ends the stream", () => {
  const decoder = createSpdyFrameDecoder();
  const frames = [..."00000001 01 000004 61626364".replaceAll(" ", "").matchAll(/../g)].flatMap(([byte]) => [
    ...decoder.push(hex(byte)),
  ]);
  assert.deepEqual(
    frames.map((frame) => frame.kind === "DATA" && [Buffer.from(frame.payload).toString(), frame.fin]),
    [
      ["a", false],
      ["b", false],
      ["c", false],
      ["d", true],
    ],
  );
});

test("a data frame of the largest length needs no memory before its data is there", () => {
  const decoder = createSpdyFrameDecoder();
  assert.deepEqual([...decoder.push(encodeSpdyDataHead(1, true, SPDY_MAX_LENGTH))], []);
  const [frame] = [...decoder.push(Buffer.from("x"))];
  assert.deepEqual(frame, { kind: "DATA", streamId: 1, fin: false, payload: Buffer.from("x") });
  assert.throws(() => encodeSpdyDataHead(1, false, SPDY_MAX_LENGTH + 1), RangeError);
});

test("what is no frame of SPDY/3.1 is refused", () => {
  for (const [why, bytes] of [
    ["another version", "80020006 00 000004 00000001"],
    ["HTTP", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n").toString("hex").replace(/^../, "c8")],
    ["data for no stream", "00000000 00 000001 61"],
    ["a stream without a number", "80030001 00 00000a 00000000 00000000 0000"],
    ["a reset without a number", "80030003 00 000008 80000000 00000005"],
    ["a short SYN_STREAM", "80030001 00 000009 00000001 00000000 00"],
    ["a short SYN_REPLY", "80030002 00 000003 000000"],
    ["a short RST_STREAM", "80030003 00 000004 00000001"],
    ["a short PING", "80030006 00 000003 000000"],
    ["a short GOAWAY", "80030007 00 000004 00000001"],
    ["an empty HEADERS", "80030008 00 000000"],
  ] as const) {
    assert.throws(() => decode(hex(bytes)), { code: "ERR_CRI_STREAM_PROTOCOL" }, why);
  }
});

test("a control frame over the limit is refused by its head alone", () => {
  const head = hex("80030001 00 000100");
  assert.deepEqual(decode(head, 256), []);
  assert.throws(() => decode(head, 255), { code: "ERR_CRI_STREAM_PROTOCOL" });
  assert.throws(() => decode(hex("80030001 00 010001")), { code: "ERR_CRI_STREAM_PROTOCOL" });
});

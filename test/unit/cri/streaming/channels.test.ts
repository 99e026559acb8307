import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CHANNEL_PROTOCOLS,
  decodeChannelMessage,
  decodeInitialPort,
  encodeChannelClose,
  encodeChannelMessage,
  encodeInitialPort,
  encodeTerminalSize,
  isChannelProtocolName,
} from "../../../../src/cri/streaming/channels.ts";

test("a message of each encoding, and back", () => {
  const payload = Uint8Array.of(0, 255, 10);
  assert.deepEqual(encodeChannelMessage(1, payload, "binary"), Buffer.from([1, 0, 255, 10]));
  assert.equal(encodeChannelMessage(1, payload, "base64"), "1AP8K");
  assert.deepEqual(decodeChannelMessage(Buffer.from([9, 0, 255, 10]), "binary"), {
    channel: 9,
    payload: Buffer.from(payload),
  });
  assert.deepEqual(decodeChannelMessage(Buffer.from("3AP8K"), "base64"), {
    channel: 3,
    payload: Buffer.from(payload),
  });
});

test("empty payloads have a channel, empty messages say nothing", () => {
  assert.deepEqual(decodeChannelMessage(Uint8Array.of(1), "binary"), {
    channel: 1,
    payload: new Uint8Array(),
  });
  assert.deepEqual(decodeChannelMessage(Buffer.from("1"), "base64"), {
    channel: 1,
    payload: Buffer.alloc(0),
  });
  assert.equal(decodeChannelMessage(new Uint8Array(), "binary"), undefined);
  assert.equal(decodeChannelMessage(new Uint8Array(), "base64"), undefined);
});

test("a text message that is no digit and base64 is refused", () => {
  for (const text of ["xAP8K", ":AP8K", "1AP8", "1A", "1AP-_", "1A=P8", "1====", "1AP8K\n"]) {
    assert.throws(
      () => decodeChannelMessage(Buffer.from(text), "base64"),
      { code: "ERR_CRI_STREAM_PROTOCOL" },
      text,
    );
  }
  assert.throws(() => encodeChannelMessage(10, new Uint8Array(), "base64"), RangeError);
});

test("only v5 closes a channel, and only the names of protocols are names", () => {
  assert.deepEqual(encodeChannelClose(0), Uint8Array.of(255, 0));
  const able = Object.entries(CHANNEL_PROTOCOLS).filter(([, { canCloseChannel }]) => canCloseChannel);
  assert.deepEqual(
    able.map(([name]) => name),
    ["v5.channel.k8s.io"],
  );
  assert.ok(isChannelProtocolName("channel.k8s.io"));
  for (const name of ["", "v2.channel.k8s.io", "toString", "V4.channel.k8s.io"]) {
    assert.ok(!isChannelProtocolName(name), name);
  }
});

test("sizes of terminals", () => {
  assert.equal(encodeTerminalSize({ width: 65_535, height: 1 }), '{"Width":65535,"Height":1}');
  for (const [width, height] of [
    [0, 24],
    [80, 0],
    [65_536, 24],
    [80.5, 24],
    [80, Number.NaN],
  ] as const) {
    assert.throws(() => encodeTerminalSize({ width, height }), RangeError);
  }
});

test("the port that begins a channel is little-endian", () => {
  assert.deepEqual(encodeInitialPort(8080), Uint8Array.of(0x90, 0x1f));
  assert.equal(decodeInitialPort(Uint8Array.of(0xff, 0xff)), 65_535);
  for (const payload of [[], [80], [80, 0, 0]]) {
    assert.throws(() => decodeInitialPort(Uint8Array.from(payload)), { code: "ERR_CRI_STREAM_PROTOCOL" });
  }
});

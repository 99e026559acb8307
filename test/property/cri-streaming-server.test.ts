import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSizeReader } from "../../src/testing/streaming/sizes.ts";
import {
  chooseSubprotocol,
  decodeMessage,
  EXEC_SUBPROTOCOLS,
  encodeMessage,
} from "../../src/testing/streaming/subprotocols.ts";
import {
  type ClientFrame,
  createFrameReader,
  encodeFrame,
  type FrameFault,
} from "../../src/testing/streaming/websocket-frames.ts";
import { frame } from "../integration/cri-streaming-raw.ts";
import { property } from "./runs.ts";

const subprotocol = fc.constantFrom(...EXEC_SUBPROTOCOLS);
const bytes = fc.uint8Array({ maxLength: 300 });

/** Pieces that make up the bytes, cut at the given places. */
function cut(whole: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (whole.byteLength + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => whole.subarray(start, at[index] ?? whole.byteLength));
}

function readAll(pieces: readonly Uint8Array[], maxPayload = 1 << 20): (ClientFrame | FrameFault)[] {
  const reader = createFrameReader({ maxPayload });
  const frames: (ClientFrame | FrameFault)[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let next = reader.next(); next; next = reader.next()) {
      frames.push(next);
      if ("closeCode" in next) return frames;
    }
  }
  return frames;
}

test("frames are read as they were written, however they are cut", () => {
  const written = fc.array(
    fc.record({
      opcode: fc.nat(15),
      fin: fc.boolean(),
      payload: fc.oneof(
        bytes,
        fc.nat(70_000).map((length) => new Uint8Array(length).fill(7)),
      ),
    }),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(written, fc.array(fc.nat(), { maxLength: 8 }), (frames, places) => {
      const whole = Buffer.concat(frames.map(({ opcode, fin, payload }) => frame(opcode, payload, { fin })));
      const read = readAll(cut(whole, places));
      assert.deepEqual(
        read.map((each) => ("closeCode" in each ? each : { ...each, payload: Buffer.from(each.payload) })),
        frames.map(({ opcode, fin, payload }) => ({ fin, opcode, payload: Buffer.from(payload) })),
      );
    }),
    { ...property, numRuns: property.numRuns / 4 },
  );
});

test("any bytes are frames, a fault, or not complete", () => {
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(), { maxLength: 4 }), fc.nat(300), (whole, places, maxPayload) => {
      const once = readAll([whole], maxPayload);
      assert.deepEqual(readAll(cut(whole, places), maxPayload), once);
      for (const each of once) {
        if ("closeCode" in each) assert.ok(each.closeCode === 1000 || each.closeCode === 1002);
        else assert.ok(each.payload.byteLength <= maxPayload);
      }
    }),
    property,
  );
});

test("a frame of the server has its length in the shortest form", () => {
  fc.assert(
    fc.property(fc.nat(70_000), fc.nat(15), (length, opcode) => {
      const encoded = Buffer.from(encodeFrame(opcode, new Uint8Array(length)));
      const head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
      assert.equal(encoded.byteLength, head + length);
      assert.equal(encoded[0], 0x80 | opcode);
      assert.equal(encoded[1], length < 126 ? length : head === 4 ? 126 : 127);
    }),
    { ...property, numRuns: property.numRuns / 4 },
  );
});

test("a message is decoded as it was encoded", () => {
  fc.assert(
    fc.property(subprotocol, fc.nat(9), bytes, (spoken, channel, payload) => {
      const decoded = decodeMessage(spoken, encodeMessage(spoken, channel, payload));
      assert.equal(decoded?.channel, channel);
      assert.deepEqual(Buffer.from(decoded?.payload ?? []), Buffer.from(payload));
    }),
    property,
  );
});

test("any message has a channel or is dropped", () => {
  fc.assert(
    fc.property(subprotocol, bytes, (spoken, message) => {
      const decoded = decodeMessage(spoken, message);
      if (decoded) assert.ok(decoded.channel >= 0 && decoded.channel <= 255);
      else assert.ok(message.byteLength === 0 || spoken.base64);
    }),
    property,
  );
});

test("sizes do not depend on how the stream is cut, whatever it is", () => {
  const object = fc
    .record({ Width: fc.integer({ min: -1, max: 65_537 }), Height: fc.nat(65_535) })
    .map((size) => JSON.stringify(size));
  const stream = fc.array(fc.oneof({ weight: 4, arbitrary: object }, fc.string({ unit: "binary" })), {
    maxLength: 5,
  });
  fc.assert(
    fc.property(stream, fc.array(fc.nat(), { maxLength: 6 }), (parts, places) => {
      const whole = Buffer.from(parts.join(""));
      const read = (pieces: readonly Uint8Array[]) => pieces.flatMap(createSizeReader());
      assert.deepEqual(read(cut(whole, places)), read([whole]));
    }),
    property,
  );
});

test("the subprotocol is the first offered one that is known", () => {
  const names = fc.array(
    fc.oneof(
      subprotocol.map(({ name }) => name),
      fc.string(),
    ),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(names, (offered) => {
      const known = new Set(EXEC_SUBPROTOCOLS.map(({ name }) => name));
      const expected = offered.length === 0 ? "" : offered.find((name) => known.has(name));
      assert.equal(chooseSubprotocol(offered, EXEC_SUBPROTOCOLS)?.name, expected);
    }),
    property,
  );
});

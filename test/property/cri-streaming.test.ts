import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import {
  type ChannelEncoding,
  decodeChannelMessage,
  decodeInitialPort,
  encodeChannelMessage,
} from "../../src/cri/streaming/channels.ts";
import { createDetachFilter, parseDetachKeys } from "../../src/cri/streaming/detach-keys.ts";
import { parseExecStatus, parseExecStatusText } from "../../src/cri/streaming/exec-status.ts";
import { parseForwardedPort } from "../../src/cri/streaming/forwarded-port.ts";
import {
  createSpdyFrameDecoder,
  encodeSpdyFrame,
  type SpdyFrame,
} from "../../src/cri/streaming/spdy-frames.ts";
import {
  createSpdyHeaderDecoder,
  createSpdyHeaderEncoder,
  decodeSpdyHeaderBlock,
  encodeSpdyHeaderBlock,
} from "../../src/cri/streaming/spdy-headers.ts";
import { isLoopbackAddress, parseStreamUrl } from "../../src/cri/streaming/stream-url.ts";
import { property } from "./runs.ts";

const streamId = fc.integer({ min: 1, max: 0x7fffffff });
const bytes = fc.uint8Array({ maxLength: 200 });
const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const frame: fc.Arbitrary<Exclude<SpdyFrame, { kind: "OTHER" }>> = fc.oneof(
  fc.record({
    kind: fc.constant("SYN_STREAM" as const),
    streamId,
    priority: fc.integer({ min: 0, max: 7 }),
    fin: fc.boolean(),
    headerBlock: bytes,
  }),
  fc.record({
    kind: fc.constantFrom("SYN_REPLY" as const, "HEADERS" as const),
    streamId,
    fin: fc.boolean(),
    headerBlock: bytes,
  }),
  fc.record({ kind: fc.constant("RST_STREAM" as const), streamId, status: uint32 }),
  fc.record({ kind: fc.constant("PING" as const), id: uint32 }),
  fc.record({
    kind: fc.constant("GOAWAY" as const),
    lastGoodStreamId: fc.integer({ min: 0, max: 0x7fffffff }),
    status: uint32,
  }),
  fc.record({ kind: fc.constant("DATA" as const), streamId, fin: fc.boolean(), payload: bytes }),
);

const name = fc.string({
  unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz-:0189"),
  minLength: 1,
  maxLength: 20,
});
const headers = fc
  .uniqueArray(
    fc.tuple(name, fc.string({ unit: fc.constantFrom("a", "0", "\0", " ", "\u00ff"), maxLength: 40 })),
    {
      selector: ([key]) => key,
      maxLength: 8,
    },
  )
  .map((entries) => new Map(entries));

/** Cuts bytes into chunks of sizes that repeat. */
function* chunksOf(whole: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, turn = 0; at < whole.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield whole.subarray(at, at + size);
    at += size;
  }
}

/** Frames with the pieces of data frames joined. */
function joined(frames: Iterable<SpdyFrame>): SpdyFrame[] {
  const whole: SpdyFrame[] = [];
  let open: (SpdyFrame & { kind: "DATA" }) | undefined;
  for (const each of frames) {
    if (each.kind !== "DATA") whole.push(each);
    else if (open && open.streamId === each.streamId && !open.fin) {
      open.payload = Buffer.concat([open.payload, each.payload]);
      open.fin = each.fin;
      continue;
    } else {
      open = { ...each };
      whole.push(open);
      continue;
    }
    open = undefined;
  }
  return whole;
}

/** Runs what may fail with an error of lading, and with nothing else. */
function tolerate(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!isLadingError(error)) throw error;
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 });
const mutation = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });

function mutated(whole: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array {
  const copy = Uint8Array.from(whole);
  for (const [at, byte] of changes) if (copy.length > 0) copy[at % copy.length] = byte;
  return copy;
}

test("SPDY frames are read back from chunks of any size", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), sizes, (frames, cuts) => {
      const stream = Buffer.concat(frames.map((each) => encodeSpdyFrame(each)));
      const decoder = createSpdyFrameDecoder();
      const read = [...chunksOf(stream, cuts)].flatMap((chunk) => [...decoder.push(chunk)]);
      assert.deepEqual(joined(read).map(bytesAsHex), joined(frames).map(bytesAsHex));
    }),
    property,
  );
});

/** A buffer and a Uint8Array of the same bytes are not equal for `assert`. */
function bytesAsHex(each: SpdyFrame): object {
  return Object.fromEntries(
    Object.entries(each).map(([key, value]) => [
      key,
      value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
    ]),
  );
}

test("bytes that are changed, cut or made up are frames or refused", () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 5 }),
      mutation,
      fc.uint8Array({ maxLength: 40 }),
      sizes,
      (frames, changes, more, cuts) => {
        const stream = mutated(
          Buffer.concat([...frames.map((each) => encodeSpdyFrame(each)), more]),
          changes,
        );
        const decoder = createSpdyFrameDecoder({ maxControlBytes: 4096 });
        tolerate(() => {
          for (const chunk of chunksOf(stream, cuts)) for (const _frame of decoder.push(chunk));
        });
      },
    ),
    property,
  );
});

test("header blocks are read back, compressed over frames and not", () => {
  fc.assert(
    fc.property(fc.array(headers, { maxLength: 4 }), (list) => {
      const encode = createSpdyHeaderEncoder();
      const decode = createSpdyHeaderDecoder();
      for (const each of list) {
        assert.deepEqual(decode(encode(each)), each);
        assert.deepEqual(decodeSpdyHeaderBlock(encodeSpdyHeaderBlock(each)), each);
      }
    }),
    property,
  );
});

test("header blocks that are changed are headers or refused", () => {
  fc.assert(
    fc.property(headers, mutation, bytes, (each, changes, made) => {
      tolerate(() => createSpdyHeaderDecoder()(mutated(createSpdyHeaderEncoder()(each), changes)));
      tolerate(() => createSpdyHeaderDecoder()(made));
      tolerate(() => decodeSpdyHeaderBlock(mutated(encodeSpdyHeaderBlock(each), changes)));
      tolerate(() => decodeSpdyHeaderBlock(made));
    }),
    property,
  );
});

test("channel messages are read back, and others are refused or messages", () => {
  const encoding = fc.constantFrom<ChannelEncoding>("binary", "base64");
  fc.assert(
    fc.property(fc.nat({ max: 9 }), bytes, encoding, (channel, payload, form) => {
      const message = encodeChannelMessage(channel, payload, form);
      const read = decodeChannelMessage(typeof message === "string" ? Buffer.from(message) : message, form);
      assert.equal(read?.channel, channel);
      assert.deepEqual(Buffer.from(read.payload), Buffer.from(payload));
      tolerate(() => decodeChannelMessage(payload, form));
      tolerate(() => decodeInitialPort(payload));
    }),
    property,
  );
});

test("statuses in any text have an outcome or are refused", () => {
  const valid = fc.constantFrom(
    '{"metadata":{},"status":"Success"}',
    '{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}',
    '{"status":"Failure","message":"no","reason":"InternalError","code":500}',
  );
  fc.assert(
    fc.property(fc.oneof(valid, fc.string(), fc.json()), mutation, (text, changes) => {
      const changed = mutated(Buffer.from(text), changes);
      tolerate(() => {
        const status = parseExecStatus(changed);
        // Only the word for it is success.
        if (status.kind === "exited" && status.exitCode === 0)
          assert.match(Buffer.from(changed).toString(), /"Success"|\\u/);
      });
      const status = parseExecStatusText(text);
      assert.equal(status.kind === "exited" && status.exitCode === 0, text === "");
    }),
    property,
  );
});

test("whatever a URL is, only this machine is dialled", () => {
  const host = fc.oneof(
    fc.constantFrom("127.0.0.1", "localhost", "[::1]", "127.0.0.1.example", "0x7f000001", "2130706433", "0"),
    fc.ipV4(),
    fc.domain(),
    fc.ipV6().map((address) => `[${address}]`),
    fc.string({ maxLength: 12 }),
  );
  const url = fc
    .tuple(
      fc.constantFrom("http://", "https://", "ws://", "//", ""),
      fc.constantFrom("", "u@", "a:b@"),
      host,
      fc.constantFrom("", ":1", ":0"),
      fc.constantFrom("/exec/tok", "", "?x", "/a#b"),
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(url, fc.webUrl(), fc.string()), (text) => {
      tolerate(() => {
        const parsed = parseStreamUrl(text);
        assert.ok(isLoopbackAddress(parsed.host), parsed.host);
      });
      tolerate(() => parseForwardedPort(text));
      tolerate(() => parseDetachKeys(text));
    }),
    property,
  );
});

test("detaching takes the first place where the keys stand, over any chunks", () => {
  const few = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 30 });
  fc.assert(
    fc.property(
      few.filter((keys) => keys !== ""),
      few,
      sizes,
      (keys, input, cuts) => {
        const filter = createDetachFilter(Buffer.from(keys));
        let passed = "";
        let detached = false;
        for (const chunk of chunksOf(Buffer.from(input), cuts)) {
          const read = filter.push(chunk);
          passed += Buffer.from(read.pass);
          detached = read.detached;
          if (detached) break;
        }
        const at = input.indexOf(keys);
        assert.equal(detached, at >= 0);
        assert.equal(
          detached ? passed : passed + Buffer.from(filter.end()),
          at < 0 ? input : input.slice(0, at),
        );
      },
    ),
    property,
  );
});

/**
 * Frames of SPDY/3.1: their bytes, and reading them from a stream of bytes.
 *
 * ```text
 * control frame = 1 bit 1, 15 bits version (3), 16 bits type, 8 bits flags, 24 bits length, payload
 * data frame    = 1 bit 0, 31 bits stream id,                 8 bits flags, 24 bits length, payload
 * ```
 *
 * Everything is big-endian. Header blocks are left as they are; see `spdy-headers.ts`.
 *
 * @see {@link https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/}
 * @module
 */
import { CriError } from "../errors.ts";

/** A frame. Those with a meaning of their own here; all others are `OTHER`, which is to be ignored. */
export type SpdyFrame =
  /** Opens a stream. */
  | {
      kind: "SYN_STREAM";
      streamId: number;
      /** 0 to 7, 0 the most urgent. */
      priority: number;
      fin: boolean;
      headerBlock: Uint8Array;
    }
  /** Accepts a stream. */
  | { kind: "SYN_REPLY"; streamId: number; fin: boolean; headerBlock: Uint8Array }
  /** Ends a stream in both directions at once. */
  | { kind: "RST_STREAM"; streamId: number; status: number }
  | { kind: "PING"; id: number }
  /** No stream after `lastGoodStreamId` will be served. */
  | { kind: "GOAWAY"; lastGoodStreamId: number; status: number }
  /** More headers of a stream. The block must be read all the same: compression goes on over all blocks. */
  | { kind: "HEADERS"; streamId: number; fin: boolean; headerBlock: Uint8Array }
  | SpdyDataFrame
  | { kind: "OTHER"; type: number };

/** Bytes of a stream: a frame, or a piece of one, of which only the last has its `fin`. */
export interface SpdyDataFrame {
  kind: "DATA";
  streamId: number;
  /** Whether the sender sends no more on this stream. */
  fin: boolean;
  payload: Uint8Array;
}

/** Status codes of RST_STREAM. */
export const SPDY_RESET = {
  PROTOCOL_ERROR: 1,
  INVALID_STREAM: 2,
  REFUSED_STREAM: 3,
  CANCEL: 5,
  INTERNAL_ERROR: 6,
} as const;

/** Longest payload of a frame: 24 bits. */
export const SPDY_MAX_LENGTH: number = 2 ** 24 - 1;

const VERSION = 3;
const FIN = 1;
const HEAD_BYTES = 8;
const TYPES = { SYN_STREAM: 1, SYN_REPLY: 2, RST_STREAM: 3, PING: 6, GOAWAY: 7, HEADERS: 8 } as const;

/** The bytes of a frame. The payload of a data frame is copied; see {@link encodeSpdyDataHead}. */
export function encodeSpdyFrame(frame: Exclude<SpdyFrame, { kind: "OTHER" }>): Uint8Array {
  switch (frame.kind) {
    case "DATA":
      return Buffer.concat([
        encodeSpdyDataHead(frame.streamId, frame.fin, frame.payload.length),
        frame.payload,
      ]);
    case "SYN_STREAM": {
      const fields = numbers(frame.streamId, 0, 0).subarray(0, 10);
      fields[8] = frame.priority << 5;
      return control(TYPES.SYN_STREAM, frame.fin, Buffer.concat([fields, frame.headerBlock]));
    }
    case "SYN_REPLY":
    case "HEADERS":
      return control(
        TYPES[frame.kind],
        frame.fin,
        Buffer.concat([numbers(frame.streamId), frame.headerBlock]),
      );
    case "RST_STREAM":
      return control(TYPES.RST_STREAM, false, numbers(frame.streamId, frame.status));
    case "PING":
      return control(TYPES.PING, false, numbers(frame.id));
    case "GOAWAY":
      return control(TYPES.GOAWAY, false, numbers(frame.lastGoodStreamId, frame.status));
  }
}

/** The eight bytes in front of the payload of a data frame. */
export function encodeSpdyDataHead(streamId: number, fin: boolean, length: number): Uint8Array {
  if (length > SPDY_MAX_LENGTH) throw new RangeError(`a SPDY frame has no room for ${length} bytes`);
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32BE(streamId, 0);
  head.writeUInt32BE(length, 4);
  head[4] = fin ? FIN : 0;
  return head;
}

function control(type: number, fin: boolean, payload: Uint8Array): Uint8Array {
  if (payload.length > SPDY_MAX_LENGTH) {
    throw new RangeError(`a SPDY frame has no room for ${payload.length} bytes`);
  }
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt16BE(0x8000 | VERSION, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt32BE(payload.length, 4);
  head[4] = fin ? FIN : 0;
  return Buffer.concat([head, payload]);
}

function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, 4 * at);
  return bytes;
}

/** Options of {@link createSpdyFrameDecoder}. */
export interface SpdyFrameDecoderOptions {
  /** Longest control frame accepted, in bytes without its head. Default 64 KiB (65536). */
  maxControlBytes?: number | undefined;
}

/** Reads frames from bytes that come in pieces of any size. */
export interface SpdyFrameDecoder {
  /**
   * The frames that these bytes complete, and the pieces of data in them, lazily: the next chunk may be given only
   * when all have been taken.
   *
   * Data is handed on as it comes and never collected; it is a view of the chunk.
   *
   * @throws {CriError} `ERR_CRI_STREAM_PROTOCOL` for bytes that are no frame of SPDY/3, and for a control frame
   * over the limit. The decoder is of no use after that.
   */
  push(chunk: Uint8Array): Iterable<SpdyFrame>;
}

/** A decoder at the start of a connection. */
export function createSpdyFrameDecoder({
  maxControlBytes = 64 * 1024,
}: SpdyFrameDecoderOptions = {}): SpdyFrameDecoder {
  // The head and, behind it, the payload of a control frame, as far as they are there.
  let pending: Buffer = Buffer.alloc(0);
  let data: { streamId: number; fin: boolean; left: number } | undefined;

  function* push(chunk: Uint8Array): Generator<SpdyFrame, void> {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (rest.length > 0) {
      if (data) {
        const payload = rest.subarray(0, data.left);
        rest = rest.subarray(payload.length);
        data.left -= payload.length;
        const { streamId, fin, left } = data;
        if (left === 0) data = undefined;
        yield { kind: "DATA", streamId, fin: fin && left === 0, payload };
        continue;
      }
      const wanted = pending.length < HEAD_BYTES ? HEAD_BYTES : HEAD_BYTES + lengthIn(pending);
      const part = rest.subarray(0, wanted - pending.length);
      rest = rest.subarray(part.length);
      pending = pending.length === 0 ? Buffer.from(part) : Buffer.concat([pending, part]);
      if (pending.length < HEAD_BYTES) return;
      if (isData(pending)) {
        const head = dataHead(pending);
        pending = Buffer.alloc(0);
        if (head.left > 0) data = head;
        else yield { kind: "DATA", streamId: head.streamId, fin: head.fin, payload: new Uint8Array() };
        continue;
      }
      checkControlHead(pending, maxControlBytes);
      if (pending.length < HEAD_BYTES + lengthIn(pending)) continue;
      const frame = controlFrame(pending);
      pending = Buffer.alloc(0);
      yield frame;
    }
  }
  return { push };
}

function lengthIn(head: Buffer): number {
  return head.readUInt32BE(4) & SPDY_MAX_LENGTH;
}

function isData(head: Buffer): boolean {
  return head.readUInt8(0) < 0x80;
}

function dataHead(head: Buffer): { streamId: number; fin: boolean; left: number } {
  const streamId = head.readUInt32BE(0);
  if (streamId === 0) throw protocolError("data for stream 0");
  return { streamId, fin: hasFin(head), left: lengthIn(head) };
}

function hasFin(head: Buffer): boolean {
  return (head.readUInt8(4) & FIN) !== 0;
}

function checkControlHead(head: Buffer, maxControlBytes: number): void {
  const version = head.readUInt16BE(0) & 0x7fff;
  if (version !== VERSION) throw protocolError(`version ${version} in a frame`);
  const length = lengthIn(head);
  if (length > maxControlBytes) throw protocolError(`a control frame of ${length} bytes`);
}

function controlFrame(bytes: Buffer): SpdyFrame {
  const type = bytes.readUInt16BE(2);
  const fin = hasFin(bytes);
  const payload = bytes.subarray(HEAD_BYTES);
  switch (type) {
    case TYPES.SYN_STREAM:
      return {
        kind: "SYN_STREAM",
        streamId: streamIdIn(payload, 10),
        priority: payload.readUInt8(8) >> 5,
        fin,
        headerBlock: payload.subarray(10),
      };
    case TYPES.SYN_REPLY:
      return { kind: "SYN_REPLY", streamId: streamIdIn(payload, 4), fin, headerBlock: payload.subarray(4) };
    case TYPES.HEADERS:
      return { kind: "HEADERS", streamId: streamIdIn(payload, 4), fin, headerBlock: payload.subarray(4) };
    case TYPES.RST_STREAM:
      return { kind: "RST_STREAM", streamId: streamIdIn(payload, 8), status: payload.readUInt32BE(4) };
    case TYPES.PING:
      atLeast(payload, 4);
      return { kind: "PING", id: payload.readUInt32BE(0) };
    case TYPES.GOAWAY:
      atLeast(payload, 8);
      return {
        kind: "GOAWAY",
        lastGoodStreamId: payload.readUInt32BE(0) & 0x7fffffff,
        status: payload.readUInt32BE(4),
      };
    default:
      return { kind: "OTHER", type };
  }
}

function streamIdIn(payload: Buffer, minLength: number): number {
  atLeast(payload, minLength);
  const streamId = payload.readUInt32BE(0) & 0x7fffffff;
  if (streamId === 0) throw protocolError("a frame of stream 0");
  return streamId;
}

function atLeast(payload: Buffer, minLength: number): void {
  if (payload.length < minLength) throw protocolError("a control frame that is too short");
}

function protocolError(what: string): CriError {
  return new CriError("ERR_CRI_STREAM_PROTOCOL", `what comes is not SPDY/3.1: ${what}`);
}

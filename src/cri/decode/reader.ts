/**
 * Reads the parts of a protobuf message from bytes: tags, numbers, byte ranges, and what is skipped.
 *
 * Bytes are taken and refused as `BinaryReader` of @bufbuild/protobuf does.
 *
 * @see {@link https://protobuf.dev/programming-guides/encoding/}
 * @module
 */

/** A place in bytes. */
export interface Reader {
  readonly bytes: Uint8Array;
  /** The same memory. */
  readonly buffer: Buffer;
  /** The same memory. */
  readonly view: DataView;
  /** Where the next part begins. Reading moves it on, and fails where that leads past the end. */
  at: number;
  /** How many messages the place is in. */
  depth: number;
  /** The upper half of the varint that was read last with all its bits, as a number from 0. */
  high: number;
}

/** Messages and groups within each other that are read; deeper ones are refused. */
export const MAX_DEPTH = 100;

/** A reader at the beginning of bytes. */
export function readerOf(bytes: Uint8Array): Reader {
  const { buffer: memory, byteOffset, byteLength } = bytes;
  return {
    bytes,
    buffer: Buffer.from(memory, byteOffset, byteLength),
    view: new DataView(memory, byteOffset, byteLength),
    at: 0,
    depth: 0,
    high: 0,
  };
}

/** Moves on over a number of bytes and gives the place where they began. */
export function take(reader: Reader, length: number): number {
  const start = reader.at;
  const end = start + length;
  if (end > reader.bytes.length) throw new RangeError("the message is cut off");
  reader.at = end;
  return start;
}

/** Number and wire type of a field: the number times eight plus the type. */
export function readTag(reader: Reader): number {
  const start = reader.at;
  const tag = readUint32(reader);
  const length = reader.at - start;
  if (length >= 5 && (length > 5 || (reader.bytes[start + 4] ?? 0) > 0x0f)) {
    throw new RangeError("a tag is over 32 bits");
  }
  if (tag < 8 || (tag & 7) > 5) throw new RangeError(`${tag} is no tag`);
  return tag;
}

/** The lower half of a varint, as a number from 0. */
export function readUint32(reader: Reader): number {
  const first = reader.bytes[reader.at];
  if (first === undefined || first >= 0x80) return readVarint(reader);
  reader.at++;
  return first;
}

/** A varint as a boolean: whether one of its 64 bits is set. */
export function readBool(reader: Reader): boolean {
  return readVarint(reader) !== 0 || reader.high !== 0;
}

const word = new DataView(new ArrayBuffer(8));

/** A varint as a number of 64 bits from 0. */
export function readUint64(reader: Reader): bigint {
  const low = readVarint(reader);
  if (reader.high === 0) return BigInt(low);
  word.setUint32(0, low, true);
  word.setUint32(4, reader.high, true);
  return word.getBigUint64(0, true);
}

/** A varint as a number of 64 bits with a sign. */
export function readInt64(reader: Reader): bigint {
  return BigInt.asIntN(64, readUint64(reader));
}

/** The lower half of a varint, as a number from 0; the upper half stays in the reader. */
function readVarint(reader: Reader): number {
  const { bytes } = reader;
  let low = 0;
  let high = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[take(reader, 1)] ?? 0;
    const bits = byte & 0x7f;
    if (shift < 32) low |= bits << shift;
    if (shift === 28) high = bits >>> 4;
    else if (shift > 28) high |= bits << (shift - 32);
    if (byte < 0x80) {
      reader.high = high >>> 0;
      return low >>> 0;
    }
  }
  throw new RangeError("a varint is over 64 bits");
}

/** Eight bytes as a number of double precision. */
export function readDouble(reader: Reader): number {
  return reader.view.getFloat64(take(reader, 8), true);
}

/** The bytes behind a length: a view of the message. */
export function readBytes(reader: Reader): Uint8Array {
  const length = readUint32(reader);
  const start = take(reader, length);
  return reader.bytes.subarray(start, start + length);
}

/** Moves on over the content of a field and gives it: a view of the message. */
export function skip(reader: Reader, tag: number): Uint8Array {
  const start = reader.at;
  skipContent(reader, tag, MAX_DEPTH - reader.depth);
  return reader.bytes.subarray(start, reader.at);
}

function skipContent(reader: Reader, tag: number, depth: number): void {
  switch (tag & 7) {
    case 0:
      while ((reader.bytes[take(reader, 1)] ?? 0) >= 0x80);
      return;
    case 1:
      take(reader, 8);
      return;
    case 2:
      take(reader, readUint32(reader));
      return;
    case 3:
      skipGroup(reader, tag, depth);
      return;
    case 5:
      take(reader, 4);
      return;
    default:
      throw new RangeError("a group ends that has not begun");
  }
}

function skipGroup(reader: Reader, begin: number, depth: number): void {
  if (depth <= 0) throw new RangeError(`groups are nested deeper than ${MAX_DEPTH}`);
  for (;;) {
    const tag = readTag(reader);
    if ((tag & 7) !== 4) skipContent(reader, tag, depth - 1);
    else if (tag >>> 3 === begin >>> 3) return;
    else throw new RangeError("a group ends as another one than began");
  }
}

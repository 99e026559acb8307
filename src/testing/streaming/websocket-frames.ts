/**
 * WebSocket frames as a server reads and writes them.
 *
 * The servers of runtimes take each frame for a message of its own, whatever its opcode, and do not put fragments
 * together. That cannot be seen through a WebSocket library, hence this reader.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6455#section-5.2}
 * @module
 */

/** A frame from the client, unmasked. */
export interface ClientFrame {
  /** Whether the message ends with it. */
  fin: boolean;
  opcode: number;
  payload: Uint8Array;
}

/** Why a client's bytes are no frames; `closeCode` is what the server tells it. */
export interface FrameFault {
  closeCode: 1000 | 1002;
}

/** Opcodes of RFC 6455. */
export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Reads frames out of pieces of the connection. After a fault nothing more may be given to it. */
export interface FrameReader {
  push(bytes: Uint8Array): void;
  /** The next frame; undefined if it is not complete. */
  next(): ClientFrame | FrameFault | undefined;
}

/** A reader that takes payloads of at most `maxPayload` bytes. */
export function createFrameReader({ maxPayload }: { maxPayload: number }): FrameReader {
  let chunks: Buffer[] = [];
  let buffered = 0;
  const take = (bytes: number): Buffer => {
    const all = chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks, buffered);
    buffered -= bytes;
    chunks = buffered > 0 ? [all.subarray(bytes)] : [];
    return all.subarray(0, bytes);
  };
  /** The first bytes without taking them; headers are at most 14 bytes long. */
  const peek = (): Buffer => {
    const [first] = chunks;
    return first && first.byteLength >= 14
      ? first
      : Buffer.concat(chunks.slice(0, 15), Math.min(buffered, 14));
  };
  let head: { fin: boolean; opcode: number; length: number; mask: Buffer } | undefined;

  const readHead = (): FrameFault | undefined => {
    const bytes = peek();
    const [first, second] = bytes;
    if (first === undefined || second === undefined) return undefined;
    const short = second & 0x7f;
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    const masked = (second & 0x80) !== 0;
    const size = 2 + extra + (masked ? 4 : 0);
    if (bytes.byteLength < size) return undefined;
    const length = extra === 2 ? bytes.readUInt16BE(2) : extra === 8 ? longLength(bytes) : short;
    // Clients must mask; the runtimes' server answers 1002 to those that do not.
    if (!masked) return { closeCode: 1002 };
    if (length > maxPayload) return { closeCode: 1000 };
    const header = Buffer.from(take(size));
    head = { fin: (first & 0x80) !== 0, opcode: first & 0x0f, length, mask: header.subarray(size - 4) };
    return undefined;
  };

  return {
    push(bytes) {
      if (bytes.byteLength === 0) return;
      chunks.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      buffered += bytes.byteLength;
    },
    next() {
      const fault = head ? undefined : readHead();
      if (fault) return fault;
      if (!head || buffered < head.length) return undefined;
      const { fin, opcode, length, mask } = head;
      head = undefined;
      const payload = Buffer.from(length > 0 ? take(length) : []);
      for (let at = 0; at < payload.byteLength; at++) payload[at] = (payload[at] ?? 0) ^ (mask[at & 3] ?? 0);
      return { fin, opcode, payload };
    },
  };
}

function longLength(bytes: Buffer): number {
  // The top bit does not count; what does not fit a double is over every limit.
  return Number(bytes.readBigUInt64BE(2) & 0x7fff_ffff_ffff_ffffn);
}

/** A frame from the server: not masked. */
export function encodeFrame(
  opcode: number,
  payload: Uint8Array,
  { fin = true }: { fin?: boolean } = {},
): Uint8Array {
  const { byteLength } = payload;
  const extra = byteLength < 126 ? 0 : byteLength < 65536 ? 2 : 8;
  const frame = Buffer.alloc(2 + extra + byteLength);
  frame[0] = (fin ? 0x80 : 0) | opcode;
  frame[1] = extra === 0 ? byteLength : extra === 2 ? 126 : 127;
  if (extra === 2) frame.writeUInt16BE(byteLength, 2);
  if (extra === 8) frame.writeBigUInt64BE(BigInt(byteLength), 2);
  frame.set(payload, 2 + extra);
  return frame;
}

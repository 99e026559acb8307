/**
 * The framing of OpenPGP packets, and the fields of the packets that a signed message is made of.
 *
 * ```text
 * packet      = %b10 tag:4 length-type:2 length body    ; old format; length type 3: to the end
 *             / %b11 tag:6 length body                  ; new format; a length may be in parts
 * ```
 *
 * Nothing here allocates from a length that is only claimed: a body is a part of what was given, or as long as
 * what was given.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc4880#section-4}
 * @module
 */

/** Numbers of the kinds of packets that lading looks at. */
export const PACKET: {
  readonly encryptedSessionKey: 1;
  readonly signature: 2;
  readonly symmetricSessionKey: 3;
  readonly onePassSignature: 4;
  readonly secretKey: 5;
  readonly publicKey: 6;
  readonly compressed: 8;
  readonly symmetricallyEncrypted: 9;
  readonly marker: 10;
  readonly literal: 11;
  readonly userId: 13;
  readonly publicSubkey: 14;
  readonly userAttribute: 17;
  readonly integrityProtected: 18;
  readonly aeadEncrypted: 20;
} = {
  encryptedSessionKey: 1,
  signature: 2,
  symmetricSessionKey: 3,
  onePassSignature: 4,
  secretKey: 5,
  publicKey: 6,
  compressed: 8,
  symmetricallyEncrypted: 9,
  marker: 10,
  literal: 11,
  userId: 13,
  publicSubkey: 14,
  userAttribute: 17,
  integrityProtected: 18,
  aeadEncrypted: 20,
};

/** One packet, and where the next begins. */
export interface Packet {
  readonly tag: number;
  readonly body: Uint8Array;
  readonly next: number;
}

/** Packets whose length need not be known before: those that carry data. */
const STREAMED = new Set<number>([
  PACKET.compressed,
  PACKET.symmetricallyEncrypted,
  PACKET.literal,
  PACKET.integrityProtected,
  PACKET.aeadEncrypted,
]);

/** The packet that begins at an offset; nothing if there is no whole one. */
export function readPacket(bytes: Uint8Array, at: number): Packet | undefined {
  const first = bytes[at];
  if (first === undefined || (first & 0x80) === 0) return undefined;
  return (first & 0x40) === 0 ? readOld(bytes, at, first) : readNew(bytes, at, first & 0x3f);
}

function readOld(bytes: Uint8Array, at: number, first: number): Packet | undefined {
  const tag = (first >> 2) & 0x0f;
  const octets = [1, 2, 4][first & 3];
  if (octets === undefined) {
    if (!STREAMED.has(tag)) return undefined;
    return { tag, body: bytes.subarray(at + 1), next: bytes.length };
  }
  const length = readNumber(bytes, at + 1, octets);
  return length === undefined ? undefined : whole(bytes, tag, at + 1 + octets, length);
}

function readNew(bytes: Uint8Array, start: number, tag: number): Packet | undefined {
  let at = start + 1;
  let joined: Uint8Array | undefined;
  let filled = 0;
  for (;;) {
    const part = readLength(bytes, at);
    if (!part || part.body + part.length > bytes.length) return undefined;
    const piece = bytes.subarray(part.body, part.body + part.length);
    if (!part.isPartial && !joined) return whole(bytes, tag, part.body, part.length);
    if (!STREAMED.has(tag)) return undefined;
    joined ??= new Uint8Array(bytes.length - start);
    joined.set(piece, filled);
    filled += piece.length;
    at = part.body + part.length;
    if (!part.isPartial) return { tag, body: joined.subarray(0, filled), next: at };
  }
}

/** A length as signature subpackets and packets of the new format have it. */
function readLength(
  bytes: Uint8Array,
  at: number,
): { length: number; body: number; isPartial: boolean } | undefined {
  const [first, second] = [bytes[at], bytes[at + 1]];
  if (first === undefined) return undefined;
  if (first < 192) return { length: first, body: at + 1, isPartial: false };
  if (first < 224) {
    if (second === undefined) return undefined;
    return { length: ((first - 192) << 8) + second + 192, body: at + 2, isPartial: false };
  }
  if (first < 255) return { length: 2 ** (first & 0x1f), body: at + 1, isPartial: true };
  const length = readNumber(bytes, at + 1, 4);
  return length === undefined ? undefined : { length, body: at + 5, isPartial: false };
}

function whole(bytes: Uint8Array, tag: number, from: number, length: number): Packet | undefined {
  const next = from + length;
  return next > bytes.length ? undefined : { tag, body: bytes.subarray(from, next), next };
}

/** A big-endian number; nothing if bytes are missing. */
export function readNumber(bytes: Uint8Array, at: number, octets: number): number | undefined {
  if (at + octets > bytes.length) return undefined;
  let value = 0;
  for (let index = 0; index < octets; index++) value = value * 256 + (bytes[at + index] ?? 0);
  return value;
}

/** A packet of the new format around a body. */
export function writePacket(tag: number, body: Uint8Array): Uint8Array {
  const length = Buffer.alloc(6);
  length[0] = 0xc0 | tag;
  length[1] = 0xff;
  length.writeUInt32BE(body.length, 2);
  return Buffer.concat([length, body]);
}

/** Upper-case hexadecimal digits, as key IDs and fingerprints are shown. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex").toUpperCase();
}

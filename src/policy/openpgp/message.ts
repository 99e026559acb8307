/**
 * OpenPGP signed messages, taken apart: data, and the signatures over it. Nothing is verified here.
 *
 * ```text
 * message     = *compressed signed                       ; each within the one before
 * signed      = *one-pass-signature literal *signature
 *             / 1*signature literal
 * ```
 *
 * Clear-text and armored messages and detached signatures are none: simple signing has binary messages only.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc4880#section-11.3}
 * @module
 */
import { inflateRawSync, inflateSync } from "node:zlib";
import { PolicyError } from "../errors.ts";
import { PACKET, readNumber, readPacket } from "./packets.ts";

/** Data with the one signature over it. */
export interface SignedMessage {
  readonly content: Uint8Array;
  readonly signature: MessageSignature;
  /** The ID of the key that the packet before the data announces; absent if there is none. */
  readonly announcedKeyId?: Uint8Array | undefined;
}

/** A signature of version 3 or 4 over data, as far as it can be read without knowing the algorithm. */
export interface MessageSignature {
  readonly version: 3 | 4;
  readonly publicKeyAlgorithm: number;
  readonly hashAlgorithm: number;
  /** The body of the packet. */
  readonly body: Uint8Array;
}

interface OnePass {
  readonly hashAlgorithm: number;
  readonly publicKeyAlgorithm: number;
  readonly keyId: Uint8Array;
}

/** Longest signed message, in bytes, before and after decompression. Stored signatures are no longer either. */
export const MAX_MESSAGE_BYTES: number = 4 * 1024 * 1024;
const MAX_NESTING = 4;
/** Honest messages have three. */
const MAX_PACKETS = 64;

const ENCRYPTED = new Set<number>([
  PACKET.encryptedSessionKey,
  PACKET.symmetricSessionKey,
  PACKET.symmetricallyEncrypted,
  PACKET.integrityProtected,
  PACKET.aeadEncrypted,
]);

/**
 * Takes a signed message apart.
 *
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE` for whatever is not data with exactly one signature.
 */
export function readSignedMessage(message: Uint8Array): SignedMessage {
  if (message.length > MAX_MESSAGE_BYTES) throw invalid(`more than ${MAX_MESSAGE_BYTES} bytes`);
  const packets = readMessagePackets(message, 0);
  const [first] = packets;
  if (!first) throw noData();
  if (packets.some(({ tag }) => ENCRYPTED.has(tag))) throw signatureCount(0);
  const bodies = (tag: number) => packets.filter((packet) => packet.tag === tag).map(({ body }) => body);
  const signatures = bodies(PACKET.signature);
  if (signatures.length !== 1) throw signatureCount(signatures.length);
  const order = packets.map(({ tag }) => tag).join(" ");
  const { onePassSignature, signature, literal } = PACKET;
  const isOnePass = order === `${onePassSignature} ${literal} ${signature}`;
  if (!isOnePass && order !== `${signature} ${literal}`) {
    throw invalid(bodies(literal).length === 0 ? "it is detached from its data" : "packets out of order");
  }
  const [body = new Uint8Array(0)] = signatures;
  const [data = new Uint8Array(0)] = bodies(literal);
  const read = readSignature(body);
  const [announced] = bodies(onePassSignature).map(readOnePass);
  if (announced) assertAnnounced(announced, read);
  return { content: readLiteral(data), signature: read, announcedKeyId: announced?.keyId };
}

function readMessagePackets(bytes: Uint8Array, depth: number): { tag: number; body: Uint8Array }[] {
  const packets: { tag: number; body: Uint8Array }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const packet = readPacket(bytes, at);
    if (!packet) throw noData();
    at = packet.next;
    if (packet.tag === PACKET.marker) continue;
    if (packet.tag === PACKET.compressed) {
      if (packets.length > 0 || at < bytes.length) throw invalid("something stands beside compressed data");
      if (depth === MAX_NESTING) throw invalid("compressed too often");
      return readMessagePackets(decompress(packet.body), depth + 1);
    }
    packets.push({ tag: packet.tag, body: packet.body });
    if (packets.length > MAX_PACKETS) throw invalid(`more than ${MAX_PACKETS} packets`);
  }
  return packets;
}

function decompress(body: Uint8Array): Uint8Array {
  const [algorithm] = body;
  const data = body.subarray(1);
  const options = { maxOutputLength: MAX_MESSAGE_BYTES };
  try {
    if (algorithm === 0) return data;
    if (algorithm === 1) return inflateRawSync(data, options);
    if (algorithm === 2) return inflateSync(data, options);
  } catch (cause) {
    const isTooLong = cause instanceof RangeError;
    throw invalid(isTooLong ? `more than ${MAX_MESSAGE_BYTES} bytes` : "broken compressed data", cause);
  }
  throw invalid(`compression algorithm ${algorithm ?? "none"} is not supported`);
}

/** Binary, text, UTF-8 text, and two ways to say local. */
const LITERAL_MODES = new Set(Buffer.from("btul1"));

function readLiteral(body: Uint8Array): Uint8Array {
  const [mode, nameLength] = body;
  const from = 6 + (nameLength ?? 0);
  const isKnown = mode !== undefined && LITERAL_MODES.has(mode);
  if (!isKnown || nameLength === undefined || from > body.length) throw invalid("broken data packet");
  return body.subarray(from);
}

function readOnePass(body: Uint8Array): OnePass {
  const [version, type, hashAlgorithm, publicKeyAlgorithm] = body;
  // The last octet says that no further signature follows, and there is but one.
  if (version !== 3 || body.length !== 13 || body[12] !== 1) throw invalid("broken one-pass packet");
  if (type !== 0) throw notBinary(type);
  const keyId = body.subarray(4, 12);
  return { hashAlgorithm: hashAlgorithm ?? 0, publicKeyAlgorithm: publicKeyAlgorithm ?? 0, keyId };
}

function readSignature(body: Uint8Array): MessageSignature {
  const [version] = body;
  if (version !== 3 && version !== 4) throw invalid(`version ${version ?? "none"} is not supported`);
  const from = version === 3 ? 2 : 1;
  const type = body[from];
  if (type !== 0) throw notBinary(type);
  const publicKeyAlgorithm = body[version === 3 ? 15 : 2];
  const hashAlgorithm = body[version === 3 ? 16 : 3];
  if (publicKeyAlgorithm === undefined || hashAlgorithm === undefined) throw invalid("incomplete");
  return { version, publicKeyAlgorithm, hashAlgorithm, body };
}

function assertAnnounced(announced: OnePass, { publicKeyAlgorithm, hashAlgorithm }: MessageSignature): void {
  const isSame =
    announced.publicKeyAlgorithm === publicKeyAlgorithm && announced.hashAlgorithm === hashAlgorithm;
  if (!isSame) throw invalid("it is of other algorithms than announced");
}

/** What is read of a signature of version 3, all of it but the numbers that make it up. */
export interface Version3Fields {
  /** What is hashed after the data: type and time. */
  readonly hashed: Uint8Array;
  /** Seconds since 1970. */
  readonly created: number;
  readonly issuerKeyId: Uint8Array;
  /** The first two octets of the hash. */
  readonly hashStart: Uint8Array;
  readonly numbers: Uint8Array;
}

/** The fields of a signature of version 3; nothing if it is malformed. */
export function readVersion3(body: Uint8Array): Version3Fields | undefined {
  const created = readNumber(body, 3, 4);
  if (body[1] !== 5 || created === undefined || body.length < 19) return undefined;
  return {
    hashed: body.subarray(2, 7),
    created,
    issuerKeyId: body.subarray(7, 15),
    hashStart: body.subarray(17, 19),
    numbers: body.subarray(19),
  };
}

function notBinary(type: number | undefined): PolicyError {
  return invalid(`type 0x${(type ?? 0).toString(16).padStart(2, "0")} is not a signature over binary data`);
}

function signatureCount(count: number): PolicyError {
  return new PolicyError("ERR_POLICY_INVALID_SIGNATURE", `Unexpected GPG signature count ${count}`);
}

/** What GnuPG's library says of something that is not OpenPGP, or that ends too early. */
function noData(): PolicyError {
  return new PolicyError("ERR_POLICY_INVALID_SIGNATURE", "No data", { errorClass: "other" });
}

function invalid(problem: string, cause?: unknown): PolicyError {
  return new PolicyError(
    "ERR_POLICY_INVALID_SIGNATURE",
    `Invalid GPG signature: ${problem}`,
    cause === undefined ? {} : { cause },
  );
}

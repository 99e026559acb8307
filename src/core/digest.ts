/**
 * Digests of content: parse, compute, and verify while reading.
 *
 * ```text
 * digest     = algorithm ":" encoded
 * algorithm  = component *( ( "+" / "." / "_" / "-" ) component )
 * component  = 1*( %x61-7A / DIGIT )                       ; a-z 0-9
 * encoded    = 1*( ALPHA / DIGIT / "=" / "_" / "-" )
 * ```
 *
 * The registered algorithms sha256, sha384 and sha512 further need lower-case hexadecimal of exact length.
 * A {@link Digest} is a branded string: only this module makes one, so a URL, a tag or a path that is built
 * from a `Digest` cannot be steered by its text.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests}
 * @module
 */
import { createHash, type Hash, hash } from "node:crypto";
import type { ByteStream } from "./bytes.ts";
import { CoreError } from "./errors.ts";
import { abortableStream, type SignalOptions } from "./signal.ts";

declare const digestBrand: unique symbol;

/** A checked digest such as `sha256:44136fa3…`, of an algorithm that lading computes. */
export type Digest = `${DigestAlgorithm}:${string}` & { readonly [digestBrand]: true };

/** Algorithms that lading computes. */
export type DigestAlgorithm = "sha256" | "sha384" | "sha512";

/** Length in characters of the encoded part. */
const HEX_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** The algorithms that the image spec registers, with the length of their encoded part. */
const REGISTERED: ReadonlyMap<string, number> = new Map([
  ["sha256", 64],
  ["sha512", 128],
  ["blake3", 64],
]);

const GRAMMAR = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/;
const LOWER_HEX = /^[0-9a-f]+$/;

/**
 * The digest that a text denotes.
 *
 * Only sha256, sha384 and sha512 with lower-case hexadecimal of the right length come back: everything else
 * is refused before a URL or a path can be built from it.
 *
 * @throws {CoreError} `ERR_DIGEST_INVALID` for a text outside the grammar, of wrong length or in upper case.
 * @throws {CoreError} `ERR_DIGEST_UNSUPPORTED` for another algorithm.
 * @throws {TypeError} For anything but a text.
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests}
 */
export function parseDigest(text: string): Digest {
  const [algorithm, encoded] = splitDigest(text);
  if (!isDigestAlgorithm(algorithm)) {
    throw new CoreError("ERR_DIGEST_UNSUPPORTED", `unsupported digest algorithm: ${shown(text)}`);
  }
  if (encoded.length !== HEX_LENGTH[algorithm]) {
    const want = HEX_LENGTH[algorithm];
    throw new CoreError(
      "ERR_DIGEST_INVALID",
      `invalid checksum digest length: ${encoded.length} characters, ${algorithm} has ${want}`,
    );
  }
  if (!LOWER_HEX.test(encoded)) {
    throw new CoreError(
      "ERR_DIGEST_INVALID",
      `invalid checksum digest format: ${shown(text)} is not lower-case hexadecimal`,
    );
  }
  return text as Digest;
}

/** Whether a text is a digest that {@link parseDigest} accepts. */
export function isDigest(text: string): text is Digest {
  // A regular expression would take a list of one text for that text.
  if (typeof text !== "string") return false;
  if (isSha256(text)) return true;
  const match = GRAMMAR.exec(text);
  const algorithm = match?.[1] ?? "";
  const encoded = match?.[2] ?? "";
  return isDigestAlgorithm(algorithm) && encoded.length === HEX_LENGTH[algorithm] && LOWER_HEX.test(encoded);
}

const encoder = new TextEncoder();
/** For {@link isSha256} alone: a digest as UTF-8 behind one byte, so that its encoded part begins with a word. */
const bytes = new Uint8Array(72);
const behindOne = bytes.subarray(1);
const words = new Int32Array(bytes.buffer);
const FIRST_BITS = 0x80808080 | 0;
encoder.encodeInto("sha256:", behindOne);
const [NAME_START, NAME_END] = words;

/** Nearly all digests are of this algorithm, and four characters at a time are quicker than the grammar. */
function isSha256(text: string): boolean {
  // Other characters than those of ASCII take more bytes than there are.
  if (text.length !== 71 || encoder.encodeInto(text, behindOne).written !== 71) return false;
  if (words[0] !== NAME_START || words[1] !== NAME_END) return false;
  let inside = FIRST_BITS;
  for (let at = 2; at < 18; at++) inside &= insideHex(words[at] ?? 0);
  return inside === FIRST_BITS;
}

/**
 * The first bit of each byte is set if all four are lower-case hexadecimal digits. Each sum has the first bit of a byte
 * that is at least 30, 3A, 61 or 67; a byte over 7F is in none of the ranges, whatever it carries into the next one.
 */
function insideHex(word: number): number {
  const digit = (word + 0x50505050) & ~(word + 0x46464646);
  const letter = (word + 0x1f1f1f1f) & ~(word + 0x19191919);
  return (digit | letter) & FIRST_BITS;
}

/**
 * Whether a text fits the general grammar, of whatever algorithm.
 *
 * A document that names a digest of an unregistered algorithm is valid; such content cannot be verified, so
 * lading never fetches it.
 */
export function matchesDigestGrammar(text: string): boolean {
  return GRAMMAR.test(text);
}

/** What the image spec says about a text as a digest, whether lading computes it or not. */
export type DigestForm =
  /** Outside the grammar: no digest at all. */
  | { kind: "invalid" }
  /** Fits the grammar; the image spec says nothing about its algorithm, so about its encoded part. */
  | { kind: "unregistered"; algorithm: string }
  /** Of a registered algorithm; `valid` tells whether the encoded part is what that algorithm gives. */
  | { kind: "registered"; algorithm: string; valid: boolean };

/**
 * What the image spec says about a text as a digest: for checking documents.
 *
 * To fetch or verify content, {@link parseDigest} decides. blake3 is registered but not computed; sha384 is
 * computed but not registered.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/main/descriptor.md#registered-algorithms}
 */
export function classifyDigest(text: string): DigestForm {
  const [, algorithm, encoded] = GRAMMAR.exec(text) ?? [];
  if (algorithm === undefined || encoded === undefined) return { kind: "invalid" };
  const length = REGISTERED.get(algorithm);
  if (length === undefined) return { kind: "unregistered", algorithm };
  return { kind: "registered", algorithm, valid: encoded.length === length && LOWER_HEX.test(encoded) };
}

/** The algorithm of a digest. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(":")) as DigestAlgorithm;
}

/** The encoded part of a digest: lower-case hexadecimal. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** Computes the digest of bytes; of a text, of its UTF-8 form. */
export function digestOf(content: Uint8Array | string, algorithm: DigestAlgorithm = "sha256"): Digest {
  return `${algorithm}:${hash(algorithm, content, "hex")}` as Digest;
}

/** A running digest: feed it chunks, then read the result once. */
export interface Digester {
  /** Adds bytes. */
  update(chunk: Uint8Array): void;
  /** The digest of all bytes so far. Can be read once, and nothing can be added after it. */
  digest(): Digest;
  /** How many bytes were added. */
  readonly size: number;
}

/** Node takes less than 2 GiB at once. */
const MAX_UPDATE_BYTES = 2 ** 30;

/** Starts a running digest. */
export function createDigester(algorithm: DigestAlgorithm = "sha256"): Digester {
  const hash = createHash(algorithm);
  let size = 0;
  return {
    update(chunk) {
      if (chunk.byteLength <= MAX_UPDATE_BYTES) hash.update(chunk);
      else {
        for (let at = 0; at < chunk.byteLength; at += MAX_UPDATE_BYTES) {
          hash.update(chunk.subarray(at, at + MAX_UPDATE_BYTES));
        }
      }
      size += chunk.byteLength;
    },
    digest: () => toDigest(algorithm, hash),
    get size() {
      return size;
    },
  };
}

/** What content must be: its digest and, when known, its exact length. */
export interface ContentExpectation {
  digest: Digest;
  /** Exact length in bytes. Absent: the length is not checked. */
  size?: number | undefined;
}

/**
 * Passes a stream on, and reports its end only if size and digest are the expected ones.
 *
 * Chunks are delivered before the check: a caller must not act on them as a whole until the iteration has
 * ended without an error. No byte beyond `size` is delivered. The source is released on every way out; a
 * consumer that leaves early has verified nothing.
 *
 * @throws {CoreError} `ERR_SIZE_MISMATCH` for a stream that is shorter or longer than `size`.
 * @throws {CoreError} `ERR_DIGEST_MISMATCH` for other content.
 */
export async function* verifyStream(
  source: ByteStream,
  { digest, size }: ContentExpectation,
  { signal }: SignalOptions = {},
): AsyncGenerator<Uint8Array, void> {
  if (size !== undefined && (!Number.isSafeInteger(size) || size < 0)) {
    throw new CoreError("ERR_SIZE_MISMATCH", `${digest}: a size of ${size} bytes is impossible`);
  }
  const digester = createDigester(digestAlgorithm(digest));
  for await (const chunk of abortableStream(source, signal)) {
    digester.update(chunk);
    if (size !== undefined && digester.size > size) {
      throw new CoreError("ERR_SIZE_MISMATCH", `${digest}: more than the expected ${size} bytes`);
    }
    yield chunk;
  }
  checkContent(digester, { digest, size });
}

/**
 * Checks bytes at hand against a digest and, when known, a size.
 *
 * @throws {CoreError} `ERR_SIZE_MISMATCH` or `ERR_DIGEST_MISMATCH`.
 */
export function verifyBytes(content: Uint8Array, expected: ContentExpectation): void {
  const digester = createDigester(digestAlgorithm(expected.digest));
  digester.update(content);
  checkContent(digester, expected);
}

/**
 * The chain ids of a stack of layers, from its uncompressed digests (diff ids), bottom to top.
 *
 * The last one names the whole stack. An empty stack has none. The ids are sha256 whatever the diff ids are.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#layer-chainid}
 */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`));
  }
  return chain;
}

function checkContent(digester: Digester, { digest, size }: ContentExpectation): void {
  const got = digester.digest();
  if (size !== undefined && digester.size !== size) {
    throw new CoreError("ERR_SIZE_MISMATCH", `${digest}: expected ${size} bytes, got ${digester.size}`);
  }
  if (got !== digest) throw new CoreError("ERR_DIGEST_MISMATCH", `expected ${digest}, got ${got}`);
}

function splitDigest(text: string): [algorithm: string, encoded: string] {
  if (typeof text !== "string") throw new TypeError("a digest is a text");
  const match = GRAMMAR.exec(text);
  if (!match?.[1] || !match[2]) {
    throw new CoreError("ERR_DIGEST_INVALID", `invalid checksum digest format: ${shown(text)}`);
  }
  return [match[1], match[2]];
}

/** A refused text for a message: quoted, and not longer than a digest can be. */
function shown(text: string): string {
  return JSON.stringify(text.length > 160 ? `${text.slice(0, 160)}…` : text);
}

function isDigestAlgorithm(name: string): name is DigestAlgorithm {
  return Object.hasOwn(HEX_LENGTH, name);
}

function toDigest(algorithm: DigestAlgorithm, hash: Hash): Digest {
  return `${algorithm}:${hash.digest("hex")}` as Digest;
}

/**
 * Signatures of version 3, which the library leaves out without a word and which are still made: by RSA keys,
 * with a hash of two octets to tell a wrong one soon, and no more fields than a type, a time and the key's ID.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc4880#section-5.2.2}
 * @module
 */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import type { Version3Fields } from "./message.ts";
import { readNumber } from "./packets.ts";

/** Hashes that a signature may be made with, by number. */
export const HASHES: ReadonlyMap<number, string> = new Map([
  [8, "sha256"],
  [9, "sha384"],
  [10, "sha512"],
  [11, "sha224"],
]);

/** The numbers that make up an RSA key, big-endian. */
export interface RsaNumbers {
  readonly n: Uint8Array;
  readonly e: Uint8Array;
}

/** Whether an RSA key made a signature over data. */
export function isVersion3Signature(
  fields: Version3Fields,
  content: Uint8Array,
  hashAlgorithm: number,
  numbers: RsaNumbers,
): boolean {
  const hash = HASHES.get(hashAlgorithm);
  const signature = readRsaSignature(fields.numbers);
  const key = hash === undefined || !signature ? undefined : rsaKey(numbers);
  if (hash === undefined || !signature || !key) return false;
  const data = Buffer.concat([content, fields.hashed]);
  const digest = createHash(hash).update(data).digest();
  if (!digest.subarray(0, 2).equals(fields.hashStart)) return false;
  const length = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  if (signature.length > length) return false;
  const padded = Buffer.concat([Buffer.alloc(length - signature.length), signature]);
  return verify(hash, data, key, padded);
}

/** The one number that an RSA signature is. */
function readRsaSignature(bytes: Uint8Array): Uint8Array | undefined {
  const bits = readNumber(bytes, 0, 2);
  if (bits === undefined || bytes.length !== 2 + Math.ceil(bits / 8)) return undefined;
  return bytes.subarray(2);
}

function rsaKey({ n, e }: RsaNumbers): KeyObject | undefined {
  const [modulus, exponent] = [n, e].map((number) => Buffer.from(number).toString("base64url"));
  try {
    return createPublicKey({
      key: { kty: "RSA", n: modulus ?? "", e: exponent ?? "" },
      format: "jwk",
    });
  } catch {
    // Whatever OpenSSL says about these numbers, they are no key.
    return undefined;
  }
}

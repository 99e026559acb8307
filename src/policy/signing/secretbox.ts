/**
 * NaCl's secretbox, XSalsa20 with Poly1305: how cosign seals private keys.
 *
 * Lading's own, for `node:crypto` has neither XSalsa20 nor Poly1305 by itself, and a library of ciphers for one
 * file of a few hundred bytes would be more code to trust than the hundred lines here. They are held against what
 * Go's implementation sealed, NaCl's published vector, and the tags of OpenSSL's ChaCha20-Poly1305.
 *
 * Meant for such files: the arithmetic of the authenticator does not take constant time, so an attacker who can
 * measure many openings of chosen boxes on this machine must not be given the chance.
 *
 * @see {@link https://nacl.cr.yp.to/secretbox.html}
 * @module
 */
import { timingSafeEqual } from "node:crypto";
import { xsalsa20Stream } from "./xsalsa20.ts";

const TAG_BYTES = 16;
/** The first half of the first block is the authenticator's key. */
const POLY_KEY_BYTES = 32;
const PRIME = 2n ** 130n - 5n;
const CLAMP = 0x0ffffffc0ffffffc0ffffffc0fffffffn;

/**
 * A message sealed: 16 bytes of authenticator, then the encrypted message.
 *
 * @param key 32 bytes.
 * @param nonce 24 bytes, never used twice with one key.
 */
export function sealSecretbox(message: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array {
  const { polyKey, pad } = streams(key, nonce, message.length);
  const encrypted = xor(message, pad);
  return Buffer.concat([poly1305(encrypted, polyKey), encrypted]);
}

/** The message in a box, or nothing if it was sealed with another key or nonce, or changed since. */
export function openSecretbox(box: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array | undefined {
  if (box.length < TAG_BYTES) return undefined;
  const encrypted = box.subarray(TAG_BYTES);
  const { polyKey, pad } = streams(key, nonce, encrypted.length);
  if (!timingSafeEqual(poly1305(encrypted, polyKey), box.subarray(0, TAG_BYTES))) return undefined;
  return xor(encrypted, pad);
}

/**
 * The authenticator of a message.
 *
 * @param key 32 bytes, used for one message only.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8439#section-2.5}
 */
export function poly1305(message: Uint8Array, key: Uint8Array): Uint8Array {
  const r = littleEndian(key.subarray(0, 16)) & CLAMP;
  const s = littleEndian(key.subarray(16, POLY_KEY_BYTES));
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const part = message.subarray(at, at + 16);
    sum = ((sum + littleEndian(part) + (1n << BigInt(8 * part.length))) * r) % PRIME;
  }
  const hex = ((sum + s) & (2n ** 128n - 1n)).toString(16).padStart(32, "0");
  return Buffer.from(hex, "hex").reverse();
}

function streams(
  key: Uint8Array,
  nonce: Uint8Array,
  length: number,
): { polyKey: Uint8Array; pad: Uint8Array } {
  const stream = xsalsa20Stream(key, nonce, POLY_KEY_BYTES + length);
  return { polyKey: stream.subarray(0, POLY_KEY_BYTES), pad: stream.subarray(POLY_KEY_BYTES) };
}

function xor(bytes: Uint8Array, pad: Uint8Array): Uint8Array {
  return bytes.map((octet, at) => octet ^ (pad[at] ?? 0));
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex") || "0"}`);
}

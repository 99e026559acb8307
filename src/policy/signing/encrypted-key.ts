/**
 * Private keys as cosign encrypts them: scrypt makes a key of the passphrase, and NaCl's secretbox seals the
 * PKCS #8 of the private key with it. All of it stands in JSON, and that in a PEM block.
 *
 * @see {@link https://github.com/secure-systems-lab/go-securesystemslib/blob/v0.9.1/encrypted/encrypted.go}
 * @module
 */
import { randomBytes, scrypt } from "node:crypto";
import { CoreError } from "../../core/errors.ts";
import { messageOf } from "../../core/message-of.ts";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import { integerOf, type JsonNode, jsonError, parseJson, stringOf } from "../../core/strict-json.ts";
import { decodeBase64 } from "../base64.ts";
import { PolicyError } from "../errors.ts";
import { readExactly } from "../payload.ts";
import { quote } from "../quote.ts";
import { openSecretbox, sealSecretbox } from "./secretbox.ts";

/** What opens an encrypted key: bytes, or a text that stands for its UTF-8 as it is, not normalized. May be empty. */
export type Passphrase = string | Uint8Array;

/** How much work a passphrase costs, as upstream names it; the number is scrypt's N. */
export type KeyStrength = "legacy" | "standard" | "owasp";

/** The only costs that upstream reads: others would let a file decide how much memory its reader takes. */
const COSTS: Readonly<Record<KeyStrength, number>> = { legacy: 32768, standard: 65536, owasp: 131072 };
const BLOCK_SIZE = 8;
const PARALLELISM = 1;
const SALT_BYTES = 32;
const NONCE_BYTES = 24;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const MAX_BYTES = 256 * 1024;

/**
 * The PKCS #8 of an encrypted key.
 *
 * @param content What stands in the PEM block.
 * @throws {PolicyError} `ERR_POLICY_PRIVATE_KEY` for another format, or costs that upstream does not read;
 * `ERR_POLICY_PASSPHRASE` for another passphrase, or a key that was changed: the two cannot be told apart.
 */
export async function decryptKey(
  content: Uint8Array,
  passphrase: Passphrase,
  { signal }: SignalOptions = {},
): Promise<Uint8Array> {
  const { cost, salt, nonce, ciphertext } = parseEncryptedKey(content);
  const key = await deriveKey(passphrase, salt, cost, signal);
  const opened = openSecretbox(ciphertext, nonce, key);
  if (opened) return opened;
  throw new PolicyError("ERR_POLICY_PASSPHRASE", "decrypt: encrypted: decryption failed");
}

/** A PKCS #8 encrypted: what is to stand in the PEM block. */
export async function encryptKey(
  pkcs8: Uint8Array,
  passphrase: Passphrase,
  { strength = "standard", signal }: SignalOptions & { strength?: KeyStrength | undefined } = {},
): Promise<Uint8Array> {
  const cost = Object.hasOwn(COSTS, strength) ? COSTS[strength] : undefined;
  if (cost === undefined) throw new RangeError(`no strength of a key: ${JSON.stringify(strength)}`);
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const ciphertext = sealSecretbox(pkcs8, nonce, await deriveKey(passphrase, salt, cost, signal));
  const json = JSON.stringify({
    kdf: {
      name: "scrypt",
      params: { N: cost, r: BLOCK_SIZE, p: PARALLELISM },
      salt: salt.toString("base64"),
    },
    cipher: { name: "nacl/secretbox", nonce: nonce.toString("base64") },
    ciphertext: Buffer.from(ciphertext).toString("base64"),
  });
  return Buffer.from(json);
}

interface EncryptedKey {
  cost: number;
  salt: Uint8Array;
  nonce: Uint8Array;
  ciphertext: Uint8Array;
}

function parseEncryptedKey(content: Uint8Array): EncryptedKey {
  try {
    const node = parseJson(content, { maxBytes: MAX_BYTES, duplicateKeys: "keep" });
    const [kdf, cipher, sealed] = readExactly(node, ["kdf", "cipher", "ciphertext"]);
    const [kdfName, params, salt] = readExactly(kdf, ["name", "params", "salt"]);
    assertName(kdfName, "scrypt");
    const [n, r, p] = readExactly(params, ["N", "r", "p"]).map((each) => integerOf(each, 0n, 2n ** 31n));
    const cost = Object.values(COSTS).find((known) => BigInt(known) === n);
    if (cost === undefined || r !== BigInt(BLOCK_SIZE) || p !== BigInt(PARALLELISM)) {
      throw jsonError(params, "ERR_JSON_TYPE", "encrypted: unsupported scrypt parameters");
    }
    const [cipherName, nonce] = readExactly(cipher, ["name", "nonce"]);
    assertName(cipherName, "nacl/secretbox");
    return {
      cost,
      salt: bytesOf(salt, 1, 1024),
      nonce: bytesOf(nonce, NONCE_BYTES, NONCE_BYTES),
      ciphertext: bytesOf(sealed, TAG_BYTES, MAX_BYTES),
    };
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new PolicyError("ERR_POLICY_PRIVATE_KEY", `decrypt: ${messageOf(cause)}`, { cause });
  }
}

function assertName(node: JsonNode, wanted: string): void {
  const name = stringOf(node);
  if (name === wanted) return;
  throw jsonError(node, "ERR_JSON_TYPE", `encrypted: ${quote(name.slice(0, 64))} where ${wanted} is known`);
}

function bytesOf(node: JsonNode, min: number, max: number): Uint8Array {
  const bytes = decodeBase64(stringOf(node));
  if (bytes && bytes.length >= min && bytes.length <= max) return bytes;
  throw jsonError(node, "ERR_JSON_TYPE", `base64 of ${min} to ${max} bytes expected`);
}

async function deriveKey(
  passphrase: Passphrase,
  salt: Uint8Array,
  cost: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  signal?.throwIfAborted();
  const secret = passphraseBytes(passphrase);
  const options = { N: cost, r: BLOCK_SIZE, p: PARALLELISM, maxmem: 256 * cost * BLOCK_SIZE };
  const derived = new Promise<Uint8Array>((resolve, reject) => {
    scrypt(secret, salt, KEY_BYTES, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
  return raceSignal(derived, signal);
}

/**
 * The bytes of a passphrase.
 *
 * @throws {TypeError} for a text with half a surrogate pair, whose UTF-8 would be that of another text.
 */
export function passphraseBytes(passphrase: Passphrase): Uint8Array {
  if (typeof passphrase !== "string") return passphrase;
  if (/\p{Surrogate}/u.test(passphrase)) throw new TypeError("the passphrase is no well-formed Unicode text");
  return Buffer.from(passphrase, "utf8");
}

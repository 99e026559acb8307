/**
 * New keys to sign with.
 *
 * @module
 */
import { generateKeyPair as generate, type KeyObject } from "node:crypto";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import { encryptKey, type KeyStrength, type Passphrase } from "./encrypted-key.ts";

/** Kinds of keys that are made. */
export type KeyAlgorithm =
  | "ecdsa-p256"
  | "ecdsa-p384"
  | "ecdsa-p521"
  | "ed25519"
  | "rsa-2048"
  | "rsa-3072"
  | "rsa-4096";

/** Options of {@link generateKeyPair}. */
export interface GenerateKeyPairOptions extends SignalOptions {
  /**
   * What opens the private key; may be empty, as cosign allows. Null leaves it unencrypted. There is no default.
   */
  passphrase: Passphrase | null;
  /** Default `"ecdsa-p256"`, as cosign makes them. */
  algorithm?: KeyAlgorithm | undefined;
  /** Default `"standard"` (scrypt with N = 65536), as cosign has it since version 2. */
  strength?: KeyStrength | undefined;
}

/** A key pair as PEM files. */
export interface KeyPair {
  /** `ENCRYPTED SIGSTORE PRIVATE KEY`, or `PRIVATE KEY` (PKCS #8) without passphrase. */
  readonly privateKey: string;
  /** `PUBLIC KEY`: what a policy names as `keyPath` or `keyData`. */
  readonly publicKey: string;
}

const CURVES: Readonly<Record<string, string>> = {
  "ecdsa-p256": "P-256",
  "ecdsa-p384": "P-384",
  "ecdsa-p521": "P-521",
};

/**
 * A new key pair, in the form in which `cosign generate-key-pair` writes it. Nothing is written to disk.
 *
 * @throws {RangeError} for an algorithm or strength that does not exist.
 */
export async function generateKeyPair({
  passphrase,
  algorithm = "ecdsa-p256",
  strength,
  signal,
}: GenerateKeyPairOptions): Promise<KeyPair> {
  signal?.throwIfAborted();
  // `undefined` from a caller without types must not mean "unencrypted".
  if (passphrase === undefined) throw new TypeError("a passphrase must be given, or null");
  const { privateKey, publicKey } = await raceSignal(generateKeys(algorithm), signal);
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  const publicPem = publicKey.export({ format: "pem", type: "spki" }).toString();
  if (passphrase === null) {
    return { privateKey: formatPem("PRIVATE KEY", pkcs8), publicKey: publicPem };
  }
  const encrypted = await encryptKey(pkcs8, passphrase, { strength, signal });
  return { privateKey: formatPem("ENCRYPTED SIGSTORE PRIVATE KEY", encrypted), publicKey: publicPem };
}

/** New keys. */
export function generateKeys(
  algorithm: KeyAlgorithm,
): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, publicKey: KeyObject, privateKey: KeyObject): void => {
      if (error) reject(error);
      else resolve({ privateKey, publicKey });
    };
    const namedCurve = Object.hasOwn(CURVES, algorithm) ? CURVES[algorithm] : undefined;
    const bits = /^rsa-(2048|3072|4096)$/.exec(algorithm)?.[1];
    if (namedCurve !== undefined) generate("ec", { namedCurve }, done);
    else if (bits !== undefined) generate("rsa", { modulusLength: Number(bits) }, done);
    else if (algorithm === "ed25519") generate("ed25519", undefined, done);
    else throw new RangeError(`no algorithm of keys: ${JSON.stringify(algorithm)}`);
  });
}

/** Bytes as a PEM block, in lines of 64 characters. */
export function formatPem(type: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${type}-----\n${lines.join("\n")}\n-----END ${type}-----\n`;
}

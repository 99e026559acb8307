/**
 * What makes signatures: a key at hand, or whatever else can sign bytes, such as a key management service.
 *
 * @module
 */
import { constants, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { messageOf } from "../../core/message-of.ts";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import { PolicyError } from "../errors.ts";
import { nextPemBlock, type PemBlock, pemText } from "../pem.ts";
import { formatPublicKeyPem, type PublicKey, publicKeyOf } from "../public-key.ts";
import { quote } from "../quote.ts";
import { decryptKey, type Passphrase, passphraseBytes } from "./encrypted-key.ts";

/** Makes signatures. */
export interface Signer {
  /**
   * PEM of the public key (SubjectPublicKeyInfo). Needed to record signatures in a log; where it is known each
   * signature is checked with it before it is used.
   */
  readonly publicKey?: string | undefined;
  /**
   * The signature over bytes: ECDSA over their SHA-256 in DER, RSA PKCS #1 v1.5 over their SHA-256, or Ed25519 over
   * the bytes themselves. A signer that gets a certificate for each signature gives that with it.
   *
   * Whatever it rejects with comes out unchanged.
   */
  sign(payload: Uint8Array, options: SignalOptions): Promise<Uint8Array | CertifiedSignature>;
}

/** A signature with the certificate of the key that made it. */
export interface CertifiedSignature {
  readonly signature: Uint8Array;
  /** PEM of the leaf. */
  readonly certificatePem: string;
  /** PEM of the certificates above the leaf, from its issuer to the root. */
  readonly chainPem: string;
  /** The text of the bundle annotation, where the signature was recorded in a log already. */
  readonly bundle?: string | undefined;
}

/** Options of {@link createKeySigner}. */
export interface KeySignerOptions extends SignalOptions {
  /** Needed for an encrypted key, where it may be empty; not used for others. */
  passphrase?: Passphrase | undefined;
}

/** A signer with a key at hand. */
export interface KeySigner extends Signer {
  readonly publicKey: string;
  sign(payload: Uint8Array, options?: SignalOptions): Promise<Uint8Array>;
}

/** Shorter RSA keys are refused by cosign, and sign nothing that is worth a signature. */
const MIN_RSA_BITS = 2048;
const MAX_KEY_BYTES = 1024 * 1024;

/**
 * A signer with a private key: ECDSA on P-256, P-384 or P-521, RSA of at least 2048 bits, or Ed25519.
 *
 * Of a PEM file the first block counts: cosign's encrypted ones (`ENCRYPTED SIGSTORE PRIVATE KEY`,
 * `ENCRYPTED COSIGN PRIVATE KEY`), PKCS #8 (`PRIVATE KEY`, `ENCRYPTED PRIVATE KEY`), PKCS #1 (`RSA PRIVATE KEY`) and
 * SEC 1 (`EC PRIVATE KEY`, also after the parameters that openssl writes before it). A block that is encrypted in the
 * way of old, with header lines, is refused.
 *
 * @throws {PolicyError} `ERR_POLICY_PRIVATE_KEY`, `ERR_POLICY_PASSPHRASE`. Neither names the key or the passphrase.
 * @see {@link https://github.com/sigstore/cosign/blob/v2.6.1/pkg/cosign/keys.go}
 */
export async function createKeySigner(
  key: string | Uint8Array | KeyObject,
  { passphrase, signal }: KeySignerOptions = {},
): Promise<KeySigner> {
  signal?.throwIfAborted();
  const isText = typeof key === "string" || key instanceof Uint8Array;
  const privateKey = isText ? await readPrivateKey(key, passphrase, signal) : key;
  if (privateKey.type !== "private") throw new TypeError(`a ${privateKey.type} key signs nothing`);
  const publicKey = supportedKey(privateKey);
  return {
    publicKey: formatPublicKeyPem(publicKey),
    async sign(payload, { signal: signing } = {}) {
      signing?.throwIfAborted();
      return raceSignal(signWith(privateKey, publicKey.kind, payload), signing);
    },
  };
}

/** Signs in a thread of the pool: an RSA signature takes milliseconds. */
function signWith(key: KeyObject, kind: PublicKey["kind"], payload: Uint8Array): Promise<Uint8Array> {
  const hash = kind === "ed25519" ? null : "sha256";
  const input =
    kind === "rsa" ? { key, padding: constants.RSA_PKCS1_PADDING } : { key, dsaEncoding: "der" as const };
  return new Promise((resolve, reject) => {
    sign(hash, payload, input, (error, signature) => (error ? reject(error) : resolve(signature)));
  });
}

/** The public half of a private key, of a kind that signatures are made with. */
function supportedKey(key: KeyObject): PublicKey {
  const publicKey = publicKeyOf(createPublicKey(key).export({ format: "der", type: "spki" }));
  if (!publicKey) throw unusable(`signatures are not made with keys of the kind ${key.asymmetricKeyType}`);
  const bits = publicKey.key.asymmetricKeyDetails?.modulusLength;
  if (publicKey.kind === "rsa" && (bits ?? 0) < MIN_RSA_BITS) {
    throw unusable(`an RSA key of ${bits} bits, fewer than ${MIN_RSA_BITS}`);
  }
  return publicKey;
}

async function readPrivateKey(
  input: string | Uint8Array,
  passphrase: Passphrase | undefined,
  signal: AbortSignal | undefined,
): Promise<KeyObject> {
  if (input.length > MAX_KEY_BYTES) throw unusable(`more than ${MAX_KEY_BYTES} bytes`);
  const block = firstKeyBlock(pemText(input));
  if (block.hasHeaders) throw unusable("header lines in the PEM block");
  const key = Buffer.from(block.bytes);
  switch (block.type) {
    case "ENCRYPTED SIGSTORE PRIVATE KEY":
    case "ENCRYPTED COSIGN PRIVATE KEY": {
      const pkcs8 = Buffer.from(await decryptKey(key, given(passphrase), { signal }));
      return readable(() => createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }));
    }
    case "ENCRYPTED PRIVATE KEY":
      return openPkcs8(key, passphraseBytes(given(passphrase)));
    case "PRIVATE KEY":
      return readable(() => createPrivateKey({ key, format: "der", type: "pkcs8" }));
    case "RSA PRIVATE KEY":
      return readable(() => createPrivateKey({ key, format: "der", type: "pkcs1" }), "rsa");
    case "EC PRIVATE KEY":
      return readable(() => createPrivateKey({ key, format: "der", type: "sec1" }), "ec");
    default:
      throw unusable(`unsupported pem type: ${quote(block.type.slice(0, 64)).slice(1, -1)}`);
  }
}

function firstKeyBlock(text: string): PemBlock {
  const block = nextPemBlock(text);
  const key = block?.type === "EC PARAMETERS" ? nextPemBlock(block.rest) : block;
  if (key) return key;
  throw unusable("invalid pem block");
}

function openPkcs8(key: Buffer, passphrase: Uint8Array): KeyObject {
  // OpenSSL does not say whether it is the passphrase that is wrong, or what.
  try {
    return createPrivateKey({ key, format: "der", type: "pkcs8", passphrase: Buffer.from(passphrase) });
  } catch (cause) {
    throw new PolicyError("ERR_POLICY_PASSPHRASE", `the private key does not open: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function given(passphrase: Passphrase | undefined): Passphrase {
  if (passphrase !== undefined) return passphrase;
  throw new PolicyError("ERR_POLICY_PASSPHRASE", "the private key is encrypted: a passphrase is needed");
}

function readable(read: () => KeyObject, kind?: "rsa" | "ec"): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch (cause) {
    throw unusable(messageOf(cause), cause);
  }
  // OpenSSL reads other forms too than the one that it is told.
  if (kind === undefined || key.asymmetricKeyType === kind) return key;
  throw unusable(`a key of the kind ${key.asymmetricKeyType} in a block for ${kind}`);
}

function unusable(message: string, cause?: unknown): PolicyError {
  const options = cause === undefined ? {} : { cause };
  return new PolicyError("ERR_POLICY_PRIVATE_KEY", `unusable private key: ${message}`, options);
}

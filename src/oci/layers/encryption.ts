/**
 * Encrypted layers, as ocicrypt makes them: a symmetric key for the content, wrapped for each who may read it.
 *
 * ```text
 * media type   = that of the layer, then "+encrypted"
 * content      = AES-256-CTR of the layer
 * pubopts      = base64 of JSON { cipher, hmac, cipheroptions }      ; HMAC-SHA-256 of the encrypted bytes
 * keys.SCHEME  = base64 *( "," base64 )                              ; of JSON { symkey, digest, cipheroptions }, wrapped
 * ```
 *
 * @see {@link https://github.com/containers/ocicrypt/blob/v1.2.1/spec.go}
 * @module
 */
import { createDecipheriv, createHmac, type KeyObject, timingSafeEqual } from "node:crypto";
import { type FlattenedJWE, flattenedDecrypt, type GeneralJWE, generalDecrypt } from "jose";
import type { ByteStream } from "../../core/bytes.ts";
import { type Digest, isDigest, verifyStream } from "../../core/digest.ts";
import { isLadingError } from "../../core/errors.ts";
import { parseNativeJson } from "../../core/native-json.ts";
import { abortableStream, type SignalOptions } from "../../core/signal.ts";
import { type JsonNode, members, parseJson, readObject, stringOf } from "../../core/strict-json.ts";
import type { Descriptor } from "../descriptor.ts";
import { OciError } from "../errors.ts";

const SUFFIX = "+encrypted";
const KEYS = "org.opencontainers.image.enc.keys.";
const PUBLIC_OPTIONS = "org.opencontainers.image.enc.pubopts";
const CIPHER = "AES_256_CTR_HMAC_SHA256";

/** Most wrapped keys that are tried for one layer: each costs an operation with a private key. */
const MAX_WRAPS = 64;
const MAX_WRAP_BYTES = 64 * 1024;

/** How a layer is encrypted. */
export interface LayerEncryption {
  /** Media type of the layer itself. */
  mediaType: string;
  /** How keys are wrapped, such as `jwe`, `pgp`, `pkcs7`, `pkcs11` or `provider.NAME`; sorted. */
  schemes: string[];
}

/** How a descriptor's layer is encrypted, or nothing for a layer that is not. */
export function layerEncryption({ mediaType, annotations = {} }: Descriptor): LayerEncryption | undefined {
  if (!mediaType.endsWith(SUFFIX)) return undefined;
  const schemes = Object.keys(annotations).filter((key) => key.startsWith(KEYS) && key.length > KEYS.length);
  return {
    mediaType: mediaType.slice(0, -SUFFIX.length),
    schemes: schemes.map((key) => key.slice(KEYS.length)).sort(),
  };
}

/** Options of {@link decryptLayer}. */
export interface DecryptLayerOptions extends SignalOptions {
  /** Private keys, RSA or of an elliptic curve, tried in order. */
  keys: readonly KeyObject[];
}

/** A layer that was encrypted. */
export interface DecryptedLayer {
  /** Media type of the layer itself. */
  mediaType: string;
  /** Digest of the layer itself, as whoever encrypted it wrote beside the key; absent where they wrote none. */
  digest: Digest | undefined;
  /**
   * The layer, lazy and single-use. Whether it is what was encrypted is known only at its end: nothing must be made of
   * it before, so apply it `staged`. The source is released on every way out.
   *
   * Fails with an `OciError` `ERR_OCI_LAYER_ENCRYPTED` for content that was changed, and a `CoreError`
   * `ERR_DIGEST_MISMATCH` for another layer than the digest says.
   */
  content: ByteStream;
}

/**
 * Opens an encrypted layer with the private keys at hand. Keys wrapped as JWE (RSA-OAEP, ECDH-ES+A256KW) are opened;
 * OpenPGP, PKCS #7, PKCS #11 and key providers are not.
 *
 * @throws {OciError} `ERR_OCI_LAYER_ENCRYPTED` if no key opens it, its cipher is not known, or its annotations are
 * damaged; its message names the schemes by which keys are wrapped.
 * @throws {TypeError} for the descriptor of a layer that is not encrypted.
 */
export async function decryptLayer(
  descriptor: Descriptor,
  content: ByteStream,
  { keys, signal }: DecryptLayerOptions,
): Promise<DecryptedLayer> {
  signal?.throwIfAborted();
  const encryption = layerEncryption(descriptor);
  if (!encryption) throw new TypeError(`not an encrypted layer: ${descriptor.mediaType}`);
  const annotations = descriptor.annotations ?? {};
  const open = readPublicOptions(annotations[PUBLIC_OPTIONS]);
  const secret = await unwrap(annotations[`${KEYS}jwe`], keys, encryption, signal);
  const nonce = secret.nonce ?? open.nonce;
  if (secret.key.length !== 32 || nonce?.length !== 16) throw encrypted("a key or nonce of a wrong length");
  const plain = decipher(content, { key: secret.key, nonce, hmac: open.hmac }, signal);
  return {
    mediaType: encryption.mediaType,
    digest: secret.digest,
    content: secret.digest === undefined ? plain : verifyStream(plain, { digest: secret.digest }),
  };
}

function encrypted(message: string, cause?: unknown): OciError {
  return new OciError("ERR_OCI_LAYER_ENCRYPTED", message, cause === undefined ? {} : { cause });
}

function readPublicOptions(annotation: string | undefined): { hmac: Buffer; nonce: Buffer | undefined } {
  let cipher = "";
  let hmac: Buffer = Buffer.alloc(0);
  let nonce: Buffer | undefined;
  try {
    const json = Buffer.from(annotation ?? "", "base64");
    const readers = {
      cipher: (node: JsonNode) => {
        cipher = stringOf(node);
      },
      hmac: (node: JsonNode) => {
        hmac = bytesOf(node);
      },
      cipheroptions: (node: JsonNode) => {
        nonce = nonceOf(node);
      },
    };
    readObject(parseJson(json, { maxBytes: MAX_WRAP_BYTES }), readers, { unknownKeys: "ignore" });
  } catch (error) {
    throw isLadingError(error) ? encrypted("an encrypted layer with damaged public options", error) : error;
  }
  if (cipher !== CIPHER) throw encrypted(`a layer encrypted by ${JSON.stringify(cipher.slice(0, 64))}`);
  if (hmac.length !== 32) throw encrypted("an encrypted layer without authentication code");
  return { hmac, nonce };
}

interface Secret {
  key: Buffer;
  nonce: Buffer | undefined;
  digest: Digest | undefined;
}

/** The key for the content, from the first wrapped one that a private key opens. */
async function unwrap(
  annotation: string | undefined,
  keys: readonly KeyObject[],
  { schemes }: LayerEncryption,
  signal: AbortSignal | undefined,
): Promise<Secret> {
  const wraps = annotation?.split(",") ?? [];
  if (wraps.length > MAX_WRAPS) throw encrypted(`an encrypted layer with ${wraps.length} wrapped keys`);
  let cause: unknown;
  for (const wrap of wraps) {
    for (const key of keys) {
      signal?.throwIfAborted();
      try {
        return readSecret(await openJwe(wrap, key));
      } catch (error) {
        cause = error;
      }
    }
  }
  throw encrypted(`no key opens the layer; keys are wrapped by ${schemes.join(", ") || "nothing"}`, cause);
}

/** Only what ocicrypt writes: others are slow on purpose, or need no private key. */
const ALLOWED = {
  keyManagementAlgorithms: ["RSA-OAEP", "RSA-OAEP-256", "ECDH-ES+A256KW"],
  contentEncryptionAlgorithms: ["A256GCM"],
};

async function openJwe(base64: string, key: KeyObject): Promise<Uint8Array> {
  const text = Buffer.from(base64, "base64");
  if (text.length > MAX_WRAP_BYTES) throw encrypted("a wrapped key that is too long");
  const jwe: unknown = parseNativeJson(text.toString("utf8"));
  const several = typeof jwe === "object" && jwe !== null && "recipients" in jwe;
  const { plaintext } = several
    ? await generalDecrypt(jwe as GeneralJWE, key, ALLOWED)
    : await flattenedDecrypt(jwe as FlattenedJWE, key, ALLOWED);
  return plaintext;
}

function readSecret(json: Uint8Array): Secret {
  const secret: Secret = { key: Buffer.alloc(0), nonce: undefined, digest: undefined };
  readObject(
    parseJson(json, { maxBytes: MAX_WRAP_BYTES }),
    {
      symkey: (node) => {
        secret.key = bytesOf(node);
      },
      digest: (node) => {
        const text = stringOf(node);
        if (isDigest(text)) secret.digest = text;
        else if (text !== "") throw encrypted("an encrypted layer whose key names no digest");
      },
      cipheroptions: (node) => {
        secret.nonce = nonceOf(node);
      },
    },
    { required: ["symkey"], unknownKeys: "ignore" },
  );
  return secret;
}

function bytesOf(node: JsonNode): Buffer {
  return Buffer.from(stringOf(node), "base64");
}

function nonceOf(node: JsonNode): Buffer | undefined {
  if (node.kind === "null") return undefined;
  const found = members(node).find(({ key }) => key === "nonce");
  return found && bytesOf(found.value);
}

async function* decipher(
  source: ByteStream,
  { key, nonce, hmac }: { key: Buffer; nonce: Buffer; hmac: Buffer },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  const aes = createDecipheriv("aes-256-ctr", key, nonce);
  const code = createHmac("sha256", key);
  for await (const chunk of abortableStream(source, signal)) {
    code.update(chunk);
    yield aes.update(chunk);
  }
  if (!timingSafeEqual(code.digest(), hmac)) throw encrypted("an encrypted layer that was changed");
}

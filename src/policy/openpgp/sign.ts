/**
 * Making simple-signing signatures, as `skopeo standalone-sign` and `podman push --sign-by` make them.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-signature.5.md}
 * @module
 */
import type { PrivateKey } from "openpgp";
import { parseDigest } from "../../core/digest.ts";
import { messageOf } from "../../core/message-of.ts";
import { PolicyError } from "../errors.ts";
import { loadOpenPgp, type OpenPgp, strictConfig } from "./library.ts";

/** What a simple-signing signature says. */
export interface SimplePayload {
  /** Digest of the image's manifest. Nodes compare it with the SHA-256 digest and accept no other. */
  digest: string;
  /** The name that is claimed for the image, with or without tag. Taken as it is. */
  dockerReference: string;
  /** The program that signs. Default `lading`. */
  creator?: string | undefined;
  /** When it signs, in whole seconds since 1970. Default: now. */
  timestamp?: number | undefined;
}

/** What {@link createSimpleSignature} signs, and with what. */
export interface SimpleSignatureOptions extends SimplePayload {
  /** An OpenPGP private key, binary or armored; one of its subkeys signs if that is what it is for. */
  privateKey: Uint8Array | string;
  /** Opens the key if it is encrypted. */
  passphrase?: string | undefined;
}

/**
 * The JSON that a simple-signing signature is over, byte for byte as the reference implementation writes it.
 *
 * @throws {TypeError} for an empty name.
 * @throws {RangeError} for a timestamp that is no whole number.
 * @throws {CoreError} `ERR_DIGEST_INVALID`, `ERR_DIGEST_UNSUPPORTED`.
 */
export function formatSimplePayload({
  digest,
  dockerReference,
  creator = "lading",
  timestamp = Math.floor(Date.now() / 1000),
}: SimplePayload): Uint8Array {
  if (typeof dockerReference !== "string" || dockerReference === "") {
    throw new TypeError("a signature must claim a name for the image");
  }
  if (typeof creator !== "string") throw new TypeError("creator must be a text");
  if (!Number.isSafeInteger(timestamp)) throw new RangeError("timestamp must be a whole number of seconds");
  const text = JSON.stringify({
    critical: {
      identity: { "docker-reference": dockerReference },
      image: { "docker-manifest-digest": parseDigest(digest) },
      type: "atomic container signature",
    },
    optional: { creator, timestamp },
  });
  // Go's encoder writes these as escapes, for pages of HTML.
  const escaped = text.replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return Buffer.from(escaped);
}

/**
 * A simple-signing signature for an image: an OpenPGP signed message, to be stored in a lookaside or beside a
 * `dir:` image.
 *
 * Whether the image exists, and whether a policy accepts the key, is not checked.
 *
 * @throws {PolicyError} `ERR_POLICY_PRIVATE_KEY` for what is no private key, or one that cannot sign: expired,
 * revoked, or meant for something else.
 * @throws {PolicyError} `ERR_POLICY_PASSPHRASE` if the passphrase is missing, wrong, or has a line break, which
 * GnuPG could not take.
 * @throws {TypeError} {@link formatSimplePayload}
 */
export async function createSimpleSignature({
  privateKey,
  passphrase,
  ...payload
}: SimpleSignatureOptions): Promise<Uint8Array> {
  const content = formatSimplePayload(payload);
  if (passphrase !== undefined && /[\r\n]/.test(passphrase)) {
    throw new PolicyError("ERR_POLICY_PASSPHRASE", "invalid passphrase: must not contain a line break");
  }
  const library = await loadOpenPgp();
  const key = await unlock(await readPrivateKey(privateKey, library), passphrase, library);
  try {
    const message = await library.createMessage({ binary: content });
    const signed = await library.sign({
      message,
      signingKeys: key,
      format: "binary",
      config: strictConfig(library),
    });
    return signed as Uint8Array;
  } catch (cause) {
    throw new PolicyError("ERR_POLICY_PRIVATE_KEY", messageOf(cause), { cause });
  }
}

async function readPrivateKey(given: Uint8Array | string, library: OpenPgp): Promise<PrivateKey> {
  const isBinary = typeof given !== "string" && ((given[0] ?? 0) & 0x80) !== 0;
  try {
    return isBinary
      ? await library.readPrivateKey({ binaryKey: given })
      : await library.readPrivateKey({ armoredKey: Buffer.from(given).toString() });
  } catch (cause) {
    throw new PolicyError("ERR_POLICY_PRIVATE_KEY", `no OpenPGP private key: ${messageOf(cause)}`, { cause });
  }
}

async function unlock(
  key: PrivateKey,
  passphrase: string | undefined,
  library: OpenPgp,
): Promise<PrivateKey> {
  if (key.isDecrypted()) return key;
  if (passphrase === undefined) throw new PolicyError("ERR_POLICY_PASSPHRASE", "the key needs a passphrase");
  try {
    return await library.decryptKey({ privateKey: key, passphrase });
  } catch (cause) {
    throw new PolicyError("ERR_POLICY_PASSPHRASE", `the passphrase does not open the key`, { cause });
  }
}

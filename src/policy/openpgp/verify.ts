/**
 * Checking an OpenPGP signed message against a keyring, as GnuPG checks it for podman and CRI-O.
 *
 * @module
 */
import type { PublicKey, SignaturePacket, Subkey } from "openpgp";
import { invalidSignature, type PolicyError } from "../errors.ts";
import { invalidGpgSignature, type ProblemDetails, type SignatureProblem } from "./gpgme-text.ts";
import { keyState, type SigningKey } from "./key-state.ts";
import type { Keyring } from "./keyring.ts";
import { ANY_TIME, loadOpenPgp, type OpenPgp, strictConfig, WEAK_HASHES } from "./library.ts";
import { type MessageSignature, readSignedMessage, readVersion3, type SignedMessage } from "./message.ts";
import { hexOf } from "./packets.ts";
import { HASHES, isVersion3Signature, type RsaNumbers } from "./version3.ts";

/** What a good signature says. */
export interface VerifiedMessage {
  /** The data that was signed. */
  readonly content: Uint8Array;
  /** Fingerprint of the primary key that the signature counts for, in upper-case hexadecimal digits. */
  readonly primaryKeyFingerprint: string;
  /** When the signature or its key ends, in seconds since 1970; absent where neither does. */
  readonly validUntil?: number;
}

/** Options of {@link verifySignedMessage}. */
export interface VerifyMessageOptions {
  /** The present time in seconds since 1970. */
  now: number;
}

/** A signature, read as far as the search for its key needs. */
interface ReadSignature extends ProblemDetails {
  /** Fingerprint of the key, where the signature names it. */
  readonly issuerFingerprint?: string | undefined;
  /** Whether the key made it over the data. */
  isMadeBy(key: PublicKey | Subkey): Promise<boolean>;
}

/**
 * The data of a signed message, if one of the keys of a ring made the signature and it holds now.
 *
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE`, for everything else.
 */
export async function verifySignedMessage(
  message: Uint8Array,
  ring: Keyring,
  { now }: VerifyMessageOptions,
): Promise<VerifiedMessage> {
  const signed = readSignedMessage(message);
  const library = await loadOpenPgp();
  const signature = readSignature(signed, library);
  const { hashAlgorithm, signer: keyId, issuerFingerprint } = signature;
  if (signed.announcedKeyId && hexOf(signed.announcedKeyId) !== keyId) {
    throw invalidSignature("Invalid GPG signature: it is by another key than announced");
  }
  // GnuPG shows the fingerprint where the signature names it, and the key ID otherwise.
  const shown = { ...signature, signer: issuerFingerprint ?? keyId };
  if (WEAK_HASHES.has(hashAlgorithm)) throw invalidGpgSignature("weak-hash", shown);
  if (!HASHES.has(hashAlgorithm)) throw invalidGpgSignature("unsupported-algorithm", shown);
  const candidates = findKeys(ring, keyId, issuerFingerprint);
  if (candidates.length === 0) throw invalidGpgSignature("unknown-key", shown);
  for (const candidate of candidates) {
    if (!(await signature.isMadeBy(candidate.made))) continue;
    return accept(signed, signature, candidate, now, library);
  }
  // Nothing of a signature that does not hold is worth telling.
  const nothing = { created: 0, expires: 0, publicKeyAlgorithm: 0, hashAlgorithm: 0 };
  throw invalidGpgSignature("bad", { signer: keyId, ...nothing });
}

/** The end of checking: of a signature that the key did make. */
async function accept(
  { content }: SignedMessage,
  signature: ReadSignature,
  candidate: SigningKey,
  now: number,
  library: OpenPgp,
): Promise<VerifiedMessage> {
  const { created, expires } = signature;
  const failed = (problem: SignatureProblem): PolicyError => {
    const signer = candidate.made.getFingerprint().toUpperCase();
    return invalidGpgSignature(problem, { ...signature, signer });
  };
  if (expires !== 0 && expires <= now) throw failed("expired");
  const { problem, validUntil } = await keyState(candidate, created * 1000, now * 1000, library);
  if (problem) throw failed(problem);
  const end = Math.min(validUntil / 1000, expires === 0 ? Number.POSITIVE_INFINITY : expires);
  return {
    content,
    primaryKeyFingerprint: candidate.owner.key.getFingerprint().toUpperCase(),
    ...(Number.isFinite(end) ? { validUntil: end } : {}),
  };
}

function findKeys(ring: Keyring, keyId: string, fingerprint: string | undefined): SigningKey[] {
  const found: SigningKey[] = [];
  for (const owner of ring.values()) {
    for (const made of owner.key.getKeys()) {
      if (made.getKeyID().toHex().toUpperCase() !== keyId) continue;
      if (fingerprint !== undefined && made.getFingerprint().toUpperCase() !== fingerprint) continue;
      found.push({ owner, made });
    }
  }
  return found;
}

function readSignature({ content, signature }: SignedMessage, library: OpenPgp): ReadSignature {
  return signature.version === 3 ? readThird(content, signature) : readFourth(content, signature, library);
}

function readThird(
  content: Uint8Array,
  { body, publicKeyAlgorithm, hashAlgorithm }: MessageSignature,
): ReadSignature {
  const details = { publicKeyAlgorithm, hashAlgorithm };
  const fields = readVersion3(body);
  if (!fields) throw malformed(details);
  return {
    signer: hexOf(fields.issuerKeyId),
    created: fields.created,
    expires: 0,
    ...details,
    async isMadeBy({ keyPacket }) {
      const { algorithm, publicParams } = keyPacket;
      const isRsa = algorithm === publicKeyAlgorithm && (algorithm === 1 || algorithm === 3);
      return isRsa && isVersion3Signature(fields, content, hashAlgorithm, publicParams as RsaNumbers);
    },
  };
}

function readFourth(
  content: Uint8Array,
  { body, publicKeyAlgorithm, hashAlgorithm }: MessageSignature,
  library: OpenPgp,
): ReadSignature {
  const details = { publicKeyAlgorithm, hashAlgorithm };
  const packet: SignaturePacket = new library.SignaturePacket();
  try {
    packet.read(body);
  } catch (cause) {
    throw malformed(details, cause);
  }
  const { created, signatureExpirationTime, issuerKeyID, issuerFingerprint } = packet;
  const seconds = (created?.getTime() ?? 0) / 1000;
  const lifetime = signatureExpirationTime ?? 0;
  return {
    signer: issuerKeyID.toHex().toUpperCase(),
    issuerFingerprint: issuerFingerprint ? hexOf(issuerFingerprint) : undefined,
    created: seconds,
    expires: lifetime === 0 ? 0 : seconds + lifetime,
    ...details,
    async isMadeBy({ keyPacket }) {
      const { binary } = library.enums.signature;
      const literal = { text: null, getBytes: () => content };
      try {
        await packet.verify(keyPacket, binary, literal, ANY_TIME, false, strictConfig(library));
        return true;
      } catch {
        // Not by this key, not over this data, or with something critical in it that nobody understands.
        return false;
      }
    },
  };
}

function malformed(details: Pick<ProblemDetails, "publicKeyAlgorithm" | "hashAlgorithm">, cause?: unknown) {
  return invalidGpgSignature("bad", { signer: "", created: 0, expires: 0, ...details }, cause);
}

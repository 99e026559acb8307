/**
 * One simple-signing signature against one `signedBy` requirement, in the order of the reference
 * implementation: keyring, OpenPGP signature, payload, digest, identity.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-signature.5.md}
 * @module
 */
import { PolicyError } from "./errors.ts";
import { type Keyring, openKeyring } from "./openpgp/keyring.ts";
import { verifySignedMessage } from "./openpgp/verify.ts";
import { parsePayload } from "./payload.ts";
import type { SimpleSignature } from "./signature-blob.ts";
import {
  type AcceptedSignature,
  assertSubject,
  type SignatureStep,
  type SignatureSubject,
} from "./sigstore.ts";
import type { TrustMemory } from "./trust-memory.ts";
import { contentsOf, type FileContent } from "./trust-root.ts";
import type { SignedBy, SignedIdentity } from "./types.ts";

/**
 * Reads the keys that a requirement accepts signatures by.
 *
 * @throws {PolicyError} `ERR_POLICY_TRUST_ROOT` for another kind of key than GPG's, and for a file that cannot be
 * read; `ERR_POLICY_REQUIREMENT` if there is no key in them. Each is a reason not to accept a signature.
 * @throws {PolicyError} `ERR_POLICY_UNSUPPORTED` if no signature can be checked here.
 */
export async function openSignedByKeys(
  { keyType, keys }: SignedBy,
  file: FileContent,
  memory: TrustMemory,
): Promise<Keyring> {
  if (keyType !== "GPGKeys") {
    throw new PolicyError("ERR_POLICY_TRUST_ROOT", `Unimplemented "keyType" value "${keyType}"`);
  }
  return openKeyring(await contentsOf(keys, file), memory);
}

/** Options of {@link verifySimpleSignature}. */
export interface VerifySimpleOptions {
  /** The present time in seconds since 1970: keys and signatures must not have expired. */
  now: number;
  /** Called before each step. */
  onStep?: ((step: SignatureStep) => void) | undefined;
}

/**
 * Checks a signature completely; what comes back was accepted.
 *
 * @throws {PolicyError} The reason why it is not accepted, with the reference implementation's text and class.
 */
export async function verifySimpleSignature(
  { content }: SimpleSignature,
  ring: Keyring,
  identity: SignedIdentity,
  subject: SignatureSubject,
  { now, onStep = () => {} }: VerifySimpleOptions,
): Promise<AcceptedSignature> {
  onStep("signature");
  const {
    content: signed,
    validUntil,
    primaryKeyFingerprint,
  } = await verifySignedMessage(content, ring, { now });
  if (!ring.has(primaryKeyFingerprint)) {
    const message = `signature by key ${primaryKeyFingerprint} is not accepted`;
    throw new PolicyError("ERR_POLICY_REQUIREMENT", message);
  }
  onStep("payload");
  const payload = parsePayload(signed, "simple-signing");
  assertSubject(payload, identity, subject, onStep);
  return validUntil === undefined ? { payload } : { payload, validUntil };
}

/**
 * One signature over one payload, with everything that verifiers ask for beside it.
 *
 * Nothing is handed out that would not verify: what a signer gives is checked with its key or certificate, and what
 * a log gives is compared with what it was asked to record.
 *
 * @module
 */
import { SIMPLE_SIGNING } from "../../core/media-types.ts";
import { messageOf } from "../../core/message-of.ts";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import { PolicyError } from "../errors.ts";
import { leafCertificate, leafKey } from "../leaf.ts";
import { type PublicKey, parsePublicKeyPem } from "../public-key.ts";
import { type LoggedSignature, verifyRekorSet } from "../rekor.ts";
import { payloadSignatureProblem, verifyEcdsaDer } from "../signature.ts";
import type { SigstoreSignature } from "../signature-blob.ts";
import { ANNOTATIONS } from "../sigstore.ts";
import type { CertifiedSignature, Signer } from "./signer.ts";

/** Records signatures, and promises to keep them. */
export interface TransparencyLog {
  /** PEM of the log's key. Where it is known each promise is verified before it is used. */
  readonly publicKey?: string | undefined;
  /**
   * The text of the bundle annotation: the log's signed promise (SET) with the entry that it is about.
   *
   * Whatever it rejects with comes out unchanged.
   */
  record(entry: LoggedSignature, options: SignalOptions): Promise<string>;
}

/** Options of {@link signPayload}. */
export interface SignPayloadOptions extends SignalOptions {
  /** Where the signature is recorded. Default: nowhere, unless the signer does it. */
  log?: TransparencyLog | undefined;
}

/**
 * A signature over a payload: the layer of an attachment, with its annotations.
 *
 * What the payload says is not looked at.
 *
 * @throws {PolicyError} `ERR_POLICY_SIGNER` if signature, certificate or promise do not belong to the payload.
 * @throws {TypeError} for a log beside a signer that gives neither public key nor certificate.
 * @see {@link https://github.com/sigstore/cosign/blob/v2.6.1/specs/SIGNATURE_SPEC.md#storage}
 */
export async function signPayload(
  payload: Uint8Array,
  signer: Signer,
  { log, signal }: SignPayloadOptions = {},
): Promise<SigstoreSignature> {
  signal?.throwIfAborted();
  // A copy: what is signed, recorded and stored must be the same bytes, whoever else holds them.
  const bytes = Uint8Array.from(payload);
  const made = await raceSignal(signer.sign(Uint8Array.from(bytes), { signal }), signal);
  const certified = made instanceof Uint8Array ? undefined : made;
  const signature = made instanceof Uint8Array ? made : made.signature;
  if (!(signature instanceof Uint8Array)) throw unfit("the signer gave no signature");
  const keyOrCertificatePem = certified?.certificatePem ?? signer.publicKey;
  const key = keyOf(certified, signer);
  if (key) assertSignature(key, bytes, signature);
  const signatureBase64 = Buffer.from(signature).toString("base64");
  const annotations = new Map<string, string>([[ANNOTATIONS.signature, signatureBase64]]);
  const bundle = certified?.bundle;
  if (bundle !== undefined) annotations.set(ANNOTATIONS.bundle, bundle);
  else if (log) {
    if (keyOrCertificatePem === undefined) {
      throw new TypeError("a log records the public key too, and the signer gives none");
    }
    const entry = { payload: bytes, signatureBase64, keyOrCertificatePem };
    annotations.set(ANNOTATIONS.bundle, await recordIn(log, entry, signal));
  }
  if (certified) {
    annotations.set(ANNOTATIONS.certificate, certified.certificatePem);
    if (certified.chainPem !== "") annotations.set(ANNOTATIONS.chain, certified.chainPem);
  }
  return { format: "sigstore-json", mediaType: SIMPLE_SIGNING, payload: bytes, annotations };
}

/** Has a log record a signature; its promise is verified where its key is known. */
export async function recordIn(
  log: TransparencyLog,
  entry: LoggedSignature,
  signal: AbortSignal | undefined,
): Promise<string> {
  const bundle = await raceSignal(log.record(entry, { signal }), signal);
  if (log.publicKey === undefined) return bundle;
  const key = readKey(log.publicKey, "the log's public key");
  try {
    verifyRekorSet(bundle, [key], entry);
  } catch (cause) {
    if (!(cause instanceof PolicyError)) throw cause;
    throw unfit(`the log's promise does not hold: ${cause.message}`, cause);
  }
  return bundle;
}

/** Fails unless a signature verifies, and in the encoding that logs and verifiers take. */
export function assertSignature(key: PublicKey, payload: Uint8Array, signature: Uint8Array): void {
  const problem = payloadSignatureProblem(key, payload, signature);
  if (problem !== undefined) throw unfit(`the signature does not verify with the signer's key: ${problem}`);
  if (key.kind === "ecdsa" && !verifyEcdsaDer(key, "sha256", payload, signature)) {
    throw unfit("the signer gave an ECDSA signature in another encoding than DER");
  }
}

/** The key that a certificate is for. */
export function certifiedKey(certificatePem: string): PublicKey {
  try {
    return leafKey(leafCertificate(certificatePem));
  } catch (cause) {
    if (!(cause instanceof PolicyError)) throw cause;
    throw unfit(`the certificate cannot be used: ${cause.message}`, cause);
  }
}

function keyOf(certified: CertifiedSignature | undefined, { publicKey }: Signer): PublicKey | undefined {
  if (certified) return certifiedKey(certified.certificatePem);
  return publicKey === undefined ? undefined : readKey(publicKey, "the signer's public key");
}

function readKey(pem: string, what: string): PublicKey {
  try {
    return parsePublicKeyPem(pem);
  } catch (cause) {
    throw unfit(`${what} cannot be used: ${messageOf(cause)}`, cause);
  }
}

function unfit(message: string, cause?: unknown): PolicyError {
  return new PolicyError("ERR_POLICY_SIGNER", message, cause === undefined ? {} : { cause });
}

/**
 * Signing images as cosign does.
 *
 * @module
 */

export type { LoggedSignature } from "../rekor.ts";
export { type AttachedSignatures, type AttachOptions, attachSigstoreSignatures } from "./attach.ts";
export {
  type AnnotationValue,
  type CosignPayload,
  formatCosignPayload,
  type PayloadClaims,
} from "./cosign-payload.ts";
export type { KeyStrength, Passphrase } from "./encrypted-key.ts";
export {
  type CertificateAuthority,
  type CertificateRequest,
  createFulcioClient,
  type IssuedCertificate,
} from "./fulcio-client.ts";
export { type GenerateKeyPairOptions, generateKeyPair, type KeyAlgorithm, type KeyPair } from "./key-pair.ts";
export {
  createKeylessSigner,
  type IdentityTokenProvider,
  type KeylessSigner,
  type KeylessSignerOptions,
} from "./keyless.ts";
export { createRekorClient, type RekorClientOptions } from "./rekor-client.ts";
export type { SigningServiceOptions } from "./service-request.ts";
export {
  type ClaimedIdentity,
  type SignedManifest,
  type SignImageOptions,
  type SignImageResult,
  signImage,
} from "./sign-image.ts";
export { type SignPayloadOptions, signPayload, type TransparencyLog } from "./sign-payload.ts";
export {
  type CertifiedSignature,
  createKeySigner,
  type KeySigner,
  type KeySignerOptions,
  type Signer,
} from "./signer.ts";

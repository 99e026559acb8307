/**
 * Signing images as cosign does.
 *
 * @module
 */
export {
  type AnnotationValue,
  type CosignPayload,
  formatCosignPayload,
  type PayloadClaims,
} from "./cosign-payload.ts";
export type { KeyStrength, Passphrase } from "./encrypted-key.ts";
export { type GenerateKeyPairOptions, generateKeyPair, type KeyAlgorithm, type KeyPair } from "./key-pair.ts";
export {
  type CertifiedSignature,
  createKeySigner,
  type KeySigner,
  type KeySignerOptions,
  type Signer,
} from "./signer.ts";

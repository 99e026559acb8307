/**
 * What a node does not do: sigstore bundles, identities other than e-mail addresses, combined requirements.
 *
 * Nothing here can be written in a policy.json, and nothing here changes what the node says.
 *
 * @module
 */
export {
  BUNDLE_MEDIA_TYPES,
  IN_TOTO_PAYLOAD,
  MAX_BUNDLE_BYTES,
  parseBundle,
  type SigstoreBundle,
} from "./bundle.ts";
export type {
  AtLeastResult,
  BundleAccepted,
  BundleLabel,
  BundleRejected,
  BundleResult,
  CombinedResult,
  ExtendedResult,
  SignedResult,
} from "./evaluate-bundles.ts";
export { type BundleSearch, type FoundBundle, type FoundBundles, fetchBundles } from "./fetch-bundles.ts";
export {
  FULCIO_EXTENSIONS,
  type FulcioExtension,
  type FulcioIdentity,
  type FulcioSubject,
  type SubjectKind,
} from "./fulcio-extensions.ts";
export type { AllOf, AnyOf, AtLeast, ExtendedRequirement, SignedRequirement } from "./requirement.ts";
export type { BundleArtifact } from "./signature-content.ts";
export type {
  EvidenceRequirement,
  KeylessIdentity,
  ManagedKey,
  SignerRequirement,
  SubjectRequirement,
  TextRequirement,
  VerifiedSigner,
} from "./signer-requirement.ts";
export { COSIGN_SIGN_PREDICATE, type VerifiedStatement } from "./statement.ts";
export { parseTrustedRoot, type TrustedRoot } from "./trusted-root.ts";
export {
  type BundleSourceReport,
  createExtendedVerifier,
  type DialectVerdict,
  type ExtendedDialectVerdict,
  type ExtendedRule,
  type ExtendedVerdict,
  type ExtendedVerifier,
  type ExtendedVerifierOptions,
  type ExtendedVerifyOptions,
  type NodeDialectVerdict,
} from "./verifier.ts";
export {
  type ContentRequirement,
  type ObservedTime,
  type VerifiedBundle,
  type VerifiedLogEntry,
  type VerifyBundleOptions,
  verifyBundle,
} from "./verify-bundle.ts";

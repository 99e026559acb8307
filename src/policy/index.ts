/**
 * containers-policy.json: read strictly, decided as CRI-O, podman and skopeo decide.
 *
 * @module
 */

export { type AuthoredSignature, signaturesWithAcceptedAuthor } from "./accepted-signatures.ts";
export * from "./cache/index.ts";
export {
  type CrioPolicyOptions,
  type CrioPolicyPath,
  createReference,
  policyPathFor,
} from "./crio.ts";
export {
  PolicyError,
  type PolicyErrorClass,
  type PolicyErrorCode,
  type PolicyErrorOptions,
} from "./errors.ts";
export {
  type CollectedSignature,
  dockerImage,
  type EvaluateOptions,
  type Evidence,
  evaluateRequirements,
  type PolicyImage,
} from "./evaluate.ts";
export type { InstanceChoice } from "./evidence.ts";
export * from "./extended/index.ts";
export { formatPolicy } from "./format.ts";
export { matchesIdentity } from "./identity.ts";
export * from "./import/index.ts";
export * from "./lint/index.ts";
export {
  type LoadedPolicy,
  type LoadNamespacePolicyOptions,
  type LoadPolicyOptions,
  loadPolicy,
  loadPolicyFiles,
  loadPolicyForNamespace,
  type PolicySearchOptions,
  policySearchPaths,
} from "./load.ts";
export { manifestDigest, manifestMatchesDigest } from "./manifest-digest.ts";
export { createContainerMessage, criErrorMessage } from "./messages.ts";
export * from "./openpgp/index.ts";
export { type ParsePolicyOptions, parsePolicy } from "./parse.ts";
export { parseImageReference } from "./reference.ts";
export {
  dockerDaemonLookup,
  dockerLookup,
  type PolicyScope,
  pathLookup,
  type ScopeLookup,
  type SelectedRequirements,
  type StorageImage,
  selectRequirements,
  storageLookup,
  unknownDigestLookup,
} from "./scope.ts";
export { validateScope } from "./scope-validate.ts";
export {
  parseSignatureBlob,
  type SigstoreSignature,
  type SimpleSignature,
  type StoredSignature,
} from "./signature-blob.ts";
export * from "./signing/index.ts";
export type { SignatureStep } from "./sigstore.ts";
export * from "./sources/index.ts";
export type { ReadPolicyFile } from "./trust-files.ts";
export { createTrustMemory, type TrustMemory } from "./trust-memory.ts";
export type { FileContent } from "./trust-root.ts";
export type * from "./types.ts";
export type * from "./verdict.ts";
export { createVerifier, type Verifier, type VerifierOptions, type VerifyOptions } from "./verifier.ts";

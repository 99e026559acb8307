export * from "./authorities.ts";
export * from "./certificate-log.ts";
export {
  type MintedCertificate,
  type MintedConstraints,
  type MintedExtension,
  type MintOptions,
  mintCertificate,
  mintKey,
  publicKeyPem,
} from "./certificates.ts";
export * from "./cri-runtime.ts";
export * from "./gpg-keys.ts";
export * from "./programs.ts";
export * from "./registry.ts";
export type { BasicRegistryAuth, BearerRegistryAuth, RegistryAuth, RegistryUsers } from "./registry-auth.ts";
export type { ReferrersSupport, RegistryBehaviour } from "./registry-behaviour.ts";
export type { RegistryTls } from "./registry-listener.ts";
export type { AddBlobOptions, AddManifestOptions, RegistryLoader, StoredContent } from "./registry-load.ts";
export type {
  InjectedMisbehaviour,
  MisbehaviourText,
  RegistryMisbehaviour,
} from "./registry-misbehaviour.ts";
export type { RegistryRateLimit } from "./registry-rate-limit.ts";
export type { RegistryReply, RegistryRequest } from "./registry-reply.ts";
export * from "./runtime/index.ts";
export * from "./signatures.ts";
export * from "./signing/index.ts";
export * from "./sigstore-bundles.ts";
export * from "./streaming/index.ts";
export * from "./timestamp-authority.ts";
export * from "./transparency-log.ts";

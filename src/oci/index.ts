/**
 * Images, artifacts and registries.
 *
 * @module
 */
export * from "./artifact.ts";
export * from "./artifact-source.ts";
export * from "./artifacts/index.ts";
export * from "./challenge.ts";
export type { ClientOptions } from "./client.ts";
export * from "./credentials/index.ts";
export type {
  Credentials,
  CredentialsFunction,
  CredentialsRequest,
  CredentialsSource,
  IdentityTokenCredentials,
  PasswordCredentials,
  RegistryTokenCredentials,
} from "./credentials.ts";
export {
  type Descriptor,
  type DescriptorPlatform,
  describeContent,
  embeddedContent,
  isMediaType,
  parseDescriptor,
} from "./descriptor.ts";
export * from "./digest-tag.ts";
export * from "./documents/index.ts";
export {
  type Endpoint,
  type EndpointCapability,
  type EndpointPlace,
  type EndpointTls,
  resolveEndpoint,
} from "./endpoint.ts";
export * from "./errors.ts";
export * from "./fetch.ts";
export * from "./layer-writer.ts";
export * from "./layers/index.ts";
export * from "./link.ts";
export {
  artifactTypeOf,
  type ImageIndex,
  type ImageManifest,
  type IndexDocument,
  MAX_MANIFEST_BYTES,
  type Manifest,
  type ManifestDocument,
  type ParseManifestOptions,
  parseManifest,
} from "./manifest.ts";
export { isManifestType, type ManifestKind, manifestKind, type OneKindOptions } from "./manifest-kind.ts";
export * from "./memory-store.ts";
export * from "./mirrors/index.ts";
export * from "./push-image.ts";
export * from "./registry.ts";
export type { RetryPolicy } from "./retry.ts";
export { type MergeScopesOptions, mergeScopes, repositoryScope } from "./scope.ts";
export * from "./select.ts";
export * from "./store.ts";
export * from "./stores/index.ts";
export type { OriginUse, TrustOrigin } from "./trust.ts";
export type { PlainHttp } from "./url.ts";
export * from "./warning.ts";

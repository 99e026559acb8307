/**
 * Credentials for registries: files of Docker, Podman and Kubernetes, credential helpers, and looking up in them.
 *
 * @module
 */
export type { CredentialRules, EmptyEntryReason } from "./auth-entry.ts";
export {
  type AuthFile,
  type AuthFileEntry,
  type ParseAuthFileOptions,
  parseAuthFile,
} from "./auth-file.ts";
export { type RemovedCredentials, removeCredentials, setCredentials } from "./auth-file-edit.ts";
export { type AuthFileAnswer, type FindInAuthFileOptions, findInAuthFile } from "./auth-file-lookup.ts";
export {
  type AuthKeyCheck,
  type AuthKeyOptions,
  authKeyOrder,
  checkAuthKey,
  dockerServerAddress,
  normaliseAuthFileKey,
} from "./auth-key.ts";
export { type AuthFilePath, type AuthFilePathsOptions, authFilePaths } from "./auth-paths.ts";
export { containerdCredentials } from "./containerd-auth.ts";
export { type CriAuth, criCredentials, fromCriAuth, toCriAuth } from "./cri-auth.ts";
export {
  type CredentialHelperOptions,
  eraseFromHelper,
  getFromHelper,
  listHelper,
  storeInHelper,
} from "./helper.ts";
export { type CredentialHelperProgramsOptions, credentialHelperPrograms } from "./helper-program.ts";
export type {
  CredentialHelperAction,
  CredentialHelperRequest,
  CredentialHelperResult,
  RunCredentialHelper,
} from "./helper-protocol.ts";
export {
  discoverAuthFiles,
  discoverCredentials,
  type LoadCredentialsOptions,
  loadCredentials,
} from "./load.ts";
export {
  AUTH_FILES_HELPER,
  type CredentialsLookup,
  type CredentialsStep,
  type LookUpCredentialsOptions,
  lookUpCredentials,
  type ReadAuthFile,
} from "./lookup.ts";
export {
  findPullSecrets,
  type PullSecretEntry,
  type PullSecretObject,
  type PullSecrets,
  parsePullSecrets,
  pullSecretCredentials,
} from "./pull-secret.ts";
export { type AuthFileReaderOptions, authFileReader } from "./read-file.ts";
export {
  type ErasedCredentials,
  eraseCredentials,
  type SavedCredentials,
  saveCredentials,
  type WriteCredentialsOptions,
} from "./write-file.ts";

/**
 * What a node's configuration answers.
 *
 * @module
 */
export type { CrioAuthOption, CrioCredentialsStep, NodeCredentialsStep } from "./credential-steps.ts";
export {
  lookUpNodeCredentials,
  type NodeCredentialsLookup,
  type NodeCredentialsOptions,
  nodeCredentials,
} from "./credentials.ts";
export {
  type DecryptionFolder,
  type DecryptionKey,
  type NodeDecryption,
  nodeDecryption,
} from "./decryption.ts";
export { nodeCertificates, nodePolicyFiles, nodeProfiles } from "./file-access.ts";
export { type HandlerPod, type HandlerRequest, type NodeHandler, nodeHandler } from "./handler.ts";
export { type LoadNodeOptions, loadNode } from "./load.ts";
export { type NodePolicy, nodePolicy, type PolicyCandidate } from "./policy.ts";
export { nodePullSources } from "./pull-sources.ts";
export { namespacedAuthPath } from "./runtime-credentials.ts";
export { type NodeSeccomp, nodeSeccomp } from "./seccomp.ts";
export { nodeShortNames } from "./short-names.ts";
export { type NodeSignatureSourcesOptions, nodeSignatureSources } from "./signatures.ts";

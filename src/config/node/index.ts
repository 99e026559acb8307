/**
 * What a node's configuration answers.
 *
 * @module
 */
export { nodeCertificates, nodePolicyFiles, nodeProfiles } from "./file-access.ts";
export { type NodePolicy, nodePolicy, type PolicyCandidate } from "./policy.ts";
export { nodePullSources } from "./pull-sources.ts";
export { type NodeSeccomp, nodeSeccomp } from "./seccomp.ts";
export { nodeShortNames } from "./short-names.ts";
export { type NodeSignatureSourcesOptions, nodeSignatureSources } from "./signatures.ts";

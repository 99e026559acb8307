/**
 * Seccomp profiles: which one a container gets, what it becomes on a node, and what it does.
 *
 * @module
 */

export type { SeccompAction } from "./actions.ts";
export * from "./algebra/index.ts";
export { SECCOMP_ARCHES, type SeccompArch, seccompArch } from "./arch.ts";
export {
  type ArtifactContent,
  type ArtifactFetchOptions,
  type ArtifactSource,
  type ArtifactWarning,
  type FetchProfileArtifactOptions,
  fetchProfileArtifact,
  type ProfileArtifact,
  type ResolvedArtifact,
} from "./artifact.ts";
export {
  type ArtifactCheckOptions,
  acceptsIndex,
  checkProfileManifest,
  MAX_ARTIFACT_BYTES,
  type ManifestVerdict,
  type ProfileLayer,
  type ProfileManifest,
  profileArtifactReference,
} from "./artifact-check.ts";
export {
  type FetchKep6061ArtifactOptions,
  fetchKep6061Artifact,
  type Kep6061Artifact,
} from "./artifact-kep-6061.ts";
export { type LinkProfileOptions, linkProfile } from "./artifact-link.ts";
export {
  type PackedProfileArtifact,
  type PackProfileArtifactOptions,
  type ProfileArtifactForm,
  type PushProfileArtifactOptions,
  packProfileArtifact,
  pushProfileArtifact,
} from "./artifact-push.ts";
export type { ArtifactDescriptor, ArtifactStore, ArtifactTarget, DescribedBytes } from "./artifact-store.ts";
export * from "./bpf/index.ts";
export type {
  AnnotationSlot,
  DefiniteSeccompChoice,
  SeccompCandidate,
  SeccompChoice,
  SeccompChoiceTrace,
  SeccompRequest,
} from "./choice.ts";
export { type ChosenFilter, type FilterOfChoiceOptions, filterOfChoice } from "./choice-filter.ts";
export { type Confinement, confinementOf } from "./confinement.ts";
export {
  type ConvertedProfile,
  type ConvertedRule,
  type ConvertProfileOptions,
  convertProfile,
  toRuntimeSpec,
} from "./convert.ts";
export type { Annotations } from "./crio-annotations.ts";
export { type DefaultProfileName, defaultProfile, defaultSeccomp } from "./defaults/index.ts";
export { SeccompError, type SeccompErrorCode, type SeccompErrorOptions } from "./errors.ts";
export {
  type ConsideredRule,
  createEvaluator,
  type EvaluateSyscallOptions,
  evaluateSyscall,
  type SyscallCaveat,
  type SyscallDecision,
  type SyscallEvaluator,
  type SyscallInvocation,
  type SyscallVerdict,
} from "./evaluate.ts";
export * from "./explain/index.ts";
export type { SeccompFilterOptions, SkippedRule } from "./filter.ts";
export type { FilterRuntimeOptions } from "./filter-runtime.ts";
export type { Condition, Operator } from "./filter-tree.ts";
export * from "./lint/index.ts";
export { type ParseProfileOptions, parseProfile } from "./parse.ts";
export {
  type KubeletRequest,
  type KubeletSeccomp,
  kubeletSeccompRequest,
  type PodSeccompProfile,
  type SeccompContainer,
  type SeccompPod,
} from "./pod.ts";
export * from "./portability/index.ts";
export {
  type EngineReading,
  type ReadProfileAsEngineOptions,
  type ReadProfileOptions,
  readProfile,
  readProfileAsEngine,
  type StrictReading,
} from "./read-profile.ts";
export * from "./recordings/index.ts";
export { type ResolveSeccompInput, resolveSeccomp } from "./resolve.ts";
export {
  type ContainerdSeccompInput,
  type ContainerdSeccompNode,
  resolveContainerdSeccomp,
} from "./resolve-containerd.ts";
export {
  type CrioSeccompInput,
  type CrioSeccompNode,
  type CrioWorkload,
  resolveCrioSeccomp,
} from "./resolve-crio.ts";
export { type ResolveSandboxSeccompInput, resolveSandboxSeccomp } from "./resolve-sandbox.ts";
export { type FormatSeccompOptions, formatSeccomp } from "./runtime-spec.ts";
export {
  type JsonSchema,
  type ProfileFormat,
  type ProfileProblem,
  profileSchema,
  type ValidateProfileOptions,
  validateProfile,
} from "./schema.ts";
export type {
  KernelVersion,
  LinuxSeccomp,
  LinuxSeccompArg,
  LinuxSyscall,
  ProfileArchitecture,
  ProfileCondition,
  ProfileSyscall,
  SeccompEngine,
  SeccompProfile,
} from "./types.ts";

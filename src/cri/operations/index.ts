/**
 * What crictl's commands do beyond one RPC: queries, verbs with clean-up, configurations.
 *
 * @module
 */
export type { ConfigProblem } from "../errors.ts";
export type { CleanUpOptions } from "./clean-up.ts";
export {
  type ParseContainerConfigOptions,
  type ParsePodSandboxConfigOptions,
  parseContainerConfig,
  parsePodSandboxConfig,
} from "./config-file.ts";
export { containerConfigSchema, type JsonSchema, podSandboxConfigSchema } from "./config-schema.ts";
export {
  type ContainerImageOptions,
  type CreateContainerOptions,
  createContainer,
  type PullPolicy,
} from "./create-container.ts";
export { type AuthTexts, parseAuth, parseCreds } from "./credentials.ts";
export { type ExecAllOptions, type ExecOutcome, execAll } from "./exec-all.ts";
export { type ExecStreamedOptions, execStreamed } from "./exec-streamed.ts";
export { type ExecSyncOptions, type ExecSyncResult, execSync } from "./exec-sync.ts";
export { type FilteredImage, filterImages, type ImageListFilter, parseImageFilter } from "./image-filters.ts";
export { type RepoDigest, type RepoTag, splitRepoDigest, splitRepoTags } from "./image-names.ts";
export type { ImageUser, UnknownUse } from "./images-in-use.ts";
export {
  type ContainerLimits,
  type StopContainersOptions,
  startContainers,
  stopContainers,
  stopPods,
  type UpdateContainerResourcesOptions,
  updateContainerResources,
} from "./lifecycle.ts";
export {
  type ContainerQuery,
  filterContainers,
  listContainers,
  podNameOf,
  podNamespaceOf,
} from "./list-containers.ts";
export { type ImageQuery, listImages, sortImages } from "./list-images.ts";
export { filterPods, listPods, type PodQuery } from "./list-pods.ts";
export { type PruneDecision, type PruneImagesOptions, pruneImages } from "./prune-images.ts";
export {
  type ImageCredentialSource,
  type ImageCredentials,
  type PullImageOptions,
  pullImage,
} from "./pull-image.ts";
export type { NamePattern, NewestQuery } from "./query.ts";
export {
  type ParallelOptions,
  type Removal,
  type RemovalOutcome,
  type RemoveContainerOptions,
  type RemovePodOptions,
  removeAllContainers,
  removeAllPods,
  removeContainer,
  removeContainers,
  removePod,
  removePods,
} from "./remove.ts";
export {
  explainRemoveImage,
  type ImageRemoval,
  type ImageRemovalPlan,
  type ImageStatusOptions,
  imageStatus,
  type PresentImageStatus,
  removeImage,
} from "./remove-image.ts";
export {
  type RunContainerOptions,
  type RunContainerResult,
  type RunPodOptions,
  runContainer,
  runPod,
} from "./run.ts";

/**
 * What crictl's commands do beyond one RPC: queries, verbs with clean-up, configurations.
 *
 * @module
 */
export type { ConfigProblem } from "../errors.ts";
export {
  type ParseContainerConfigOptions,
  type ParsePodSandboxConfigOptions,
  parseContainerConfig,
  parsePodSandboxConfig,
} from "./config-file.ts";
export { containerConfigSchema, type JsonSchema, podSandboxConfigSchema } from "./config-schema.ts";
export { type AuthTexts, parseAuth, parseCreds } from "./credentials.ts";
export { type FilteredImage, filterImages, type ImageListFilter, parseImageFilter } from "./image-filters.ts";
export { type RepoDigest, type RepoTag, splitRepoDigest, splitRepoTags } from "./image-names.ts";
export {
  type ContainerQuery,
  filterContainers,
  listContainers,
  podNameOf,
  podNamespaceOf,
} from "./list-containers.ts";
export { type ImageQuery, listImages, sortImages } from "./list-images.ts";
export { filterPods, listPods, type PodQuery } from "./list-pods.ts";
export type { NamePattern, NewestQuery } from "./query.ts";

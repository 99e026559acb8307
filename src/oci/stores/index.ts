/**
 * Places on disk that hold images, and copies between stores.
 *
 * @module
 */
export * from "./archive-writer.ts";
export * from "./copy-image.ts";
export type * from "./copy-options.ts";
export * from "./docker-archive.ts";
export { type DockerArchiveImage, parseDockerArchiveList } from "./docker-archive-list.ts";
export * from "./layout.ts";
export * from "./layout-archive.ts";
export type { GarbageOptions, GarbageReport } from "./layout-gc.ts";
export { isRefName } from "./layout-index.ts";
export type { ArchiveOptions } from "./tar-file.ts";

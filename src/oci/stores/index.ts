/**
 * Places on disk that hold images, and copies between stores.
 *
 * @module
 */
export * from "./copy-image.ts";
export type * from "./copy-options.ts";
export * from "./layout.ts";
export type { GarbageOptions, GarbageReport } from "./layout-gc.ts";
export { isRefName } from "./layout-index.ts";

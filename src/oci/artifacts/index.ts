/**
 * Artifacts: files in a registry, and what refers to an image.
 *
 * @module
 */
export * from "./conventions.ts";
export * from "./discover.ts";
export * from "./pull-artifact.ts";
export * from "./push-artifact.ts";
export { CONTENT_DIGEST_ANNOTATION, UNPACK_ANNOTATION } from "./title.ts";

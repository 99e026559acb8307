/**
 * Documents of the image specification: configurations, and validation of all kinds.
 *
 * @module
 */
export type { ContainerConfig, HealthcheckConfig } from "./container-config.ts";
export { type EditedImage, editImage, type ImageEdits } from "./edit-image.ts";
export {
  checkLayerCount,
  type HistoryEntry,
  type ImageConfig,
  type ImageConfigDocument,
  type ParseImageConfigOptions,
  parseImageConfig,
} from "./image-config.ts";
export type { DocumentProblem } from "./problem.ts";
export { DOCUMENT_SCHEMAS, type JsonSchema as DocumentSchema } from "./schemas.ts";
export * from "./validate.ts";

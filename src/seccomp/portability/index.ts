/**
 * What another engine would do with the same profile file.
 *
 * @module
 */
export type { IgnoredPart } from "./ignored.ts";
export {
  type EnginePortability,
  type PortabilityDifference,
  type PortabilityEngine,
  type PortabilityOutcome,
  type PortabilityReport,
  type ReportPortabilityOptions,
  type RuntimeAnswer,
  reportPortability,
} from "./report.ts";
export { explainPortability } from "./words.ts";

/**
 * Checking profiles, and what Pods and images say about them, before they are on a node.
 *
 * @module
 */
export { type AnnotationFinding, type AnnotationLintCode, lintSeccompAnnotations } from "./annotations.ts";
export type { ProfileFinding, ProfileLintCode, ProfileLintSeverity } from "./findings.ts";
export { type LintProfileOptions, lintProfile, type ProfileTarget } from "./lint-profile.ts";
export {
  type CrioTableFinding,
  type CrioTableLintCode,
  type CrioTablePlace,
  type CrioTables,
  lintCrioTables,
} from "./tables.ts";

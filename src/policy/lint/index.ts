/**
 * Checking and comparing policies before they are on a node.
 *
 * @module
 */
export type { AttachmentSection, AttachmentSettings } from "./attachments.ts";
export {
  type ComparedVerdict,
  type DiffPoliciesOptions,
  diffPolicies,
  type EvaluateImage,
  type ImageOutcome,
  type ImageSide,
  type PolicyChange,
  type PolicyChangeKind,
  type PolicyDiff,
} from "./diff-policies.ts";
export type { LintCode, LintFinding, LintSeverity } from "./findings.ts";
export { type LintPolicyOptions, lintPolicy } from "./lint-policy.ts";
export type { PolicyFileState } from "./material.ts";

/**
 * What a node decides about a Pod, and why: for each image the mirror, the policy and the verdict, for each container
 * the runtime handler and the seccomp profile.
 *
 * @module
 */

export { type DiffNodesOptions, diffNodes, type NodeDifference, type NodesDifference } from "./diff-nodes.ts";
export { ExplainError, type ExplainErrorCode, type ExplainErrorOptions } from "./errors.ts";
export { type ExplainPodOptions, explainPod } from "./explain-pod.ts";
export type { ExplainOptions } from "./explain-subject.ts";
export { type FormatExplanationOptions, formatExplanation } from "./format.ts";
export { type ImpactOptions, type ImpactPolicy, impact } from "./impact.ts";
export {
  IMPACT_SCHEMA,
  type ImpactGroup,
  type ImpactImage,
  type ImpactKind,
  type ImpactReport,
  type ImpactSide,
} from "./impact-report.ts";
export type { NodeAnswersOptions } from "./node-answers.ts";
export type { FeatureRequest } from "./pod.ts";
export { type PodImage, type PullPolicy, podImages } from "./pod-images.ts";
export type { UnreadPod } from "./pod-list.ts";
export {
  RECORDING_SCHEMA,
  type RecordedExplanation,
  type ReplayedExplanation,
  recordExplanation,
  replayExplanation,
} from "./record.ts";
export { explanationSchema } from "./schema.ts";
export * from "./trace.ts";

/**
 * What a node decides about a Pod, and why: for each image the mirror, the policy and the verdict, for each container
 * the runtime handler and the seccomp profile.
 *
 * @module
 */

export { ExplainError, type ExplainErrorCode, type ExplainErrorOptions } from "./errors.ts";
export { type PodImage, type PullPolicy, podImages } from "./pod-images.ts";

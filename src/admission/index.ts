/**
 * Admission webhooks: AdmissionReview in, AdmissionReview out, and images decided on as nodes decide.
 *
 * @module
 */
export type { AdmissionMode } from "./answer.ts";
export { type ParseAdmissionReviewOptions, parseAdmissionReview } from "./body.ts";
export type {
  ImageAllowed,
  ImageDecision,
  ImageEvaluation,
  ImageRefused,
  ImageUndecided,
  PodCheck,
} from "./decision.ts";
export { AdmissionError, type AdmissionErrorCode } from "./errors.ts";
export type { ReviewedImage } from "./images.ts";
export { createPodCheck, type PodCheckOptions } from "./pod-check.ts";
export { type RememberContentOptions, rememberContent } from "./remember-content.ts";
export { type AdmissionRecord, type ReviewAdmissionOptions, reviewAdmission } from "./review.ts";
export type { PodCheckSubject } from "./subject.ts";
export { type ReviewTimeoutOptions, reviewTimeout } from "./timeout.ts";
export type * from "./types.ts";
export {
  type LabelSelector,
  type Webhook,
  type WebhookAddress,
  type WebhookClientConfig,
  type WebhookConfiguration,
  type WebhookConfigurationOptions,
  type WebhookRule,
  webhookConfiguration,
} from "./webhook-configuration.ts";

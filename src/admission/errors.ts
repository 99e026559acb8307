/**
 * Errors of reading an AdmissionReview.
 *
 * @module
 */
import { LadingError, type LadingErrorOptions } from "../core/errors.ts";

/** Codes of {@link AdmissionError}. */
export type AdmissionErrorCode =
  /** A body is not one complete JSON text, or nested deeper than any object of Kubernetes. */
  | "ERR_ADMISSION_SYNTAX"
  /** An object of a body names a member twice. */
  | "ERR_ADMISSION_DUPLICATE_KEY"
  /** A body is longer than the limit. */
  | "ERR_ADMISSION_TOO_LARGE"
  /** A value is an AdmissionReview of another version than v1, or no AdmissionReview. */
  | "ERR_ADMISSION_VERSION"
  /** An AdmissionReview has no request that could be answered: there is no `uid`. */
  | "ERR_ADMISSION_REQUEST"
  /** A request or an object in it is not as the API has it; {@link reviewAdmission} answers this with a refusal. */
  | "ERR_ADMISSION_OBJECT";

/**
 * What was sent is nothing that can be answered with an AdmissionReview.
 *
 * An HTTP server answers it with a status that is not 200, such as 400 or 413: the API server then takes the call as
 * failed, and goes by the `failurePolicy` of the webhook.
 */
export class AdmissionError extends LadingError {
  readonly code: AdmissionErrorCode;

  constructor(code: AdmissionErrorCode, message: string, options: LadingErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

/** What a request or object is that is not as the API has it. */
export function malformed(problem: string): AdmissionError {
  return new AdmissionError("ERR_ADMISSION_OBJECT", problem);
}

/** Whether an error came of {@link malformed}. */
export function isMalformed(error: unknown): error is AdmissionError {
  return error instanceof AdmissionError && error.code === "ERR_ADMISSION_OBJECT";
}

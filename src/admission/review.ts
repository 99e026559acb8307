/**
 * Answering an AdmissionReview.
 *
 * @see {@link https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/}
 * @module
 */
import { messageOf } from "../core/message-of.ts";
import type { SignalOptions } from "../core/signal.ts";
import { type AdmissionMode, answerTo, type Outcome } from "./answer.ts";
import { worstOf } from "./audit.ts";
import type { ImageDecision, PodCheck } from "./decision.ts";
import { isMalformed } from "./errors.ts";
import { runCheck } from "./outcome.ts";
import { type ReadRequest, readRequest } from "./request.ts";
import { taskOf } from "./subject.ts";
import type { AdmissionRequest, AdmissionReviewResponse } from "./types.ts";

/** What was answered, and why: for logs and counters. */
export interface AdmissionRecord {
  readonly uid: string;
  /** Absent where the request is malformed. */
  readonly request?: AdmissionRequest;
  readonly mode: AdmissionMode;
  /** `passed`: nothing had to be decided; `problem`: nothing could be decided on. */
  readonly outcome: "passed" | "allowed" | "refused" | "undecided" | "problem";
  /** One for each image that was decided on. */
  readonly decisions: readonly ImageDecision[];
  readonly response: AdmissionReviewResponse;
}

/** Options of {@link reviewAdmission}. */
export interface ReviewAdmissionOptions extends SignalOptions {
  /** Decides on images: {@link createPodCheck}, or another one. */
  check: PodCheck;
  /**
   * What a refusal leads to, for all requests or by request. Default `enforce`. A function that throws, or gives
   * something else, means `enforce`, and so does a malformed request where this is a function.
   */
  mode?: AdmissionMode | ((request: AdmissionRequest) => AdmissionMode) | undefined;
  /**
   * Whether images that are allowed are replaced by what was decided on, by digest: for a webhook of a
   * MutatingWebhookConfiguration, in mode `enforce`. Default no.
   */
  mutate?: boolean | undefined;
  /** Time for all of it, in milliseconds; see {@link reviewTimeout}. Default 9500. */
  timeoutMs?: number | undefined;
  /**
   * What becomes of kinds that are not known to hold images or to hold none, such as those of custom resources: the
   * rules of {@link webhookConfiguration} send none. Default `refuse`.
   */
  unknownKinds?: "refuse" | "allow" | undefined;
  /** Called once before the answer is given. What it throws is dropped. */
  onReview?: ((record: AdmissionRecord) => void) | undefined;
}

const MODES: readonly AdmissionMode[] = ["enforce", "warn", "audit"];
const DEFAULT_TIMEOUT_MS = 9500;

/**
 * The answer to an AdmissionReview: whether every image that a request brings in may be used.
 *
 * Pods, their ephemeral containers, and everything that Pods are made from are decided on alike; the namespace is that
 * of the request. Removing and connecting pass without work, and so does an update that leaves the images as they are;
 * of another update, those images are decided on that are not where they were. A dry run gets the same answer.
 *
 * In mode `enforce` a request is allowed only where the check said of every single image that it is: what it does not
 * say, not in time, or not in the form asked for, refuses, as does an object that is not as the API has it.
 *
 * Rejects with `signal.reason` after an abort: then there is no answer to give.
 *
 * @param review The parsed body; see {@link parseAdmissionReview}.
 * @throws {AdmissionError} `ERR_ADMISSION_VERSION`, `ERR_ADMISSION_REQUEST` for what cannot be answered, so that the
 * call has to fail: answer it with HTTP 400.
 * @throws {RangeError} For a time that is none, or a mode that does not exist.
 */
export async function reviewAdmission(
  review: unknown,
  options: ReviewAdmissionOptions,
): Promise<AdmissionReviewResponse> {
  const { check, mode = "enforce", mutate = false, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  if (typeof check !== "function") throw new TypeError("check must be a function");
  if (!(timeoutMs > 0) || timeoutMs > 0x7fffffff) {
    throw new RangeError(`timeoutMs must be positive, got ${timeoutMs}`);
  }
  if (typeof mode !== "function" && !MODES.includes(mode)) throw new RangeError(`no such mode: ${mode}`);
  signal?.throwIfAborted();
  const read = readRequest(review);
  const outcome = await outcomeOf(read, { check, timeoutMs, signal, unknownKinds: options.unknownKinds });
  const chosen = modeFor(read, mode);
  const response: AdmissionReviewResponse = {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: answerTo(read.uid, outcome, { mode: chosen, mutate }),
  };
  tell(options.onReview, {
    uid: read.uid,
    ...(read.kind === "request" ? { request: read.request } : {}),
    mode: chosen,
    outcome: outcome.kind === "decided" ? worstOf(outcome.decided) : outcome.kind,
    decisions: outcome.kind === "decided" ? outcome.decided.map(([, decision]) => decision) : [],
    response,
  });
  return response;
}

interface OutcomeOptions {
  readonly check: PodCheck;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly unknownKinds: ReviewAdmissionOptions["unknownKinds"];
}

async function outcomeOf(read: ReadRequest, options: OutcomeOptions): Promise<Outcome> {
  const { check, timeoutMs, signal, unknownKinds } = options;
  if (read.kind === "malformed") return badRequest(read.problem);
  try {
    const task = taskOf(read.request);
    if (task.kind === "pass") return { kind: "passed", because: task.because };
    if (task.kind === "check") {
      return { kind: "decided", decided: await runCheck(check, task.subject, { timeoutMs, signal }) };
    }
    if (unknownKinds === "allow") return { kind: "passed", because: "unknown-kind" };
    const problem = `${task.text} is not a kind that this webhook decides on: its rules must not send it`;
    return { kind: "problem", code: 403, reason: "Forbidden", problem };
  } catch (error) {
    signal?.throwIfAborted();
    if (isMalformed(error)) return badRequest(error.message);
    const problem = `the review failed: ${messageOf(error)}`;
    return { kind: "problem", code: 500, reason: "InternalError", problem };
  }
}

function badRequest(problem: string): Outcome {
  return { kind: "problem", code: 400, reason: "BadRequest", problem };
}

function modeFor(read: ReadRequest, mode: NonNullable<ReviewAdmissionOptions["mode"]>): AdmissionMode {
  if (typeof mode !== "function") return mode;
  if (read.kind === "malformed") return "enforce";
  try {
    const chosen = mode(read.request);
    return MODES.includes(chosen) ? chosen : "enforce";
  } catch {
    return "enforce";
  }
}

function tell(onReview: ReviewAdmissionOptions["onReview"], record: AdmissionRecord): void {
  try {
    onReview?.(record);
  } catch {
    // The answer stands whatever a listener does.
  }
}

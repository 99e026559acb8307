/**
 * The trace of a decision, for the audit log.
 *
 * @module
 */
import type { AdmissionMode, Outcome } from "./answer.ts";
import type { ImageDecision, ImageEvaluation } from "./decision.ts";
import { fieldText } from "./images.ts";
import type { Decided } from "./outcome.ts";
import { shortText } from "./text.ts";

/** Most bytes that the traces of images take together. */
const MAX_TRACE_BYTES = 8 * 1024;
const MAX_NAME = 512;
const MAX_EVALUATIONS = 16;

/**
 * What goes into the audit log: `mode`, `decision`, and as far as there are any `reason` and `images`.
 *
 * `images` is a JSON text: `{"images": […], "omitted": n}`, the images with where they stand, what was decided on them
 * and by which part of the policy; those that do not fit are counted in `omitted`.
 */
export function auditAnnotations(outcome: Outcome, mode: AdmissionMode): Record<string, string> {
  if (outcome.kind === "passed") return { mode, decision: `passed-${outcome.because}` };
  if (outcome.kind === "problem") {
    return { mode, decision: "refused", reason: shortText(outcome.problem) };
  }
  return { mode, decision: worstOf(outcome.decided), images: tracesOf(outcome.decided) };
}

/** `allowed` only if every image is. */
export function worstOf(decided: readonly Decided[]): "allowed" | "refused" | "undecided" {
  if (decided.every(([, { kind }]) => kind === "allowed")) return "allowed";
  return decided.some(([, { kind }]) => kind === "refused") ? "refused" : "undecided";
}

function tracesOf(decided: readonly Decided[]): string {
  const shown: string[] = [];
  let bytes = 0;
  // What is not allowed is told first.
  for (const each of decided.toSorted((a, b) => rankOf(a) - rankOf(b))) {
    const trace = traceOf(each);
    bytes += Buffer.byteLength(trace) + 1;
    if (bytes > MAX_TRACE_BYTES) break;
    shown.push(trace);
  }
  return `{"images":[${shown.join(",")}],"omitted":${decided.length - shown.length}}`;
}

function rankOf([, { kind }]: Decided): number {
  return kind === "refused" ? 0 : kind === "undecided" ? 1 : 2;
}

function traceOf([{ path }, decision]: Decided): string {
  const field = JSON.stringify(shortText(fieldText(path)));
  const before = traces.get(decision);
  const rest = before ?? JSON.stringify(traceOfDecision(decision));
  // What is frozen is given again and again.
  if (before === undefined && Object.isFrozen(decision)) traces.set(decision, rest);
  return `{"field":${field},${rest.slice(1)}`;
}

const traces = new WeakMap<ImageDecision, string>();

function traceOfDecision(decision: ImageDecision): object {
  const { kind, image, evaluations = [] } = decision;
  return {
    image: shortText(image, MAX_NAME),
    decision: kind,
    ...(decision.kind === "allowed" && decision.pinned !== image
      ? { pinned: shortText(decision.pinned, MAX_NAME) }
      : {}),
    ...(decision.kind === "undecided" ? { code: shortText(decision.code, 64) } : {}),
    ...(decision.kind === "allowed" ? {} : { reason: shortText(decision.reason) }),
    evaluations: evaluations.slice(0, MAX_EVALUATIONS).map(evaluationOf),
  };
}

function evaluationOf({ reference, kind, scope, digest, platform }: ImageEvaluation): object {
  const name = shortText(String(reference), MAX_NAME);
  return {
    reference: name,
    decision: shortText(String(kind)),
    scope: shortText(String(scope)),
    // A reference by digest says it already, unless an image was chosen from an index.
    ...(name.endsWith(`@${digest}`) ? {} : { digest: shortText(String(digest)) }),
    ...(platform === undefined ? {} : { platform: shortText(String(platform)) }),
  };
}

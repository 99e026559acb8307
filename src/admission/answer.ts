/**
 * What came of a request, as the answer to it.
 *
 * @module
 */
import { auditAnnotations } from "./audit.ts";
import type { ImageAllowed } from "./decision.ts";
import { fieldText, type ReviewedImage } from "./images.ts";
import type { Decided } from "./outcome.ts";
import { pinOperations } from "./patch.ts";
import { counted, shortText } from "./text.ts";
import type { AdmissionCause, AdmissionResponse, AdmissionStatus } from "./types.ts";

/**
 * What a refusal leads to: `enforce` refuses; `warn` allows, and warns whoever asked; `audit` allows, and says so in the
 * audit log only.
 */
export type AdmissionMode = "enforce" | "warn" | "audit";

/** What came of a request. */
export type Outcome =
  /** Nothing had to be decided. */
  | { readonly kind: "passed"; readonly because: string }
  | { readonly kind: "decided"; readonly decided: readonly Decided[] }
  /** Nothing could be decided on: the request is malformed, of an unknown kind, or the review itself failed. */
  | { readonly kind: "problem"; readonly code: number; readonly reason: string; readonly problem: string };

/** Most causes that a status lists. */
const MAX_CAUSES = 16;
/** The API server passes on no more than 4096 characters of warnings. */
const MAX_WARNINGS = 15;

/** How an answer is to be. */
export interface AnswerOptions {
  readonly mode: AdmissionMode;
  readonly mutate: boolean;
}

/** The answer to a request. */
export function answerTo(uid: string, outcome: Outcome, { mode, mutate }: AnswerOptions): AdmissionResponse {
  const annotations = auditAnnotations(outcome, mode);
  const status = statusOf(outcome);
  if (status === undefined) {
    const patch = mutate && mode === "enforce" && outcome.kind === "decided" ? patchOf(outcome.decided) : {};
    return { uid, allowed: true, ...patch, auditAnnotations: annotations };
  }
  if (mode === "enforce") return { uid, allowed: false, status, auditAnnotations: annotations };
  const warnings = mode === "warn" ? { warnings: warningsOf(outcome, status) } : {};
  return { uid, allowed: true, ...warnings, auditAnnotations: annotations };
}

/** Why the request is to be refused; nothing only where it passed, or where every single image is allowed. */
function statusOf(outcome: Outcome): AdmissionStatus | undefined {
  if (outcome.kind === "passed") return undefined;
  if (outcome.kind === "problem") {
    return { code: outcome.code, reason: outcome.reason, message: shortText(outcome.problem) };
  }
  const { decided } = outcome;
  const failed = decided.filter(([, { kind }]) => kind !== "allowed");
  // A refusal that is certain comes first.
  const first = failed.find(([, { kind }]) => kind === "refused") ?? failed[0];
  if (!first) return undefined;
  const more = failed.length > 1 ? `${failed.length} of ${counted(decided.length, "image")}; ` : "";
  return {
    ...codeAndReason(first),
    message: shortText(`${more}${findingText(first)}`),
    details: { causes: failed.slice(0, MAX_CAUSES).map(causeOf) },
  };
}

function codeAndReason([, decision]: Decided): Pick<AdmissionStatus, "code" | "reason"> {
  if (decision.kind !== "undecided") return { code: 403, reason: "Forbidden" };
  if (decision.code === "ERR_ADMISSION_TIMEOUT") return { code: 504, reason: "Timeout" };
  return { code: 503, reason: "ServiceUnavailable" };
}

function causeOf(finding: Decided): AdmissionCause {
  const [{ path }, { kind }] = finding;
  return {
    reason: kind === "refused" ? "ImageRefused" : "ImageUndecided",
    message: shortText(findingText(finding)),
    field: shortText(fieldText(path)),
  };
}

/** Longest part of a message that an image's name takes. */
const MAX_NAME = 100;

function findingText([{ image, path }, decision]: Decided): string {
  const where = `${shortText(image, MAX_NAME)} (${fieldText(path)})`;
  if (decision.kind === "allowed") return `${where} is allowed`;
  if (decision.kind === "refused") return `${where} refused: ${decision.reason}`;
  return `${where} undecided (${decision.code}): ${decision.reason}`;
}

function warningsOf(outcome: Outcome, { message }: AdmissionStatus): string[] {
  if (outcome.kind !== "decided") return [shortText(`would be refused: ${message}`)];
  const failed = outcome.decided.filter(([, { kind }]) => kind !== "allowed");
  const warnings = failed.slice(0, MAX_WARNINGS).map((each) => shortText(`image ${findingText(each)}`));
  const left = failed.length - warnings.length;
  return left > 0 ? [...warnings, `${counted(left, "more image")} would be refused`] : warnings;
}

function patchOf(decided: readonly Decided[]): Pick<AdmissionResponse, "patch" | "patchType"> {
  const allowed = decided.flatMap(([image, decision]): [ReviewedImage, ImageAllowed][] =>
    decision.kind === "allowed" ? [[image, decision]] : [],
  );
  const operations = pinOperations(allowed);
  if (operations.length === 0) return {};
  return { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(operations)).toString("base64") };
}

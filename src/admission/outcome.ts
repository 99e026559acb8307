/**
 * What came of a request, before it is put into words.
 *
 * @module
 */
import { isDigest } from "../core/digest.ts";
import { isLadingError } from "../core/errors.ts";
import { messageOf } from "../core/message-of.ts";
import { parseReferenceName } from "../core/reference.ts";
import type { ImageDecision, ImageEvaluation, ImageUndecided, PodCheck } from "./decision.ts";
import type { ReviewedImage } from "./images.ts";
import { hasDigest } from "./patch.ts";
import { isHeld } from "./recent.ts";
import { isRecord } from "./request.ts";
import { reviewSignal } from "./review-signal.ts";
import type { PodCheckSubject } from "./subject.ts";

/** An image with what was decided on it. */
export type Decided = readonly [image: ReviewedImage, decision: ImageDecision];

/** What is needed to run a check. */
export interface RunCheckOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The reason for whatever still runs. One for all, since making an exception takes longer than most of a review. */
const OVER = new DOMException("the review is over", "AbortError");

/** At most so much of the time is kept back for a check to say what it has when its signal aborts. */
const MAX_GRACE_MS = 50;

/**
 * Runs a check within a time.
 *
 * Whatever it does, each image has one decision in the end. Only the outer signal makes this reject.
 */
export async function runCheck(
  check: PodCheck,
  subject: PodCheckSubject,
  { timeoutMs, signal: outer }: RunCheckOptions,
): Promise<Decided[]> {
  const { images } = subject;
  const grace = Math.min(MAX_GRACE_MS, timeoutMs / 10);
  // One signal for all work, which ends with the review however that ends.
  const work = reviewSignal();
  let isLate = false;
  let timer: NodeJS.Timeout | undefined;
  let leave: () => void = () => {};
  try {
    const given = await new Promise<unknown>((resolve, reject) => {
      leave = () => {
        work.abort(outer?.reason);
        reject(outer?.reason);
      };
      outer?.addEventListener("abort", leave, { once: true });
      timer = setTimeout(() => {
        isLate = true;
        const reason = new DOMException("the time for the review is over", "TimeoutError");
        work.abort(reason);
        timer = setTimeout(() => reject(reason), grace);
      }, timeoutMs - grace);
      Promise.resolve()
        .then(() => check(subject, work.options))
        .then(resolve, reject);
    });
    return images.map((image, index) => [image, decisionOn(image, given, index, images.length)]);
  } catch (error) {
    outer?.throwIfAborted();
    const [code, reason] = isLate
      ? ["ERR_ADMISSION_TIMEOUT", "the check did not end in time"]
      : [codeOf(error), `the check failed: ${messageOf(error)}`];
    return images.map((image) => [image, undecided(image.image, code, reason)]);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", leave);
    work.abort(OVER);
  }
}

/** The decision on an image among those that a check gave. */
function decisionOn({ image }: ReviewedImage, given: unknown, index: number, count: number): ImageDecision {
  if (!Array.isArray(given) || given.length !== count) return wrong(image, `no list of ${count} decisions`);
  const decision: unknown = given[index];
  if (!isRecord(decision) || decision["image"] !== image) return wrong(image, "a decision on something else");
  const before = checked.get(decision);
  if (before) return before;
  const found = checkedDecision(image, decision);
  if (isHeld(decision)) checked.set(decision, Object.freeze(found));
  return found;
}

/** Decisions that are given again and again, and cannot be changed, with what they were found to be. */
const checked = new WeakMap<object, ImageDecision>();

function wrong(image: string, what: string): ImageUndecided {
  return undecided(image, "ERR_ADMISSION_CHECK", `the check gave ${what}`);
}

/** A decision, if it is one. */
function checkedDecision(image: string, decision: Readonly<Record<string, unknown>>): ImageDecision {
  const evaluations = evaluationsIn(decision);
  if (decision["kind"] === "refused") {
    return { kind: "refused", image, reason: String(decision["reason"]), ...evaluations };
  }
  if (decision["kind"] === "undecided") {
    const { code, reason } = decision;
    return { kind: "undecided", image, code: String(code), reason: String(reason), ...evaluations };
  }
  const { pinned } = decision;
  if (decision["kind"] !== "allowed") return wrong(image, "no decision");
  if (typeof pinned !== "string" || !isPinned(pinned, image))
    return wrong(image, "an image without its digest");
  return { kind: "allowed", image, pinned, ...evaluations };
}

function evaluationsIn(decision: Readonly<Record<string, unknown>>): Pick<ImageDecision, "evaluations"> {
  const given = decision["evaluations"];
  if (!Array.isArray(given)) return {};
  const evaluations = given.filter((each): each is ImageEvaluation => isRecord(each));
  return { evaluations: Object.freeze(evaluations) };
}

/** Whether a text is a reference by digest alone, and by the same one if the image names one. */
function isPinned(pinned: string, image: string): boolean {
  const at = pinned.indexOf("@");
  const name = pinned.slice(0, at);
  const digest = pinned.slice(at + 1);
  if (at < 0 || !isDigest(digest) || (hasDigest(image) && !image.endsWith(`@${digest}`))) return false;
  try {
    return parseReferenceName(name, { lengthLimit: "name" }).domain !== "";
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return false;
  }
}

/** A decision that could not be reached. */
export function undecided(image: string, code: string, reason: string): ImageUndecided {
  return { kind: "undecided", image, code, reason };
}

/** The code of an error, where it has one. */
export function codeOf(error: unknown): string {
  return isLadingError(error) ? error.code : "ERR_ADMISSION_CHECK";
}

/**
 * Deciding on one image: under the name that was written, and under the digest that the node will see.
 *
 * @module
 */
import type { Digest } from "../core/digest.ts";
import { isLadingError } from "../core/errors.ts";
import { messageOf } from "../core/message-of.ts";
import { formatPlatform, type Platform } from "../core/platform.ts";
import { formatReference, type Reference, referenceName, withDefaultTag } from "../core/reference.ts";
import { parseImageReference } from "../policy/reference.ts";
import type { Verdict } from "../policy/verdict.ts";
import type { Verifier } from "../policy/verifier.ts";
import type { ImageDecision, ImageEvaluation } from "./decision.ts";
import { codeOf, undecided } from "./outcome.ts";

/** What images are decided with. */
export interface ImageCheckContext {
  readonly verifier: Pick<Verifier, "evaluate">;
  /** At least one. */
  readonly platforms: readonly Platform[];
  readonly signal: AbortSignal;
}

/** Ends a decision before its end. */
type Stop = { readonly stop: ImageDecision };

/**
 * Decides on one image.
 *
 * The tag is resolved once. What it named is what is decided on, first under the tag, then again under the digest:
 * requirements can depend on the name, and a node that is told a digest evaluates the digest. An image of an index is
 * decided on for each platform.
 *
 * @param written As it stands in the object.
 * @param completed The same, with short names completed.
 */
export async function decideOnReference(
  written: string,
  completed: string,
  { verifier, platforms, signal }: ImageCheckContext,
): Promise<ImageDecision> {
  const evaluations: ImageEvaluation[] = [];
  const read = readReference(completed);
  if (typeof read === "string") return { kind: "refused", image: written, reason: read };
  const named = read;
  try {
    const first = await evaluateAll(named, undefined);
    if (typeof first !== "string") return first.stop;
    const pinned = { domain: named.domain, path: named.path, digest: first };
    if (named.digest === undefined) {
      const second = await evaluateAll(pinned, first);
      if (typeof second !== "string") return second.stop;
    }
    return { kind: "allowed", image: written, pinned: formatReference(pinned), evaluations };
  } catch (error) {
    signal.throwIfAborted();
    if (isLadingError(error) && error.code === "ERR_POLICY_REFERENCE") {
      return { kind: "refused", image: written, reason: error.message, evaluations };
    }
    return { ...undecided(written, codeOf(error), messageOf(error)), evaluations };
  }

  /** The digest that a reference names, if its image is allowed on every platform. */
  async function evaluateAll(reference: Reference, expected: Digest | undefined): Promise<Digest | Stop> {
    let digest = expected ?? reference.digest;
    for (const platform of platforms) {
      const verdict = await verifier.evaluate(reference, { platform, signal });
      signal.throwIfAborted();
      if (verdict.reference !== formatReference(reference)) {
        return stop("ERR_ADMISSION_CHECK", `the verifier decided on ${verdict.reference}`);
      }
      evaluations.push(evaluationOf(verdict, platform));
      if (verdict.kind !== "allowed") return refusal(verdict, reference);
      const found = verdict.indexDigest ?? verdict.digest;
      if (digest !== undefined && found !== digest) {
        return stop("ERR_ADMISSION_MOVED", `${formatReference(reference)} moved while it was decided on`);
      }
      digest = found;
      // The only image there is, for every platform.
      if (verdict.indexDigest === undefined) break;
    }
    return digest ?? stop("ERR_ADMISSION_CHECK", "there is no platform to decide for");
  }

  function refusal(verdict: Verdict, { digest }: Reference): Stop {
    const reason = verdict.kind === "rejected" ? verdict.criError : "the verifier gave no verdict";
    const at = digest === undefined || named.digest !== undefined ? "" : `as ${shortDigest(digest)}: `;
    return { stop: { kind: "refused", image: written, reason: `${at}${reason}`, evaluations } };
  }

  function stop(code: string, reason: string): Stop {
    return { stop: { ...undecided(written, code, reason), evaluations } };
  }
}

/** The reference as the node will see it, or why there is none: a tag beside a digest is dropped. */
function readReference(text: string): Reference | string {
  let parsed: Reference;
  try {
    parsed = parseImageReference(text);
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return error.message;
  }
  if (parsed.domain === "") return `${referenceName(parsed)} names no registry`;
  const { tag, ...untagged } = parsed;
  return parsed.digest === undefined ? withDefaultTag(parsed) : untagged;
}

function evaluationOf(verdict: Verdict, platform: Platform): ImageEvaluation {
  const { reference, kind, digest, scope } = verdict;
  return {
    reference,
    kind,
    digest,
    scope: scope.kind === "default" ? "default" : `${scope.transport}/${scope.scope}`,
    ...(verdict.indexDigest === undefined ? {} : { platform: formatPlatform(platform) }),
    ...(verdict.kind === "allowed" && verdict.validUntil !== undefined
      ? { validUntil: verdict.validUntil }
      : {}),
  };
}

function shortDigest(digest: string): string {
  return digest.slice(0, "sha256:".length + 12);
}

/**
 * What a check says about images, and what checks are.
 *
 * @module
 */
import type { PodCheckSubject } from "./subject.ts";

/** One evaluation that a decision rests on. */
export interface ImageEvaluation {
  /** The reference that was decided on, in full. */
  readonly reference: string;
  readonly kind: "allowed" | "rejected";
  /** Digest of the image's manifest. */
  readonly digest: string;
  /** Where the requirements stand in the policy, such as `docker/quay.io/team`, or `default`. */
  readonly scope: string;
  /** Of the image that was chosen from an index, such as `linux/amd64`. */
  readonly platform?: string;
  /** The last second, since 1970, at which it would be allowed; absent where that does not end by itself. */
  readonly validUntil?: number;
}

/** The image may be used. */
export interface ImageAllowed {
  readonly kind: "allowed";
  /** As written. */
  readonly image: string;
  /** The reference by digest of what was decided on: `quay.io/team/app@sha256:…`. */
  readonly pinned: string;
  /** For the audit log. */
  readonly evaluations?: readonly ImageEvaluation[];
}

/** The image must not be used. */
export interface ImageRefused {
  readonly kind: "refused";
  /** As written. */
  readonly image: string;
  readonly reason: string;
  readonly evaluations?: readonly ImageEvaluation[];
}

/** Whether the image may be used could not be found out: to be treated as a refusal. */
export interface ImageUndecided {
  readonly kind: "undecided";
  /** As written. */
  readonly image: string;
  /** Code of the error, such as `ERR_POLICY_MANIFEST`. */
  readonly code: string;
  readonly reason: string;
  readonly evaluations?: readonly ImageEvaluation[];
}

/** What a check says about an image. */
export type ImageDecision = ImageAllowed | ImageRefused | ImageUndecided;

/**
 * Decides on the images of a Pod: one decision for each of `subject.images`, in their order.
 *
 * All of its work must end when the signal aborts. What it throws, gives too much or too little of, or does not give
 * in time counts as undecided.
 */
export type PodCheck = (
  subject: PodCheckSubject,
  options: { signal: AbortSignal },
) => Promise<readonly ImageDecision[]>;

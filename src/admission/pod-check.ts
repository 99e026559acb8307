/**
 * The check of a Pod's images by policies.
 *
 * @module
 */
import { messageOf } from "../core/message-of.ts";
import { formatPlatform, type Platform } from "../core/platform.ts";
import type { Verifier } from "../policy/verifier.ts";
import type { ImageDecision, PodCheck } from "./decision.ts";
import { decideOnReference } from "./image-check.ts";
import { codeOf, undecided } from "./outcome.ts";
import { hasDigest } from "./patch.ts";
import { platformsFor } from "./platforms.ts";
import { type RecentDecisions, recentDecisions } from "./recent.ts";
import type { PodCheckSubject } from "./subject.ts";

/** Options of {@link createPodCheck}. */
export interface PodCheckOptions {
  /**
   * The verifier for Pods of a namespace: one for all, or one for each policy. It is asked once a review; what it throws
   * leaves every image undecided.
   */
  verifierFor: (
    namespace: string,
    options: { signal: AbortSignal },
  ) => Pick<Verifier, "evaluate"> | Promise<Pick<Verifier, "evaluate">>;
  /**
   * Every platform that nodes of the cluster have, such as `{ os: "linux", architecture: "amd64" }`: an image in an index
   * must be allowed on each that the Pod's `nodeSelector` leaves, and the index must have it.
   */
  platforms: readonly Platform[];
  /**
   * Completes an image as the nodes do where that is not Docker's way: the name that the policy is asked about. Default:
   * as it is written, so that `app` is `docker.io/library/app:latest`.
   */
  complete?: ((image: string, subject: PodCheckSubject) => string | Promise<string>) | undefined;
  /** Images of one review that are decided on at a time. Default 8. */
  concurrency?: number | undefined;
  /** Most different images of one review; with more, all are refused. Default 500. */
  maxImages?: number | undefined;
  /**
   * How long an image that is named by a digest and was allowed by a verifier is not asked of that verifier again, in
   * milliseconds: less where what it rests on ends before. A `reload()` of the verifier counts for such an image after
   * that time. Default 1000; 0 for never.
   */
  holdMs?: number | undefined;
}

/**
 * A check by `containers-policy.json`: for each image what CRI-O would decide, under the reference as it is written and
 * again under its digest.
 *
 * Each different image of a review is decided on once. A platform that an index lacks leaves the image undecided: say
 * by `nodeSelector` where the Pod may run. An image that is not decided on when the signal aborts is undecided; those that
 * were keep their decisions.
 *
 * @throws {RangeError} For no platform, or a limit below 1.
 */
export function createPodCheck(options: PodCheckOptions): PodCheck {
  const {
    verifierFor,
    complete = (image: string) => image,
    concurrency = 8,
    maxImages = 500,
    holdMs = 1000,
  } = options;
  if (typeof verifierFor !== "function") throw new TypeError("verifierFor must be a function");
  const platforms = [...options.platforms];
  if (platforms.length === 0) throw new RangeError("there must be a platform");
  assertCount(concurrency, "concurrency");
  assertCount(maxImages, "maxImages");
  if (!(holdMs >= 0)) throw new RangeError(`holdMs must not be negative, got ${holdMs}`);
  const recentFor = recentDecisions(holdMs);
  const completes = options.complete !== undefined;
  const platformNames = namesOf(platforms);

  async function decide(image: string, subject: PodCheckSubject, work: Work): Promise<ImageDecision> {
    const { verifier, platforms: fitting, recent, options } = work;
    try {
      const completing = complete(image, subject);
      const completed = typeof completing === "string" ? completing : await completing;
      const before = recent.find(image, completed);
      if (before) return before;
      const { signal } = options;
      signal.throwIfAborted();
      const decision = await decideOnReference(image, completed, { verifier, platforms: fitting, signal });
      if (hasDigest(completed)) recent.keep(completed, decision);
      return decision;
    } catch (error) {
      if (options.signal.aborted) return undecided(image, "ERR_ADMISSION_TIMEOUT", "not decided on in time");
      return undecided(image, codeOf(error), messageOf(error));
    }
  }

  // The signal is asked for where something waits, and not before.
  return async (subject, options) => {
    const images = [...new Set(subject.images.map(({ image }) => image))];
    const every = (decision: (image: string) => ImageDecision) =>
      subject.images.map(({ image }) => decision(image));
    if (images.length > maxImages) {
      const reason = `${images.length} different images, more than ${maxImages}`;
      return every((image) => ({ kind: "refused", image, reason }));
    }
    const fitting = platformsFor(subject.podSpec, platforms);
    if (fitting.length === 0) {
      const reason = "the nodeSelector leaves none of the platforms that are decided for";
      return every((image) => undecided(image, "ERR_ADMISSION_PLATFORM", reason));
    }
    let verifier: Pick<Verifier, "evaluate">;
    try {
      verifier = await verifierFor(subject.namespace, options);
    } catch (error) {
      options.signal.throwIfAborted();
      const reason = `no policy for the namespace: ${messageOf(error)}`;
      return every((image) => undecided(image, codeOf(error), reason));
    }
    const names = fitting === platforms ? platformNames : namesOf(fitting);
    const recent = recentFor(verifier, names);
    const work = { verifier, platforms: fitting, recent, options };
    const decisions = new Map<string, ImageDecision>();
    if (!completes) {
      for (const image of images) {
        const before = recent.find(image, image);
        if (before) decisions.set(image, before);
      }
    }
    const left = images.filter((image) => !decisions.has(image));
    const next = left.values();
    const worker = async (): Promise<void> => {
      for (const image of next) decisions.set(image, await decide(image, subject, work));
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, left.length) }, worker));
    return every(
      (image) => decisions.get(image) ?? undecided(image, "ERR_ADMISSION_CHECK", "not decided on"),
    );
  };
}

/** What the images of one review are decided with. */
interface Work {
  readonly verifier: Pick<Verifier, "evaluate">;
  readonly platforms: readonly Platform[];
  readonly recent: RecentDecisions;
  readonly options: { readonly signal: AbortSignal };
}

function namesOf(platforms: readonly Platform[]): string {
  return platforms.map(formatPlatform).join();
}

function assertCount(count: number, name: string): void {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new RangeError(`${name} must be at least 1, got ${count}`);
}

/**
 * Removing the images that nothing needs.
 *
 * @module
 */
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import type { Image } from "../gen/runtime/v1/api_pb.ts";
import { iterateContainers } from "../list-streams.ts";
import { namesOfImage, namesUsedBy } from "./image-use.ts";
import { findImagesInUse, type ImagesInUse, type ImageUser, type UnknownUse } from "./images-in-use.ts";
import { listImages } from "./list-images.ts";
import { assertParallel, DEFAULT_PARALLEL } from "./parallel.ts";

/** Options of {@link pruneImages}. */
export interface PruneImagesOptions extends CriCallOptions {
  /** Only says what would be removed. Default false. */
  dryRun?: boolean | undefined;
  /** How many calls are open at once while looking. Default 8. */
  parallel?: number | undefined;
}

/** What becomes of an image, and why. */
export type PruneDecision = { image: Image } & (
  | { kind: "removed" | "would-remove" }
  /** The runtime wants to keep it, as its pause image. */
  | { kind: "kept"; reason: "pinned" }
  | { kind: "kept"; reason: "in-use"; users: readonly ImageUser[] }
  /** It could not be found out which images something needs, so it may be this one. */
  | { kind: "kept"; reason: "lookup-failed"; unknown: readonly UnknownUse[] }
  /** Its removal failed. */
  | { kind: "failed"; error: unknown }
);

/**
 * What has become of every image: removed, or kept for a reason.
 *
 * Kept are pinned images, those of containers in any state by each of the three names that a container gives its
 * image, those of image volumes, and those that pods run on where the runtime says which. When it cannot be found out
 * what something needs, every image that nothing else keeps is kept. Containers are looked at once more before
 * each removal; one that is created at that very moment can still lose its image, as with every client.
 *
 * `timeoutMs` is for each call.
 *
 * @throws {CriError} what a list fails with; nothing is removed then.
 */
export async function pruneImages(
  cri: Pick<CriConnection, "runtime" | "image">,
  { dryRun = false, parallel = DEFAULT_PARALLEL, ...call }: PruneImagesOptions = {},
): Promise<PruneDecision[]> {
  assertParallel(parallel);
  const images = await listImages(cri, {}, call);
  const use = await findImagesInUse(cri, images, { ...call, parallel });
  const decisions: PruneDecision[] = [];
  for (const image of images) {
    const kept = whyKept(image, use);
    decisions.push(kept ?? (dryRun ? { kind: "would-remove", image } : await removeUnused(cri, image, call)));
  }
  return decisions;
}

function whyKept(image: Image, { users, unknown }: ImagesInUse): PruneDecision | undefined {
  if (image.pinned) return { kind: "kept", image, reason: "pinned" };
  const found = users.get(image.id) ?? [];
  if (found.length > 0) return { kind: "kept", image, reason: "in-use", users: found };
  return unknown.length > 0 ? { kind: "kept", image, reason: "lookup-failed", unknown } : undefined;
}

async function removeUnused(
  cri: Pick<CriConnection, "runtime" | "image">,
  image: Image,
  call: CriCallOptions,
): Promise<PruneDecision> {
  const names = new Set(namesOfImage(image));
  try {
    const users: ImageUser[] = [];
    for await (const container of iterateContainers(cri, {}, call)) {
      if (namesUsedBy(container).some((name) => names.has(name))) {
        users.push({ kind: "container", id: container.id });
      }
    }
    if (users.length > 0) return { kind: "kept", image, reason: "in-use", users };
    await cri.image.removeImage({ image: { image: image.id } }, call);
    return { kind: "removed", image };
  } catch (error) {
    call.signal?.throwIfAborted();
    return { kind: "failed", image, error };
  }
}

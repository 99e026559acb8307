/**
 * Looking at images, and removing them.
 *
 * @module
 */
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import type { Image, ImageStatusResponse } from "../gen/runtime/v1/api_pb.ts";

/** Options of {@link imageStatus}. */
export interface ImageStatusOptions extends CriCallOptions {
  /** Asks for what only this runtime says, in `info`. Default false. */
  verbose?: boolean | undefined;
}

/** The status of an image that is there. */
export type PresentImageStatus = ImageStatusResponse & { image: Image };

/** What the removal of an image takes away. */
export type ImageRemovalPlan =
  | {
      kind: "present";
      id: string;
      /** Every tag of the image: the interface removes all of them, whichever one is named. */
      tags: readonly string[];
      digests: readonly string[];
      /** Whether more tags go than the one that was named. */
      removesOtherTags: boolean;
      /** Whether the runtime wants to keep it, as its pause image. It is removed all the same. */
      pinned: boolean;
    }
  | { kind: "absent" };

/** What became of the removal of an image. */
export type ImageRemoval =
  | { kind: "removed"; id: string; tags: readonly string[]; digests: readonly string[] }
  | { kind: "absent" };

/** The status of an image, `null` if it is not there. */
export async function imageStatus(
  cri: Pick<CriConnection, "image">,
  image: string,
  { verbose = false, ...options }: ImageStatusOptions = {},
): Promise<PresentImageStatus | null> {
  const status = await cri.image.imageStatus({ image: { image }, verbose }, options);
  return status.image ? (status as PresentImageStatus) : null;
}

/** What {@link removeImage} would remove. Nothing is changed. */
export async function explainRemoveImage(
  cri: Pick<CriConnection, "image">,
  image: string,
  options: CriCallOptions = {},
): Promise<ImageRemovalPlan> {
  const status = await imageStatus(cri, image, options);
  if (!status) return { kind: "absent" };
  const { id, repoTags: tags, repoDigests: digests, pinned } = status.image;
  // An id names all tags; a name or a digest names one image.
  const byId = !/[:/]/.test(image) || image.startsWith("sha256:");
  return { kind: "present", id, tags, digests, removesOtherTags: !byId && tags.length > 1, pinned };
}

/**
 * Removes an image with **all** its tags, whichever of them is named: the interface has no way to take one off. Ask
 * {@link explainRemoveImage} first which go.
 *
 * Whether a container uses the image is not checked, nor whether it is pinned; see `pruneImages`.
 *
 * @throws {CriError} what a call fails with; some runtimes refuse to remove an image in use.
 */
export async function removeImage(
  cri: Pick<CriConnection, "image">,
  image: string,
  options: CriCallOptions = {},
): Promise<ImageRemoval> {
  const plan = await explainRemoveImage(cri, image, options);
  if (plan.kind === "absent") return plan;
  const { id, tags, digests } = plan;
  await cri.image.removeImage({ image: { image } }, options);
  return { kind: "removed", id, tags, digests };
}

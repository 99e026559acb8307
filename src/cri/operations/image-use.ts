/**
 * By which names containers and images speak of the same image.
 *
 * A container names its image up to three times: its id (since CRI 0.30), the reference that the runtime resolved,
 * and the text it was asked for; runtimes differ in which of these is an id, a digest or a tag.
 *
 * @module
 */
import type { Container, Image } from "../gen/runtime/v1/api_pb.ts";

/** Every name that an image has: id, tags, digests, and the id without its algorithm. */
export function namesOfImage({
  id,
  repoTags,
  repoDigests,
}: Pick<Image, "id" | "repoTags" | "repoDigests">): string[] {
  const plain = id.replace(/^sha256:/, "");
  const names = [...repoTags, ...repoDigests];
  return id === "" ? names : [id, plain, `sha256:${plain}`, ...names];
}

/** Every name by which a container says which image it has. */
export function namesUsedBy({
  imageId,
  imageRef,
  image,
}: Pick<Container, "imageId" | "imageRef" | "image">): string[] {
  return [imageId, imageRef, image?.image ?? ""].filter((name) => name !== "");
}

/**
 * The images that a query asks for, as `crictl images` lists them.
 *
 * @module
 */
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import type { Image } from "../gen/runtime/v1/api_pb.ts";
import { iterateImages } from "../list-streams.ts";
import { filterImages, type ImageListFilter, parseImageFilter } from "./image-filters.ts";
import { compare } from "./query.ts";

/** Which images are wanted: those that fit every part that is set. */
export interface ImageQuery {
  /** A tag, digest or id, which the runtime resolves. */
  image?: string | undefined;
  /** Conditions, as `dangling=true` or parsed, applied one after the other to the sorted list. */
  filters?: readonly (ImageListFilter | string)[] | undefined;
  /** Only images that the runtime never removes by itself (true), or only the others (false). */
  pinned?: boolean | undefined;
}

/**
 * The images that a query asks for, by their first tag, those without tags by their first digest, else by their id.
 *
 * Names are handed to the runtime as they are; it has its own rules for short ones.
 *
 * @throws {CriError} `ERR_CRI_QUERY_INVALID` for a filter that is none, before anything is asked, and for one by an
 * image that is not in the list; see {@link filterImages}.
 */
export async function listImages(
  cri: Pick<CriConnection, "image">,
  query: ImageQuery = {},
  options: CriCallOptions = {},
): Promise<Image[]> {
  const { image = "", pinned } = query;
  const filters = (query.filters ?? []).map((filter) =>
    typeof filter === "string" ? parseImageFilter(filter) : filter,
  );
  const images: Image[] = [];
  for await (const each of iterateImages(cri, { filter: { image: { image } } }, options)) images.push(each);
  const passed = filterImages(sortImages(images), filters);
  return pinned === undefined ? passed : passed.filter((each) => each.pinned === pinned);
}

/**
 * The images in the order of `crictl images`: by first tag, those without tags by first digest, else by id.
 *
 * The order is by code unit. crictl compares only what both images have, which orders no list of mixed images.
 */
export function sortImages<T extends Pick<Image, "id" | "repoTags" | "repoDigests">>(
  images: readonly T[],
): T[] {
  const keyOf = ({ id, repoTags, repoDigests }: T) => repoTags[0] ?? repoDigests[0] ?? id;
  return images.toSorted((a, b) => compare(keyOf(a), keyOf(b)) || compare(a.id, b.id));
}

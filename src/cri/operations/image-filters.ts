/**
 * The filters of `crictl images --filter`.
 *
 * @module
 */
import { CriError } from "../errors.ts";
import type { Image } from "../gen/runtime/v1/api_pb.ts";
import { compileGoRegexp } from "./go-regexp.ts";
import { splitRepoDigest, splitRepoTags } from "./image-names.ts";

/** A condition on images, and on their places in a list. */
export type ImageListFilter =
  /** Images without tags, or those with some; `undefined` fits no image. */
  | { kind: "dangling"; value: boolean | undefined }
  /**
   * A regular expression of Go that matches a part of the repository of the first digest, or that repository
   * itself. Images without digests have the repository `<none>`.
   */
  | { kind: "reference"; pattern: string }
  /** Images that stand behind one in the list. */
  | { kind: "before"; image: string }
  /** Images that stand in front of one in the list. */
  | { kind: "since"; image: string };

/** What a filter needs of an image. */
export type FilteredImage = Pick<Image, "id" | "repoTags" | "repoDigests">;

/**
 * The filter that a text such as `dangling=true` is.
 *
 * A value of `dangling` that is neither `true` nor `false` fits no image, as in crictl.
 *
 * @throws {CriError} `ERR_CRI_QUERY_INVALID` for another kind of filter, and for a `reference` that is no regular
 * expression.
 */
export function parseImageFilter(text: string): ImageListFilter {
  const equals = text.indexOf("=");
  const kind = text.slice(0, Math.max(equals, 0));
  const value = text.slice(equals + 1);
  switch (kind) {
    case "dangling":
      return { kind, value: value === "true" ? true : value === "false" ? false : undefined };
    case "reference":
      compileGoRegexp(value);
      return { kind, pattern: value };
    case "before":
    case "since":
      return { kind, image: value };
    default:
      throw new CriError(
        "ERR_CRI_QUERY_INVALID",
        `unknown image filter ${JSON.stringify(text.slice(0, 256))}`,
      );
  }
}

/**
 * The images that pass all filters, one filter after the other, in the order of the list.
 *
 * `before` and `since` go by the place in the list, since images have no time: `before` keeps what stands behind
 * the named image, `since` what stands in front of it. The image is named by its first tag (with a colon and no
 * `@`), by the beginning of its first digest (with an `@`; images without digests drop out) or by the beginning
 * of its id. Filters before do not change its place.
 *
 * @throws {CriError} `ERR_CRI_QUERY_INVALID` if the list does not have the image that `before` or `since` names;
 * crictl takes every image then.
 */
export function filterImages<T extends FilteredImage>(
  images: readonly T[],
  filters: readonly (ImageListFilter | string)[],
): T[] {
  const parsed = filters.map((filter) => (typeof filter === "string" ? parseImageFilter(filter) : filter));
  let kept = images.map((image, place) => ({ image, place }));
  for (const filter of parsed) {
    const fits = testOf(filter, images);
    kept = kept.filter(({ image, place }) => fits(image, place));
  }
  return kept.map(({ image }) => image);
}

type ImageTest = (image: FilteredImage, place: number) => boolean;

function testOf(filter: ImageListFilter, images: readonly FilteredImage[]): ImageTest {
  switch (filter.kind) {
    case "dangling":
      return (image) => filter.value !== undefined && filter.value === (image.repoTags.length === 0);
    case "reference": {
      const matches = compileGoRegexp(filter.pattern);
      return ({ repoDigests }) => {
        const { repository } = splitRepoDigest(repoDigests);
        return repository === filter.pattern || matches(repository);
      };
    }
    default:
      return placeTest(filter, images);
  }
}

function placeTest(
  { kind, image: name }: { kind: "before" | "since"; image: string },
  images: readonly FilteredImage[],
): ImageTest {
  const byDigest = name.includes("@");
  const isNamed = (image: FilteredImage) => {
    if (byDigest) return image.repoDigests[0]?.startsWith(name) === true;
    if (!name.includes(":")) return image.id.startsWith(name);
    const [first] = splitRepoTags(image.repoTags, splitRepoDigest(image.repoDigests).repository);
    return first !== undefined && `${first.repository}:${first.tag}` === name;
  };
  const found = images.findIndex(isNamed);
  if (found < 0) {
    const text = `no image ${JSON.stringify(name.slice(0, 256))} in the list to go by`;
    throw new CriError("ERR_CRI_QUERY_INVALID", text);
  }
  return (image, place) => {
    if (byDigest && image.repoDigests.length === 0) return false;
    return kind === "before" ? place > found : place < found;
  };
}

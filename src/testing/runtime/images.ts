/**
 * The images of the in-process runtime: what can be pulled, and what is there.
 *
 * @module
 */
import { digestOf } from "../../core/digest.ts";
import { parseAnyReference } from "../../core/familiar-reference.ts";
import { formatReference } from "../../core/reference.ts";
import { CriError } from "../../cri/index.ts";
import type { KnownImage } from "./image-types.ts";

/** An image that is there. */
export interface StoredImage {
  readonly id: string;
  /** What it is made of, and how it starts. */
  readonly known: KnownImage;
  /** Full names with tags; none for one whose name now means another image. */
  readonly tags: Set<string>;
  /** Full names with digests. */
  readonly repoDigests: Set<string>;
}

/** Images by name. */
export interface ImageStore {
  /** The images that are there, the oldest first. */
  list(): StoredImage[];
  /** The image for a name, a name with a digest, an id or a beginning of one; undefined if it is not there. */
  find(text: string): StoredImage | undefined;
  /** What a name can be pulled as; undefined if no registry has it. */
  known(text: string): KnownImage | undefined;
  /** Makes an image known, in place of one of the same name. It is there at once unless `pulled` is false. */
  add(image: KnownImage): void;
  /** Puts a known image under the name it was asked for. The name then means this image and no other. */
  store(image: KnownImage, text: string): StoredImage;
  /** Removes an image with all its names. */
  remove(image: StoredImage): void;
}

/** A store with the images that are given. */
export function createImageStore(images: readonly KnownImage[]): ImageStore {
  const known = new Map<string, KnownImage>();
  const stored = new Map<string, StoredImage>();
  const store = (image: KnownImage, text: string) => {
    const id = idOf(image);
    const entry = stored.get(id) ?? { id, known: image, tags: new Set(), repoDigests: new Set() };
    const name = fullName(text) ?? text;
    if (!name.includes("@")) {
      for (const other of stored.values()) other.tags.delete(name);
      entry.tags.add(name);
    }
    entry.repoDigests.add(`${repositoryOf(name)}@${manifestDigestOf(image)}`);
    stored.set(id, entry);
    return entry;
  };
  const add = (image: KnownImage) => {
    const name = fullName(image.name);
    if (name === undefined) throw new TypeError(`${JSON.stringify(image.name)} is not the name of an image`);
    known.set(name, image);
    if (image.pulled !== false) store(image, name);
  };
  const find = (text: string) => {
    const entries = [...stored.values()];
    const byId = (prefix: string) => {
      const matches = entries.filter(({ id }) => id.startsWith(prefix));
      return matches.length === 1 ? matches[0] : undefined;
    };
    if (/^sha256:[0-9a-f]+$/.test(text)) return byId(text);
    const name = fullName(text);
    const named = entries.find(
      ({ tags, repoDigests }) => name !== undefined && (tags.has(name) || repoDigests.has(name)),
    );
    return named ?? (/^[0-9a-f]{3,64}$/.test(text) ? byId(`sha256:${text}`) : undefined);
  };
  for (const image of images) add(image);
  return {
    list: () => [...stored.values()],
    find,
    known: (text) => {
      const name = fullName(text);
      if (name === undefined) return undefined;
      const [repository, digest] = name.split("@");
      if (digest === undefined) return known.get(name);
      const ofRepository = [...known].filter(([other]) => repositoryOf(other) === repository);
      return ofRepository.find(([, image]) => manifestDigestOf(image) === digest)?.[1];
    },
    add,
    store,
    remove: ({ id }) => void stored.delete(id),
  };
}

/** The text of a reference with its domain and, unless it has a digest, its tag; undefined if it is none. */
export function fullName(text: string): string | undefined {
  try {
    const parsed = parseAnyReference(text);
    if (parsed.kind === "digest") return undefined;
    const { reference } = parsed;
    const full = formatReference(reference);
    // A tag beside a digest says nothing.
    if (reference.digest !== undefined) return `${repositoryOf(full)}@${reference.digest}`;
    return reference.tag === undefined ? `${full}:latest` : full;
  } catch {
    return undefined;
  }
}

/** A full name without its tag and digest. */
export function repositoryOf(name: string): string {
  const [bare = ""] = name.split("@");
  const colon = bare.lastIndexOf(":");
  return colon > bare.lastIndexOf("/") ? bare.slice(0, colon) : bare;
}

/** Digest of an image's manifest. */
export function manifestDigestOf(image: KnownImage): string {
  return image.digest ?? digestOf(`manifest of ${fullName(image.name) ?? image.name}`);
}

function idOf(image: KnownImage): string {
  return image.id ?? digestOf(`configuration of ${manifestDigestOf(image)}`);
}

/** The image, or the error of a container that cannot be made without it. */
export function mustHaveImage(images: ImageStore, text: string): StoredImage {
  const image = images.find(text);
  if (image) return image;
  throw new CriError("ERR_CRI_NOT_FOUND", `failed to resolve image ${JSON.stringify(text)}: not found`);
}

/**
 * The images of a Pod's spec, with where each stands, and which of them are new.
 *
 * @module
 */
import type { PodImage } from "../explain/pod-images.ts";
import { malformed } from "./errors.ts";
import { isRecord } from "./request.ts";

/** An image that a Pod asks for. */
export interface ReviewedImage {
  /** What uses it. */
  readonly kind: PodImage["kind"];
  /** Of the container or volume; empty if it has none. */
  readonly name: string;
  /** As written. */
  readonly image: string;
  /** Where it stands in the object: members and indexes. */
  readonly path: readonly (string | number)[];
}

type PodSpec = Readonly<Record<string, unknown>>;

const CONTAINERS = [
  ["initContainers", "init-container"],
  ["containers", "container"],
  ["ephemeralContainers", "ephemeral-container"],
] as const;

/**
 * Every image of a Pod's spec: of init, regular and ephemeral containers, and of image volumes.
 *
 * @param at Where the spec stands in its object.
 * @param isPod Whether it is that of a Pod: a template may leave the reference of an image volume to whoever makes
 * Pods of it.
 * @throws {AdmissionError} `ERR_ADMISSION_OBJECT` For a list or entry of another type, and a container without an image.
 */
export function imagesOf(spec: PodSpec, at: readonly string[], isPod: boolean): ReviewedImage[] {
  const images: ReviewedImage[] = [];
  for (const [list, kind] of CONTAINERS) {
    for (const [index, container] of listOf(spec, list, at).entries()) {
      const path = [...at, list, index, "image"];
      images.push({ kind, name: nameOf(container), image: imageText(container["image"], path), path });
    }
  }
  for (const [index, volume] of listOf(spec, "volumes", at).entries()) {
    const source = Object.hasOwn(volume, "image") ? volume["image"] : undefined;
    if (source === undefined || source === null) continue;
    const path = [...at, "volumes", index, "image", "reference"];
    if (!isRecord(source)) throw malformed(`${fieldText(path.slice(0, -1))} is no object`);
    const { reference } = source;
    if (!isPod && (reference === undefined || reference === null || reference === "")) continue;
    images.push({ kind: "image-volume", name: nameOf(volume), image: imageText(reference, path), path });
  }
  return images;
}

/**
 * The images that are not where they were before.
 *
 * An image counts as the old one if the container or volume of the same name, in the same list, had the same text.
 */
export function changedImages(
  images: readonly ReviewedImage[],
  before: readonly ReviewedImage[],
): ReviewedImage[] {
  // Names that are given twice belong to nothing in particular: false never equals an image.
  const old = new Map<string, string | false>();
  for (const image of before) old.set(keyOf(image), old.has(keyOf(image)) ? false : image.image);
  const seen = new Map<string, number>();
  for (const image of images) seen.set(keyOf(image), (seen.get(keyOf(image)) ?? 0) + 1);
  return images.filter((image) => seen.get(keyOf(image)) !== 1 || old.get(keyOf(image)) !== image.image);
}

function keyOf({ kind, name }: ReviewedImage): string {
  return `${kind} ${name}`;
}

/** A path as Kubernetes writes it: `spec.containers[0].image`. */
export function fieldText(path: readonly (string | number)[]): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join("");
}

function listOf(
  spec: PodSpec,
  name: string,
  at: readonly string[],
): readonly Readonly<Record<string, unknown>>[] {
  const list: unknown = Object.hasOwn(spec, name) ? spec[name] : undefined;
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw malformed(`${fieldText([...at, name])} is no list`);
  return list.map((entry: unknown, index) => {
    if (!isRecord(entry)) throw malformed(`${fieldText([...at, name, index])} is no object`);
    return entry;
  });
}

function nameOf(entry: Readonly<Record<string, unknown>>): string {
  return typeof entry["name"] === "string" ? entry["name"] : "";
}

function imageText(value: unknown, path: readonly (string | number)[]): string {
  if (typeof value !== "string" || value === "") throw malformed(`${fieldText(path)} names no image`);
  return value;
}

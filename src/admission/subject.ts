/**
 * What a request is about: the images to decide on, and the Pod that they are for.
 *
 * @module
 */
import { isMalformed, malformed } from "./errors.ts";
import { changedImages, imagesOf, type ReviewedImage } from "./images.ts";
import { classifyKind, kindText, type PodResource } from "./kinds.ts";
import { isRecord, textOf } from "./request.ts";
import type { AdmissionOperation, AdmissionRequest, GroupVersionKind } from "./types.ts";

/** What a {@link PodCheck} decides on. */
export interface PodCheckSubject {
  /** By the API server's word, whatever the object says. Never empty. */
  readonly namespace: string;
  /** Of the object that was sent: a Pod, or what Pods are made of. */
  readonly kind: Readonly<GroupVersionKind>;
  /** Name, or the start of the name that is to be generated; empty if there is neither. */
  readonly name: string;
  readonly operation: AdmissionOperation;
  readonly dryRun: boolean;
  /** The images to decide on, at least one: those that an update leaves as they were are not among them. */
  readonly images: readonly ReviewedImage[];
  /** The spec of the Pod, as sent. Only the places of images in it are checked. */
  readonly podSpec: Readonly<Record<string, unknown>>;
}

/** What there is to do about a request. */
export type Task =
  | { readonly kind: "check"; readonly subject: PodCheckSubject }
  /** Nothing in it can start an image that was not decided on. */
  | { readonly kind: "pass"; readonly because: "operation" | "no-images" | "unchanged" | "kind" }
  | { readonly kind: "unknown-kind"; readonly text: string };

/**
 * What there is to do about a request.
 *
 * @throws {AdmissionError} `ERR_ADMISSION_OBJECT` For an object that is not as the API has it.
 */
export function taskOf(request: AdmissionRequest): Task {
  const { operation, kind } = request;
  // To remove something, or to talk to what runs, starts no image.
  if (operation === "DELETE" || operation === "CONNECT") return { kind: "pass", because: "operation" };
  const found = classifyKind(kind);
  if (found.kind === "without-images") return { kind: "pass", because: "kind" };
  if (found.kind === "unknown") return { kind: "unknown-kind", text: kindText(kind) };
  const { resource } = found;
  const object = checkedObject(request);
  const podSpec = specOf(object, resource);
  const isPod = resource.kind === "Pod";
  const images = imagesOf(podSpec, resource.path, isPod);
  if (images.length === 0) return { kind: "pass", because: "no-images" };
  const left =
    operation === "UPDATE" ? changedImages(images, imagesBefore(request, resource, isPod)) : images;
  if (left.length === 0) return { kind: "pass", because: "unchanged" };
  const { namespace, dryRun } = request;
  const name = request.name !== "" ? request.name : nameIn(object);
  return { kind: "check", subject: { namespace, kind, name, operation, dryRun, images: left, podSpec } };
}

function checkedObject(request: AdmissionRequest): Readonly<Record<string, unknown>> {
  const { object, kind, namespace } = request;
  if (!isRecord(object)) throw malformed("request.object is no object");
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  const said = [textOf(object, "apiVersion", "object."), textOf(object, "kind", "object.")];
  if ((said[0] !== "" && said[0] !== apiVersion) || (said[1] !== "" && said[1] !== kind.kind)) {
    throw malformed(`the object is not the ${kindText(kind)} that request.kind says`);
  }
  if (namespace === "") throw malformed("request.namespace is empty");
  const metadata = metadataOf(object);
  const own = textOf(metadata, "namespace", "metadata.");
  if (own !== "" && own !== namespace) {
    throw malformed("metadata.namespace is not the namespace of the request");
  }
  return object;
}

function metadataOf(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { metadata } = object;
  if (metadata === undefined || metadata === null) return {};
  if (!isRecord(metadata)) throw malformed("metadata is no object");
  return metadata;
}

function nameIn(object: Readonly<Record<string, unknown>>): string {
  const metadata = metadataOf(object);
  const name = textOf(metadata, "name", "metadata.");
  return name !== "" ? name : textOf(metadata, "generateName", "metadata.");
}

function specOf(
  object: Readonly<Record<string, unknown>>,
  { path }: PodResource,
): Readonly<Record<string, unknown>> {
  let at = object;
  for (const [depth, part] of path.entries()) {
    const next = Object.hasOwn(at, part) ? at[part] : undefined;
    if (!isRecord(next)) throw malformed(`${path.slice(0, depth + 1).join(".")} is no object`);
    at = next;
  }
  return at;
}

/** The images that were there; none, so that all are new, where the old object is missing or malformed. */
function imagesBefore(
  { oldObject }: AdmissionRequest,
  resource: PodResource,
  isPod: boolean,
): ReviewedImage[] {
  if (!isRecord(oldObject)) return [];
  try {
    return imagesOf(specOf(oldObject, resource), resource.path, isPod);
  } catch (error) {
    if (!isMalformed(error)) throw error;
    return [];
  }
}

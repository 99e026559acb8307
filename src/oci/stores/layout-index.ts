/**
 * The documents of an image layout: `oci-layout` and `index.json`.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md}
 * @module
 */
import { isDigest } from "../../core/digest.ts";
import { OCI_INDEX } from "../../core/media-types.ts";
import { isTag } from "../../core/reference.ts";
import { type JsonNode, parseJson } from "../../core/strict-json.ts";
import type { Descriptor } from "../descriptor.ts";
import { OciError } from "../errors.ts";
import { knownNames, refuseOtherSpellings } from "../json-names.ts";
import { membersOf, ROOT, readJson, required, textOf } from "../json-value.ts";
import { type IndexDocument, parseManifest } from "../manifest.ts";
import { manifestKind } from "../manifest-kind.ts";

/** Annotation with the name of an entry. */
export const REF_NAME_ANNOTATION = "org.opencontainers.image.ref.name";
/** Annotation in which containerd writes the full name of an image. */
export const CONTAINERD_NAME_ANNOTATION = "io.containerd.image.name";

/** The one version of image layouts that there is. */
export const LAYOUT_VERSION = "1.0.0";

const VERSION_NAME = "imageLayoutVersion";
const MARKER_NAMES = knownNames(VERSION_NAME);

const REF_NAME =
  /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/;
const MAX_NAME_LENGTH = 1024;

/** An `index.json` that was read. */
export interface LayoutIndex {
  /** Its entries, checked, in the order of the file. */
  readonly document: IndexDocument;
  /** The file as a tree: what a change does not concern is written again as it was. */
  readonly tree: JsonNode;
}

/**
 * Whether a text can name an entry: a tag, or what the grammar of `org.opencontainers.image.ref.name` allows, such as
 * `docker.io/library/busybox:1.37`, with at most 1024 characters. A digest is no name.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#rules}
 */
export function isRefName(text: string): boolean {
  if (text.length > MAX_NAME_LENGTH || isDigest(text)) return false;
  return isTag(text) || REF_NAME.test(text);
}

/**
 * Fails for an `oci-layout` file of another version.
 *
 * @throws {OciError} `ERR_OCI_LAYOUT_INVALID`; `ERR_OCI_MANIFEST_AMBIGUOUS` for a member such as `ImageLayoutVersion`.
 * @throws {CoreError} `ERR_JSON_…` with the position.
 */
export function checkLayoutVersion(bytes: Uint8Array): void {
  const { value: version } = readJson(bytes, (value) => {
    const members = membersOf(value, ROOT);
    refuseOtherSpellings(members, MARKER_NAMES, ROOT);
    return textOf(required(members, VERSION_NAME, ROOT), ROOT, VERSION_NAME);
  });
  if (version !== LAYOUT_VERSION) {
    throw new OciError(
      "ERR_OCI_LAYOUT_INVALID",
      `image layout of version ${JSON.stringify(version.slice(0, 64))}, only ${LAYOUT_VERSION} is known`,
    );
  }
}

/** Reads an `index.json`; fails as `parseManifest` does. */
export function parseLayoutIndex(bytes: Uint8Array, maxBytes: number): LayoutIndex {
  const document = parseManifest(bytes, OCI_INDEX, { maxBytes });
  if (document.kind !== "index") throw new OciError("ERR_OCI_LAYOUT_INVALID", "index.json is no index");
  return { document, tree: parseJson(bytes, { maxBytes }) };
}

/**
 * The entry that a name stands for, as containers/image chooses: a text with this `ref.name`, the first one of a
 * type that can be read; else the one that containerd gave this full name. `@N` is the entry at position N from 0,
 * and the empty text the only entry.
 *
 * @throws {OciError} `ERR_OCI_LAYOUT_INVALID` for the empty text with several entries.
 * @throws {OciError} `ERR_OCI_MEDIA_TYPE_UNSUPPORTED` where no entry of the name is of a type that can be read.
 */
export function findEntry(entries: readonly Descriptor[], name: string): Descriptor | undefined {
  if (name === "") {
    if (entries.length > 1) {
      throw new OciError("ERR_OCI_LAYOUT_INVALID", "more than one image in oci, choose an image");
    }
    return entries[0];
  }
  const [, position] = /^@([0-9]{1,9})$/.exec(name) ?? [];
  if (position !== undefined) return entries[Number(position)];
  for (const key of [REF_NAME_ANNOTATION, CONTAINERD_NAME_ANNOTATION]) {
    const named = entries.filter(({ annotations }) => annotations?.[key] === name);
    const usable = named.find(({ mediaType }) => isReadable(mediaType));
    if (usable) return usable;
    const [other] = named;
    if (other) {
      throw new OciError(
        "ERR_OCI_MEDIA_TYPE_UNSUPPORTED",
        `${JSON.stringify(name.slice(0, 160))} names content of type ${other.mediaType}`,
      );
    }
  }
  return undefined;
}

/** The text of an index with one entry more: where its name was, else at the end. */
export function withNamedEntry(index: LayoutIndex, descriptor: Descriptor, name: string): string {
  const { manifests } = index.document.value;
  const replaced = manifests.map(
    ({ annotations, digest }) =>
      annotations?.[REF_NAME_ANNOTATION] === name ||
      (digest === descriptor.digest && annotations?.[REF_NAME_ANNOTATION] === undefined),
  );
  const entry = { ...descriptor, annotations: { ...descriptor.annotations, [REF_NAME_ANNOTATION]: name } };
  delete (entry.annotations as Record<string, string>)[CONTAINERD_NAME_ANNOTATION];
  return formatIndex(index, (texts) => {
    const at = replaced.indexOf(true);
    const kept = texts.map((text, position) =>
      position === at ? JSON.stringify(entry) : replaced[position] ? undefined : text,
    );
    return at < 0 ? [...kept, JSON.stringify(entry)] : kept;
  });
}

/** The text of an index with an entry that has no name; nothing if one of its digest is there, named or not. */
export function withUnnamedEntry(index: LayoutIndex, descriptor: Descriptor): string | undefined {
  if (index.document.value.manifests.some(({ digest }) => digest === descriptor.digest)) return undefined;
  const annotations = { ...descriptor.annotations };
  delete annotations[REF_NAME_ANNOTATION];
  delete annotations[CONTAINERD_NAME_ANNOTATION];
  const { annotations: _, ...rest } = descriptor;
  const entry = Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest;
  return formatIndex(index, (texts) => [...texts, JSON.stringify(entry)]);
}

/** The text of an index without some entries; nothing if none of them is there. */
export function withoutEntries(
  index: LayoutIndex,
  unwanted: (entry: Descriptor) => boolean,
): string | undefined {
  const { manifests } = index.document.value;
  if (!manifests.some(unwanted)) return undefined;
  return formatIndex(index, (texts) =>
    texts.map((text, position) => {
      const entry = manifests[position];
      return entry && unwanted(entry) ? undefined : text;
    }),
  );
}

/** The text of an index without entries. */
export function emptyIndexText(): string {
  return `{"schemaVersion":2,"mediaType":${JSON.stringify(OCI_INDEX)},"manifests":[]}`;
}

function isReadable(mediaType: string): boolean {
  const kind = manifestKind(mediaType);
  return kind === "manifest" || kind === "index";
}

/** The index as text, its entries changed: texts that are undefined are left out. */
function formatIndex(
  { tree }: LayoutIndex,
  change: (entries: string[]) => readonly (string | undefined)[],
): string {
  const members = tree.kind === "object" ? tree.members : [];
  const texts = members.map(({ key, value }) => {
    if (key !== "manifests") return `${JSON.stringify(key)}:${formatNode(value)}`;
    const entries = value.kind === "array" ? value.items.map(formatNode) : [];
    return `"manifests":[${change(entries)
      .filter((text) => text !== undefined)
      .join(",")}]`;
  });
  return `{${texts.join(",")}}`;
}

/** A value as JSON text: members keep their order, numbers their digits. */
function formatNode(node: JsonNode): string {
  switch (node.kind) {
    case "object":
      return `{${node.members.map(({ key, value }) => `${JSON.stringify(key)}:${formatNode(value)}`).join(",")}}`;
    case "array":
      return `[${node.items.map(formatNode).join(",")}]`;
    case "number":
      return node.text;
    case "null":
      return "null";
    default:
      return JSON.stringify(node.value);
  }
}

/**
 * Who refers to a manifest of a layout: its entries are looked through, as there is no list kept apart.
 *
 * @module
 */
import { isLadingError } from "../../core/errors.ts";
import { isTag } from "../../core/reference.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { Descriptor } from "../descriptor.ts";
import { referrersTag } from "../digest-tag.ts";
import { OciError } from "../errors.ts";
import { artifactTypeOf, type Manifest } from "../manifest.ts";
import { isManifestType } from "../manifest-kind.ts";
import type { ReferrersOptions } from "../store.ts";
import { REF_NAME_ANNOTATION } from "./layout-index.ts";

/** What {@link layoutReferrers} needs. */
export interface LayoutReferrersOptions extends ReferrersOptions {
  readManifest: (descriptor: Descriptor, options: SignalOptions) => Promise<Manifest>;
}

/**
 * The referrers of a subject among the entries of `index.json`, and of an index under the fallback tag if there is one.
 *
 * Each manifest is read: only its own `subject` counts. An entry whose content is missing is passed over; one
 * that is damaged fails.
 */
export async function* layoutReferrers(
  entries: readonly Descriptor[],
  subject: Descriptor,
  { readManifest, artifactType, signal }: LayoutReferrersOptions,
): AsyncGenerator<Descriptor, void> {
  const seen = new Set<string>();
  const candidates = [...entries];
  const tag = referrersTag(subject.digest);
  for (const entry of candidates) {
    if (seen.has(entry.digest) || !isManifestType(entry.mediaType)) continue;
    seen.add(entry.digest);
    let manifest: Manifest;
    try {
      manifest = await readManifest(entry, { signal });
    } catch (error) {
      if (isLadingError(error) && error instanceof OciError && error.code === "ERR_OCI_NOT_FOUND") continue;
      throw error;
    }
    if (manifest.kind === "index" && isTag(tag) && entry.annotations?.[REF_NAME_ANNOTATION] === tag) {
      candidates.push(...manifest.value.manifests);
    }
    if (manifest.value.subject?.digest !== subject.digest) continue;
    const type = artifactTypeOf(manifest);
    if (artifactType !== undefined && type !== artifactType) continue;
    const { mediaType, digest, size } = manifest.descriptor;
    const { annotations } = manifest.value;
    yield {
      mediaType,
      digest,
      size,
      ...(type === undefined ? {} : { artifactType: type }),
      ...(annotations === undefined ? {} : { annotations }),
    };
  }
}

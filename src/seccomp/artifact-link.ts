/**
 * Links an image to its profile: an annotation of the image's manifest names the artifact.
 *
 * @module
 */
import { collectBytes } from "../core/bytes.ts";
import { verifyBytes } from "../core/digest.ts";
import { jsonText } from "../core/json-write.ts";
import { OCI_MANIFEST } from "../core/media-types.ts";
import { formatReference } from "../core/reference.ts";
import { raceSignal, type SignalOptions } from "../core/signal.ts";
import { type JsonValue, parseJson, toPlain } from "../core/strict-json.ts";
import { profileArtifactReference } from "./artifact-check.ts";
import { readArtifactDocument } from "./artifact-manifest.ts";
import { type ArtifactStore, type DescribedBytes, describeBytes } from "./artifact-store.ts";
import { profileAnnotation } from "./crio-annotations.ts";
import { SeccompError } from "./errors.ts";

/** Options of {@link linkProfile}. */
export interface LinkProfileOptions extends SignalOptions {
  /** Which names are written. Default both: CRI-O before 1.35 knows v1 alone, and a node may allow only one. */
  names?: "v1" | "v2" | "both" | undefined;
  /** Only for the container of this name. Default: for every container of the image. */
  container?: string | undefined;
  /** What the new manifest is tagged with. Without it, only its digest names it. */
  tag?: string | undefined;
}

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/**
 * Stores a copy of an image's manifest that names a profile artifact, and gives that copy.
 *
 * Everything else of the manifest stays as it is, but its digest is another one: signatures of the old manifest do
 * not count for it. CRI-O looks at the annotation only where a node allows it, and only for a container
 * whose profile is absent or Unconfined: see `resolveSeccomp`. Whether the artifact exists is not checked.
 *
 * @param image Tag or digest of an image in the store. An index is refused: link each of its manifests.
 * @param reference The artifact, in full form with a digest, such as `quay.io/crio/seccomp@sha256:…`.
 * @throws {SeccompError} `ERR_SECCOMP_ARTIFACT` for a reference that is not in full form or has no digest, an image
 *   that is no OCI image manifest, and a manifest that can be read in two ways. Rejections of the store are passed on.
 */
export async function linkProfile(
  store: ArtifactStore,
  image: string,
  reference: string,
  options: LinkProfileOptions = {},
): Promise<DescribedBytes> {
  const { signal, names = "both", container, tag } = options;
  signal?.throwIfAborted();
  if (container === "") throw new TypeError("container must not be empty");
  const artifact = profileArtifactReference(reference);
  if (artifact.digest === undefined) throw refused(`${JSON.stringify(reference)} is not pinned by a digest`);

  const old = await raceSignal(store.resolve(image, { signal }), signal);
  if (old.mediaType !== OCI_MANIFEST) throw refused(`${JSON.stringify(image)} is not an OCI image manifest`);
  const bytes = await collectBytes(store.fetch(old, { signal }), { maxBytes: MAX_MANIFEST_BYTES, signal });
  verifyBytes(bytes, old);
  readArtifactDocument(bytes, old.mediaType);

  const document = toPlain(parseJson(bytes)) as { [name: string]: JsonValue };
  const annotations = { ...((document["annotations"] ?? {}) as { [name: string]: JsonValue }) };
  for (const name of names === "both" ? (["v2", "v1"] as const) : [names]) {
    annotations[profileAnnotation(name, container)] = formatReference(artifact);
  }
  const text = jsonText({ ...document, annotations });
  const { artifactType } = old;
  const linked = describeBytes(old.mediaType, Buffer.from(text), artifactType ? { artifactType } : {});
  await raceSignal(store.push(linked.descriptor, linked.bytes, { signal }), signal);
  if (tag !== undefined) await raceSignal(store.tag(linked.descriptor, tag, { signal }), signal);
  return linked;
}

function refused(message: string): SeccompError {
  return new SeccompError("ERR_SECCOMP_ARTIFACT", message);
}

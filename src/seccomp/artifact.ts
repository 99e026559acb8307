/**
 * Fetches a seccomp profile that is an OCI artifact, as CRI-O does when an annotation names one.
 *
 * Where content comes from is passed in: a registry client, a layout folder or a test double.
 *
 * @module
 */
import { type Digest, parseDigest, verifyBytes } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import { SECCOMP_PROFILE_CONFIG } from "../core/media-types.ts";
import { formatReference, type Reference, referenceName } from "../core/reference.ts";
import { raceSignal, type SignalOptions } from "../core/signal.ts";
import {
  type ArtifactCheckOptions,
  acceptsIndex,
  checkProfileManifest,
  isContainerImage,
  MAX_ARTIFACT_BYTES,
  type ProfileManifest,
  profileArtifactReference,
} from "./artifact-check.ts";
import { type ArtifactDocument, type FetchableLayer, readArtifactDocument } from "./artifact-manifest.ts";
import { SeccompError } from "./errors.ts";

/** A manifest or index with the bytes it was read from. */
export interface ArtifactContent {
  mediaType: string;
  digest: string;
  bytes: Uint8Array;
}

/** What is asked of a source. */
export interface ArtifactFetchOptions extends SignalOptions {
  /** Most bytes that may be read. */
  maxBytes: number;
}

/** Where artifacts come from. */
export interface ArtifactSource {
  /** The manifest or index that a full reference (`quay.io/crio/seccomp:v2`, or with `@digest`) stands for. */
  resolve(reference: string, options: ArtifactFetchOptions): Promise<ArtifactContent>;
  /** The content of a layer. `repository` is a full name such as `quay.io/crio/seccomp`. */
  fetchBlob(
    repository: string,
    descriptor: { mediaType: string; digest: Digest; size: number },
    options: ArtifactFetchOptions,
  ): Promise<Uint8Array>;
}

/** A manifest that was resolved, before any layer of it is fetched. */
export interface ResolvedArtifact {
  /** What is pulled, in full form with a tag or a digest. */
  reference: Reference;
  /** The manifest, checked against its digest; that of the node's platform where an index was resolved. */
  manifest: ArtifactContent & { digest: Digest };
}

/** Options of {@link fetchProfileArtifact}. */
export interface FetchProfileArtifactOptions extends ArtifactCheckOptions, SignalOptions {
  source: ArtifactSource;
  /**
   * Called with the resolved manifest before a layer is fetched; a rejection refuses the artifact and is passed
   * on unchanged. Signatures are checked here: CRI-O 1.33 and later applies the node's policy to artifacts.
   */
  check?: ((artifact: ResolvedArtifact, options: SignalOptions) => void | Promise<void>) | undefined;
  /** The digest of the node's platform in an index. Without it an index is refused. */
  selectManifest?: ((index: ArtifactContent) => string | Promise<string>) | undefined;
  /**
   * Refuse more than CRI-O does: a reference without digest, another config media type, more than one layer, an
   * ordinary image. Default false: these come back as `warnings`.
   */
  strict?: boolean | undefined;
}

/** What CRI-O overlooks, in this or some versions. */
export type ArtifactWarning = "not-pinned" | "config-media-type" | "several-layers" | "container-image";

/** A profile artifact, fetched and checked. */
export interface ProfileArtifact extends ResolvedArtifact {
  /** The layer that is the profile. */
  layer: { mediaType: string; digest: Digest; size: number };
  /** The profile itself, checked against the layer's digest and size. It is not parsed. */
  profile: Uint8Array;
  warnings: ArtifactWarning[];
}

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/**
 * The profile that an annotation's reference stands for, under the rules of a version of CRI-O.
 *
 * The bytes are not parsed: hand them to `parseProfile`. Signatures are checked only by `check`.
 *
 * @param reference The annotation's value.
 * @throws {SeccompError} `ERR_SECCOMP_ARTIFACT` for whatever this version refuses, with its text; for content
 *   that is not what its digest says; for a document that can be read in two ways.
 * @throws {SeccompError} `ERR_SECCOMP_UNSUPPORTED` for an index without `selectManifest`.
 */
export async function fetchProfileArtifact(
  reference: string,
  options: FetchProfileArtifactOptions,
): Promise<ProfileArtifact> {
  const { check, signal } = options;
  signal?.throwIfAborted();
  const parsed = profileArtifactReference(reference, options);
  const { manifest, content } = await resolveManifest(parsed, options);

  const verdict = checkProfileManifest(manifest, options);
  if (verdict.kind === "rejected") throw refused(verdict.message);
  const layer = manifest.layers[verdict.layer];
  if (!layer) throw refused("artifact data is empty");
  const warnings = warningsFor(parsed, manifest);
  const [first] = warnings;
  if (options.strict && first) throw refused(`${formatReference(parsed)} is refused: ${first}`);

  const resolved: ResolvedArtifact = { reference: parsed, manifest: content };
  if (check) await raceSignal(Promise.resolve(check(resolved, { signal })), signal);
  const profile = await fetchLayer(parsed, layer, options);
  const { mediaType, digest, size } = layer;
  return { ...resolved, layer: { mediaType, digest, size }, profile, warnings };
}

async function resolveManifest(
  reference: Reference,
  options: FetchProfileArtifactOptions,
): Promise<{
  manifest: ProfileManifest & { layers: FetchableLayer[] };
  content: ResolvedArtifact["manifest"];
}> {
  const root = await fetchDocument(reference, options);
  if (root.document.kind === "manifest") return { manifest: root.document.manifest, content: root.content };
  const { kind } = root.document;
  if (!acceptsIndex(kind, options)) {
    throw refused(`${formatReference(reference)} is an index, which this version does not resolve`);
  }
  const { selectManifest, signal } = options;
  if (!selectManifest) {
    throw new SeccompError("ERR_SECCOMP_UNSUPPORTED", `${formatReference(reference)} is an index`);
  }
  const chosen = await raceSignal(Promise.resolve(selectManifest(root.content)), signal);
  const { tag: _, ...name } = reference;
  const inner = await fetchDocument({ ...name, digest: digestIn(chosen) }, options);
  if (inner.document.kind !== "manifest") throw refused("an index within an index");
  return { manifest: inner.document.manifest, content: inner.content };
}

async function fetchDocument(
  reference: Reference,
  { source, signal }: FetchProfileArtifactOptions,
): Promise<{ document: ArtifactDocument; content: ResolvedArtifact["manifest"] }> {
  const maxBytes = MAX_MANIFEST_BYTES;
  const found = await raceSignal(source.resolve(formatReference(reference), { signal, maxBytes }), signal);
  const digest = digestIn(found.digest);
  if (reference.digest !== undefined && digest !== reference.digest) {
    throw refused(`asked for ${reference.digest}, got ${digest}`);
  }
  if (found.bytes.byteLength > maxBytes) throw refused(`manifest of more than ${maxBytes} bytes`);
  verify(found.bytes, { digest });
  const { bytes, mediaType } = found;
  return { document: readArtifactDocument(bytes, mediaType), content: { bytes, mediaType, digest } };
}

async function fetchLayer(
  reference: Reference,
  { mediaType, digest, size }: FetchableLayer,
  { source, signal }: FetchProfileArtifactOptions,
): Promise<Uint8Array> {
  // Checked above for every version; here so that no later change can let a larger read through.
  const maxBytes = Math.min(size, MAX_ARTIFACT_BYTES);
  const bytes = await raceSignal(
    source.fetchBlob(referenceName(reference), { mediaType, digest, size }, { signal, maxBytes }),
    signal,
  );
  verify(bytes, { digest, size });
  return bytes;
}

function warningsFor(reference: Reference, manifest: ProfileManifest): ArtifactWarning[] {
  const warnings: ArtifactWarning[] = [];
  if (reference.digest === undefined) warnings.push("not-pinned");
  if (manifest.configMediaType !== SECCOMP_PROFILE_CONFIG) warnings.push("config-media-type");
  if (manifest.layers.length > 1) warnings.push("several-layers");
  if (isContainerImage(manifest)) warnings.push("container-image");
  return warnings;
}

function verify(bytes: Uint8Array, expected: { digest: Digest; size?: number }): void {
  try {
    verifyBytes(bytes, expected);
  } catch (error) {
    throw error instanceof CoreError ? refused(error.message, error) : error;
  }
}

function digestIn(text: string): Digest {
  try {
    return parseDigest(text);
  } catch (error) {
    throw error instanceof CoreError ? refused(error.message, error) : error;
  }
}

function refused(message: string, cause?: unknown): SeccompError {
  return new SeccompError("ERR_SECCOMP_ARTIFACT", message, cause === undefined ? {} : { cause });
}

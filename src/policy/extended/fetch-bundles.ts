/**
 * Finding the bundles of an image: by OCI 1.1 referrers, and by the tag that stands in for them.
 *
 * @see {@link https://github.com/sigstore/cosign/blob/v3.0.0/specs/BUNDLE_SPEC.md}
 * @module
 */
import { assertLimit } from "../../core/bytes.ts";
import type { Digest } from "../../core/digest.ts";
import { OCI_MANIFEST } from "../../core/media-types.ts";
import { messageOf } from "../../core/message-of.ts";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import { conventionOfType } from "../../oci/artifacts/conventions.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { referrersTag } from "../../oci/digest-tag.ts";
import { OciError } from "../../oci/errors.ts";
import { fetchBlob, fetchManifest } from "../../oci/fetch.ts";
import type { ReadStore, ReferrerLister } from "../../oci/store.ts";
import { invalidSignature, PolicyError, unreadable } from "../errors.ts";
import { MAX_BUNDLE_BYTES, parseBundle, type SigstoreBundle } from "./bundle.ts";

/** Where bundles are looked for, and how many. More fails: what was not looked at must not read as "not there". */
export interface BundleSearch {
  /**
   * When the index under the tag `sha256-…` is read, beside a store that lists referrers itself: never of its own accord
   * (the default; registries without the API read it in its place anyway), or always, for one that got the API later than
   * its images.
   */
  readonly fallbackTag?: "if-absent" | "always" | undefined;
  /** Most referrers of any kind. Default 1000. */
  readonly maxReferrers?: number | undefined;
  /** Most bundles. Default 64. */
  readonly maxBundles?: number | undefined;
  /** Most bytes of bundles together. Default 32 MiB (33554432). */
  readonly maxTotalBytes?: number | undefined;
}

/** A bundle that refers to a manifest, or why what refers to it is none. */
export interface FoundBundle {
  readonly manifest: Digest;
  readonly content: SigstoreBundle | PolicyError;
}

/** What {@link fetchBundles} gives. */
export interface FoundBundles {
  /** How many referrers of any kind there are. */
  readonly referrers: number;
  readonly bundles: readonly FoundBundle[];
}

/**
 * The bundles that refer to a manifest or index.
 *
 * Nothing about them is verified. A referrer that says it is a bundle and is none is listed with the reason; a failure
 * to look fails the whole.
 *
 * @param store Lists referrers itself if it can, as registries and layouts do; else the index under the tag
 * `sha256-…` is read.
 * @throws {PolicyError} `ERR_POLICY_SIGNATURES` if anything cannot be had, or there is more than the limits allow.
 */
export async function fetchBundles(
  store: ReadStore & Partial<ReferrerLister>,
  subject: Digest,
  options: SignalOptions & BundleSearch = {},
): Promise<FoundBundles> {
  const { signal, fallbackTag = "if-absent" } = options;
  const { maxReferrers = 1000, maxBundles = 64, maxTotalBytes = 32 * 1024 * 1024 } = options;
  if (fallbackTag !== "if-absent" && fallbackTag !== "always") {
    throw new TypeError("fallbackTag is if-absent or always");
  }
  for (const limit of [maxReferrers, maxBundles, maxTotalBytes]) assertLimit(limit);
  try {
    signal?.throwIfAborted();
    const listed = await listCandidates(store, subject, { maxReferrers, fallbackTag, signal });
    const { candidates } = listed;
    if (candidates.length > maxBundles) {
      throw unreadable(`${candidates.length} bundles, more than ${maxBundles}`);
    }
    const bundles: FoundBundle[] = [];
    let left = maxTotalBytes;
    for (const candidate of candidates) {
      const { found, bytes } = await raceSignal(fetchBundle(store, subject, candidate, left, signal), signal);
      left -= bytes;
      if (found) bundles.push(found);
    }
    return { referrers: listed.count, bundles };
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof PolicyError) throw cause;
    const message = `reading bundles of ${subject}: ${messageOf(cause)}`;
    throw new PolicyError("ERR_POLICY_SIGNATURES", message, { cause });
  }
}

interface Listing extends SignalOptions {
  maxReferrers: number;
  fallbackTag: "if-absent" | "always";
}

type BundleStore = ReadStore & Partial<ReferrerLister>;

async function listCandidates(
  store: BundleStore,
  subject: Digest,
  listing: Listing,
): Promise<{ count: number; candidates: Descriptor[] }> {
  const { maxReferrers, signal } = listing;
  const seen = new Set<Digest>();
  const candidates = new Map<Digest, Descriptor>();
  let count = 0;
  for await (const descriptor of listReferrers(store, subject, listing)) {
    signal?.throwIfAborted();
    count++;
    seen.add(descriptor.digest);
    if (count > 2 * maxReferrers || seen.size > maxReferrers)
      throw unreadable(`more than ${maxReferrers} referrers`);
    const { artifactType } = descriptor;
    // A list that tells no type leaves it to the manifest.
    const isCandidate = artifactType === undefined || conventionOfType(artifactType) === "sigstore-bundle";
    if (isCandidate) candidates.set(descriptor.digest, descriptor);
  }
  return { count: seen.size, candidates: [...candidates.values()] };
}

async function* listReferrers(
  store: BundleStore,
  subject: Digest,
  { fallbackTag, signal }: Listing,
): AsyncGenerator<Descriptor, void> {
  if (store.referrers) {
    // Of a subject only the digest counts.
    yield* store.referrers({ mediaType: OCI_MANIFEST, digest: subject, size: 0 }, { signal });
    if (fallbackTag !== "always") return;
  }
  let index: Descriptor;
  try {
    index = await store.resolve(referrersTag(subject), { signal });
  } catch (error) {
    if (error instanceof OciError && error.code === "ERR_OCI_NOT_FOUND") return;
    throw error;
  }
  const manifest = await fetchManifest(store, index, { signal });
  if (manifest.kind !== "index") throw unreadable("the list of referrers is no index");
  yield* manifest.value.manifests;
}

async function fetchBundle(
  store: ReadStore,
  subject: Digest,
  descriptor: Descriptor,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<{ found?: FoundBundle; bytes: number }> {
  const refused = (reason: string) => ({
    found: { manifest: descriptor.digest, content: invalidSignature(reason) },
    bytes: 0,
  });
  const manifest = await fetchManifest(store, descriptor, { signal });
  const type = manifest.descriptor.artifactType;
  if (type === undefined || conventionOfType(type) !== "sigstore-bundle") {
    // Listed without a type, and something else; or listed as what it is not.
    return descriptor.artifactType === undefined ? { bytes: 0 } : refused("the referrer is no bundle");
  }
  if (manifest.kind !== "manifest") return refused("the referrer is an index");
  if (manifest.value.subject?.digest !== subject) return refused("the referrer refers to something else");
  const [layer, ...others] = manifest.value.layers;
  if (!layer || others.length > 0) return refused("the referrer does not have exactly one layer");
  if (conventionOfType(layer.mediaType) !== "sigstore-bundle") {
    return refused("the layer of the referrer is no bundle");
  }
  if (layer.size > MAX_BUNDLE_BYTES) return refused(`a bundle of ${layer.size} bytes`);
  if (layer.size > maxBytes) throw unreadable("bundles of too many bytes together");
  const bytes = await fetchBlob(store, layer, { maxBytes: MAX_BUNDLE_BYTES, signal });
  try {
    return {
      found: { manifest: descriptor.digest, content: parseBundle(bytes) },
      bytes: bytes.byteLength,
    };
  } catch (cause) {
    if (!(cause instanceof PolicyError)) throw cause;
    return { found: { manifest: descriptor.digest, content: cause }, bytes: bytes.byteLength };
  }
}

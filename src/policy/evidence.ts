/**
 * Collecting what is known about an image: its manifest and its signatures.
 *
 * The reference is resolved once. What it named at that moment is what the verdict is about.
 *
 * @module
 */
import type { Digest } from "../core/digest.ts";
import { isLadingError } from "../core/errors.ts";
import { messageOf } from "../core/message-of.ts";
import type { Platform } from "../core/platform.ts";
import type { Reference } from "../core/reference.ts";
import { raceSignal, type SignalOptions } from "../core/signal.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { fetchManifest } from "../oci/fetch.ts";
import type { IndexDocument, ManifestDocument } from "../oci/manifest.ts";
import { selectManifest } from "../oci/select.ts";
import type { ReadStore } from "../oci/store.ts";
import { PolicyError } from "./errors.ts";
import type { CollectedSignature } from "./evaluate.ts";
import { manifestDigest } from "./manifest-digest.ts";
import { resolveWithContent } from "./one-step.ts";
import {
  listingOf,
  type SignatureSource,
  type SignedImage,
  signaturesError,
} from "./sources/signature-source.ts";
import type { SourceReport } from "./verdict.ts";

/** Which image of an index is meant. */
export interface InstanceChoice {
  /** The platform to choose the image for, as containers/image chooses it. */
  platform?: Platform | undefined;
  /** The digest of the image; it must be the named image itself or an entry of the named index. */
  instanceDigest?: string | undefined;
}

/** The manifest of a single image. */
export interface ResolvedImage {
  readonly manifest: Uint8Array;
  /** SHA-256 digest of the manifest. */
  readonly digest: Digest;
  /** Digest of the index that it was found in. */
  readonly indexDigest?: Digest | undefined;
}

/**
 * What a reference names at present. The descriptor is the store's word: nothing of it is verified.
 *
 * @throws {PolicyError} `ERR_POLICY_MANIFEST` if the store does not say.
 */
export async function resolveReference(
  store: ReadStore,
  reference: Reference,
  { signal }: SignalOptions,
): Promise<Descriptor> {
  const target = reference.digest ?? reference.tag ?? "latest";
  return orManifestError(signal, () => resolveWithContent(store, target, { signal }));
}

/**
 * The manifest of the single image that a reference names, verified.
 *
 * @param descriptor What the reference was found to name.
 * @throws {PolicyError} `ERR_POLICY_MANIFEST` if it cannot be had, is not what its digest says, can be read in
 * two ways, or is a Docker schema 1 manifest.
 * @throws {PolicyError} `ERR_POLICY_INSTANCE` for an index without a choice that fits.
 */
export async function resolveImage(
  store: ReadStore,
  reference: Reference,
  descriptor: Descriptor,
  choice: InstanceChoice,
  { signal }: SignalOptions,
): Promise<ResolvedImage> {
  const top = await orManifestError(signal, () => fetchManifest(store, descriptor, { signal }));
  const topDigest = manifestDigest(top.bytes);
  if (reference.digest !== undefined && reference.digest !== topDigest) {
    throw new PolicyError(
      "ERR_POLICY_MANIFEST",
      `Manifest does not match provided manifest digest ${reference.digest}`,
    );
  }
  if (top.kind === "manifest") {
    if (choice.instanceDigest !== undefined && choice.instanceDigest !== topDigest) {
      throw noInstance(`${topDigest} is a single image, not ${choice.instanceDigest}`);
    }
    return { manifest: top.bytes, digest: topDigest };
  }
  const entry = chooseInstance(top, choice);
  const instance = await orManifestError(signal, () => fetchManifest(store, entry, { signal }));
  return { ...assertInstance(instance, entry), indexDigest: topDigest };
}

function assertInstance(
  instance: ManifestDocument | IndexDocument,
  { digest: wanted }: Descriptor,
): Pick<ResolvedImage, "manifest" | "digest"> {
  if (instance.kind !== "manifest") throw noInstance(`${wanted} is an index within an index`);
  const digest = manifestDigest(instance.bytes);
  if (digest !== wanted) {
    throw new PolicyError(
      "ERR_POLICY_MANIFEST",
      `Manifest does not match provided manifest digest ${wanted}`,
    );
  }
  return { manifest: instance.bytes, digest };
}

function chooseInstance({ value }: IndexDocument, { platform, instanceDigest }: InstanceChoice): Descriptor {
  const { manifests } = value;
  if (instanceDigest !== undefined) {
    const entry = manifests.find(({ digest }) => digest === instanceDigest);
    if (entry) return entry;
    throw noInstance(`the index has no entry ${instanceDigest}`);
  }
  if (!platform) throw noInstance("the reference names an index: a platform or an instance must be chosen");
  try {
    return selectManifest(value, platform, { rule: "containers-image" });
  } catch (cause) {
    if (!isLadingError(cause)) throw cause;
    throw noInstance(cause.message, cause);
  }
}

/** Signatures of an image from every source, in order. */
export async function collectSignatures(
  sources: readonly SignatureSource[],
  image: SignedImage,
  { signal }: SignalOptions,
): Promise<{ signatures: CollectedSignature[]; reports: SourceReport[] }> {
  const signatures: CollectedSignature[] = [];
  const reports: SourceReport[] = [];
  for (const source of sources) {
    const { name } = source;
    try {
      signal?.throwIfAborted();
      const listed = await raceSignal(source.list(image, { signal }), signal);
      const { signatures: found, lookedAt } = listingOf(name, listed);
      signatures.push(...found);
      reports.push({ name, found: found.length, lookedAt });
    } catch (cause) {
      signal?.throwIfAborted();
      throw signaturesError(name, cause);
    }
  }
  return { signatures, reports };
}

async function orManifestError<T>(signal: AbortSignal | undefined, fetch: () => Promise<T>): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await raceSignal(fetch(), signal);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new PolicyError("ERR_POLICY_MANIFEST", `reading manifest: ${messageOf(cause)}`, { cause });
  }
}

function noInstance(message: string, cause?: unknown): PolicyError {
  return new PolicyError("ERR_POLICY_INSTANCE", message, cause === undefined ? {} : { cause });
}

/**
 * Which image containerd takes for a reference: by its own order of platforms, and without a look at signatures.
 *
 * @module
 */
import type { Digest } from "../core/digest.ts";
import type { Platform } from "../core/platform.ts";
import type { Reference } from "../core/reference.ts";
import type { SignalOptions } from "../core/signal.ts";
import { OciError } from "../oci/errors.ts";
import { fetchManifest } from "../oci/fetch.ts";
import type { MirroredRepository } from "../oci/mirrors/mirrored.ts";
import { selectManifest } from "../oci/select.ts";
import { resolveReference } from "../policy/evidence.ts";

/** What was found. */
export interface ContainerdImage {
  readonly digest: Digest;
  /** The index that it was chosen from. */
  readonly indexDigest?: Digest;
}

/**
 * The image that a reference names on a platform; nothing but manifests is fetched.
 *
 * Rejects as reading does, and with an `OciError` `ERR_OCI_PLATFORM_NOT_FOUND`.
 */
export async function containerdImage(
  repository: MirroredRepository,
  reference: Reference,
  platform: Platform,
  { signal }: SignalOptions,
): Promise<ContainerdImage> {
  const top = await resolveReference(repository, reference, { signal });
  let document = await fetchManifest(repository, top, { signal });
  if (document.kind === "manifest") return { digest: document.descriptor.digest };
  const indexDigest = document.descriptor.digest;
  // An index may hold others; containerd goes down as far as there is something to choose.
  for (let depth = 0; depth < 8 && document.kind === "index"; depth++) {
    const entry = selectManifest(document.value, platform, { rule: "containerd" });
    document = await fetchManifest(repository, entry, { signal });
  }
  if (document.kind === "index") {
    throw new OciError(
      "ERR_OCI_PLATFORM_NOT_FOUND",
      `${indexDigest} holds indexes and no image of the platform`,
    );
  }
  return { digest: document.descriptor.digest, indexDigest };
}

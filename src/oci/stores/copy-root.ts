/**
 * The start of a copy: its options, its root, and whether it may go on.
 *
 * @module
 */
import { assertLimit } from "../../core/bytes.ts";
import { OciError } from "../errors.ts";
import { fetchManifest } from "../fetch.ts";
import { MAX_MANIFEST_BYTES } from "../manifest.ts";
import { selectManifest } from "../select.ts";
import type { ReadGraphContext } from "./copy-graph.ts";
import type { CopyCandidate, CopyImageOptions, CopySource, CopyVerdict } from "./copy-options.ts";

/**
 * The options with their defaults.
 *
 * @throws {RangeError} for a limit that is none.
 * @throws {TypeError} for options that contradict each other.
 */
export function graphContext(source: CopySource, options: CopyImageOptions): ReadGraphContext {
  const { platform, platforms = "all", referrers = false, foreignLayers = false, concurrency = 6 } = options;
  const { maxManifestBytes = MAX_MANIFEST_BYTES, maxManifests = 1000, maxDepth = 16 } = options;
  const { maxTotalBytes = Number.MAX_SAFE_INTEGER, signal } = options;
  for (const [name, value] of Object.entries({ maxManifestBytes, maxManifests, maxDepth, maxTotalBytes })) {
    assertLimit(value, name);
  }
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`concurrency must be a whole number of at least 1, got ${concurrency}`);
  }
  if (platform && options.platforms !== undefined) {
    throw new TypeError("a copy is of one platform or of several: platform and platforms exclude each other");
  }
  const limits = { concurrency, maxManifestBytes, maxManifests, maxDepth, maxTotalBytes };
  return { source, platforms, referrers, foreignLayers, ...limits, signal };
}

/** Resolves the reference, and chooses the image for a platform. */
export async function readRoot(
  reference: string,
  { platform }: CopyImageOptions,
  { source, maxManifestBytes, maxDepth, signal }: ReadGraphContext,
): Promise<CopyCandidate> {
  const resolved = await source.resolve(reference, { signal });
  let root = resolved;
  for (let depth = 0; ; depth++) {
    const manifest = await fetchManifest(source, root, { maxBytes: maxManifestBytes, signal });
    if (!platform || manifest.kind === "manifest") return { reference, resolved, root, manifest };
    if (depth >= maxDepth) {
      throw new OciError("ERR_OCI_PLATFORM_NOT_FOUND", `indexes nested over ${maxDepth} levels`);
    }
    root = selectManifest(manifest.value, platform);
  }
}

/** Fails unless a check said in so many words that the copy may go on. */
export function assertAllowed(verdict: CopyVerdict, { reference, root }: CopyCandidate): void {
  // A program without types may hand over a check that gives nothing.
  const given: CopyVerdict | undefined | null = verdict;
  if (given?.kind === "allowed") return;
  throw new OciError(
    "ERR_OCI_COPY_REFUSED",
    `${reference} (${root.digest}): ${given?.message ?? "the check did not allow the image"}`,
  );
}

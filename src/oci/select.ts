/**
 * Which entry of an index a host takes.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md}
 * @module
 */
import { wantedPlatforms } from "../core/peer-platform.ts";
import type { Platform } from "../core/platform.ts";
import { onlyPlatform, type PlatformMatcher, windowsPlatform } from "../core/platform-match.ts";
import { isAttestationEntry } from "./artifacts/conventions.ts";
import type { Descriptor } from "./descriptor.ts";
import { OciError } from "./errors.ts";
import type { ImageIndex } from "./manifest.ts";

/** Options of {@link selectManifest}. */
export interface SelectManifestOptions {
  /**
   * Whose rule is followed. `"containerd"` (the default) normalises names and takes what the host can run, the
   * best fit first. `"containers-image"` compares names as written, and among equals prefers zstd.
   */
  rule?: "containerd" | "containers-image" | undefined;
  /** With `"containers-image"`: prefer layers compressed by gzip to zstd ones. Default no. */
  preferGzip?: boolean | undefined;
}

const ZSTD = "io.github.containers.compression.zstd";

/**
 * The entry of an index for a platform; among equally good ones the first.
 *
 * An entry without platform is the last resort: whether it fits only its config can tell. Entries of attestations
 * are never taken. No entry of a platform that the host cannot run comes back.
 *
 * @param platform The host, or a matcher of platforms for the rule of containerd.
 * @throws {OciError} `ERR_OCI_PLATFORM_NOT_FOUND`.
 * @throws {TypeError} for a matcher with the rule of containers/image.
 */
export function selectManifest(
  index: Pick<ImageIndex, "manifests">,
  platform: Platform | PlatformMatcher,
  { rule = "containerd", preferGzip = false }: SelectManifestOptions = {},
): Descriptor {
  const entries = index.manifests.filter((entry) => !isAttestationEntry(entry));
  if (rule === "containerd") return first(byMatcher(entries, toMatcher(platform)), platform);
  if (isMatcher(platform))
    throw new TypeError("the rule of containers/image needs a platform, not a matcher");
  return first(byWanted(entries, platform, preferGzip), platform);
}

function byMatcher(entries: readonly Descriptor[], matcher: PlatformMatcher): Descriptor[] {
  const fitting = entries.filter(({ platform }) => platform && matcher.match(platform));
  fitting.sort((a, b) => (a.platform && b.platform ? matcher.compare(a.platform, b.platform) : 0));
  return [...fitting, ...entries.filter(({ platform }) => !platform)];
}

function byWanted(entries: readonly Descriptor[], wanted: Platform, preferGzip: boolean): Descriptor[] {
  const platforms = wantedPlatforms(wanted);
  const ranked = entries.map((entry) => ({ entry, rank: rankOf(entry, platforms), zstd: isZstd(entry) }));
  return ranked
    .filter(({ rank }) => rank >= 0)
    .sort((a, b) => a.rank - b.rank || (preferGzip ? 1 : -1) * (Number(a.zstd) - Number(b.zstd)))
    .map(({ entry }) => entry);
}

/** Position among the platforms wanted, behind all of them without a platform, below 0 for no fit. */
function rankOf({ platform }: Descriptor, wanted: readonly Platform[]): number {
  if (!platform) return wanted.length;
  const { os, architecture, variant = "" } = platform;
  return wanted.findIndex(
    (each) => each.os === os && each.architecture === architecture && (each.variant ?? "") === variant,
  );
}

function isZstd({ annotations }: Descriptor): boolean {
  return annotations?.[ZSTD] === "true";
}

function toMatcher(platform: Platform | PlatformMatcher): PlatformMatcher {
  if (isMatcher(platform)) return platform;
  return platform.os === "windows" ? windowsPlatform(platform) : onlyPlatform(platform);
}

function isMatcher(platform: Platform | PlatformMatcher): platform is PlatformMatcher {
  return "match" in platform;
}

function first([entry]: readonly Descriptor[], platform: Platform | PlatformMatcher): Descriptor {
  if (entry) return entry;
  const name = isMatcher(platform)
    ? "the platform"
    : `architecture ${platform.architecture}, OS ${platform.os}`;
  throw new OciError("ERR_OCI_PLATFORM_NOT_FOUND", `no image found in image index for ${name}`);
}

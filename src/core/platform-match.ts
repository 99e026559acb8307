/**
 * Which platforms fit a host, and which fits best.
 *
 * A matcher decides and orders alike: first what fits, by preference; among what fits equally well, more
 * features of the operating system first; then what would fit but for its features; then the rest. Both sides
 * are normalised, and what a candidate names as `os.features` must all be among the host's.
 *
 * @see {@link https://github.com/containerd/platforms/blob/v1.0.0-rc.1/compare.go}
 * @module
 */
import { normalizePlatform, type Platform } from "./platform.ts";
import { runsWindowsVersion } from "./windows-version.ts";

/** Decides over platforms. */
export interface PlatformMatcher {
  /** Whether a candidate fits. */
  match(candidate: Platform): boolean;
  /** Below 0 if `a` is to be preferred, above 0 if `b` is, 0 if neither: for a stable sort. */
  compare(a: Platform, b: Platform): number;
}

/**
 * Fits what a host can run: its own platform, then older variants of its CPU, then the 32-bit kind of the CPU.
 *
 * amd64 v3 runs v3, v2, v1 and 386; arm v7 runs v7, v6 and v5; arm64 v8.2 runs v8.2, v8.1 and v8, v9.1 runs v9.1,
 * v9 and v8.6 to v8, and both run arm v8 to v5.
 */
export function onlyPlatform(host: Platform): PlatformMatcher {
  return orderedPlatforms(runnablePlatforms(normalizePlatform(host)));
}

/** Fits just the platform given. */
export function onlyPlatformStrict(platform: Platform): PlatformMatcher {
  return orderedPlatforms([platform]);
}

/** Fits every CPU for the host's operating system, version and features; the host's own platform first. */
export function onlyPlatformOs(host: Platform): PlatformMatcher {
  return matcherOf([exactly(host), osOf(host)]);
}

/** Fits any of the platforms, earlier ones preferred. */
export function orderedPlatforms(platforms: readonly Platform[]): PlatformMatcher {
  return matcherOf(platforms.map(exactly));
}

/** Fits any of the platforms, none preferred. */
export function anyPlatform(platforms: readonly Platform[]): PlatformMatcher {
  const fits = platforms.map(exactly);
  return matcherOf([(candidate) => fits.some((fit) => fit(candidate))]);
}

/**
 * Fits just the platform given, and among what fits prefers the greater `os.version`, compared as text.
 *
 * This is how containerd orders on a Windows host.
 */
export function windowsPlatform(host: Platform): PlatformMatcher {
  const match = exactly(host);
  return {
    match,
    compare(a, b) {
      const [fitsA, fitsB] = [match(a), match(b)];
      if (!fitsA || !fitsB) return Number(fitsB) - Number(fitsA);
      const [versionA, versionB] = [a["os.version"] ?? "", b["os.version"] ?? ""];
      return versionA === versionB ? 0 : versionA > versionB ? -1 : 1;
    },
  };
}

/** The candidates, best first; those that do not fit stay, last. Equal ones keep their order. */
export function sortPlatforms<T extends Platform>(matcher: PlatformMatcher, candidates: readonly T[]): T[] {
  return [...candidates].sort(matcher.compare);
}

type Fit = (candidate: Platform) => boolean;

function matcherOf(fits: readonly Fit[]): PlatformMatcher {
  const position = (candidate: Platform): number => {
    const index = fits.findIndex((fit) => fit(candidate));
    return index < 0 ? fits.length : index;
  };
  return {
    match: (candidate) => fits.some((fit) => fit(candidate)),
    compare(a, b) {
      const [atA, atB] = [position(a), position(b)];
      if (atA !== atB) return atA - atB;
      if (atA < fits.length) return featuresOf(b).length - featuresOf(a).length;
      return position(withoutFeatures(a)) - position(withoutFeatures(b));
    },
  };
}

function exactly(platform: Platform): Fit {
  const wanted = normalizePlatform(platform);
  const fitsOs = osOf(platform);
  return (candidate) => {
    const { architecture, variant } = normalizePlatform(candidate);
    return architecture === wanted.architecture && variant === wanted.variant && fitsOs(candidate);
  };
}

function osOf(platform: Platform): Fit {
  const { os, "os.version": version = "", "os.features": features = [] } = normalizePlatform(platform);
  const available = new Set(features);
  return (candidate) => {
    const normal = normalizePlatform(candidate);
    if (normal.os !== os) return false;
    if (os === "windows" && !runsWindowsVersion(version, normal["os.version"] ?? "")) return false;
    // Older Windows images name win32k, which every host has.
    return featuresOf(normal).every(
      (feature) => available.has(feature) || (os === "windows" && feature === "win32k"),
    );
  };
}

function featuresOf({ "os.features": features = [] }: Platform): readonly string[] {
  return features;
}

function withoutFeatures({ "os.features": _, ...platform }: Platform): Platform {
  return platform;
}

/** Preferred first. The platform is normalised. */
function runnablePlatforms(platform: Platform): Platform[] {
  const { architecture, variant = "" } = platform;
  if (architecture === "amd64") {
    const older = countDown(numberOf(variant) - 1, 1).map((version) => ({
      ...platform,
      variant: `v${version}`,
    }));
    return [platform, ...older, asI386(platform)];
  }
  if (architecture === "arm") {
    const older = countDown(numberOf(variant) - 1, 5).map((version) => ({
      ...platform,
      variant: `v${version}`,
    }));
    return [platform, ...older];
  }
  if (architecture === "arm64") {
    const older = olderArm64(variant).map((version) => ({ ...platform, variant: version }));
    return [platform, ...older, ...runnablePlatforms({ ...platform, architecture: "arm", variant: "v8" })];
  }
  return [platform];
}

function asI386({ variant: _, ...platform }: Platform): Platform {
  return { ...platform, architecture: "386" };
}

/** v9.x has what v8.(x+5) has, as far as v8 goes. A version that is not known has nothing older. */
function olderArm64(variant: string): string[] {
  const match = /^v([89])(?:\.([0-9]))?$/.exec(variant === "" ? "v8" : variant);
  if (!match) return [];
  const minor = Number(match[2] ?? 0);
  if (match[1] === "8") return minors(8, minor - 1);
  return [...minors(9, minor - 1), ...minors(8, Math.min(minor + 5, 9))];
}

function minors(major: number, highest: number): string[] {
  return countDown(highest, 0).map((minor) => (minor === 0 ? `v${major}` : `v${major}.${minor}`));
}

/** The number of `vN`; 0 for what no CPU has, so that a text cannot ask for endless lists. */
function numberOf(variant: string): number {
  return Number(/^v?([0-9]{1,2})$/.exec(variant)?.[1] ?? 0);
}

function countDown(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, from - to + 1) }, (_, index) => from - index);
}

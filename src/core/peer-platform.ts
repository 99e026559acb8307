/**
 * Platform rules of other tools, where they differ from those of containerd.
 *
 * @module
 */
import { CoreError } from "./errors.ts";
import type { Platform } from "./platform.ts";

const MAX_TEXT_LENGTH = 4096;

/**
 * Whether a candidate has every field that is asked for, as written: the rule of crane and oras.
 *
 * Nothing is normalised. A field that is absent or empty is not asked for; each feature asked for must be among
 * the candidate's.
 */
export function satisfiesPlatform(candidate: Platform, asked: Partial<Platform>): boolean {
  return (
    satisfies(candidate.os, asked.os) &&
    satisfies(candidate.architecture, asked.architecture) &&
    satisfies(candidate.variant, asked.variant) &&
    satisfies(candidate["os.version"], asked["os.version"]) &&
    includesAll(candidate["os.features"], asked["os.features"]) &&
    includesAll(candidate.features, asked.features)
  );
}

/**
 * The platforms that containers/image looks for, best first: to be compared as written with os, architecture
 * and variant of each entry.
 *
 * With a variant: that and older ones, then none; without one: none, then every known variant, newest first.
 *
 * @see {@link https://github.com/containers/image/blob/v5.36.0/internal/pkg/platform/platform_matcher.go}
 */
export function wantedPlatforms({ os, architecture, variant = "" }: Platform): Platform[] {
  const known = VARIANTS.get(architecture) ?? [];
  const from = known.indexOf(variant);
  const compatible = from < 0 ? [variant] : known.slice(from);
  const variants = variant === "" ? ["", ...known] : [...compatible, ""];
  return variants.map((each) => (each === "" ? { os, architecture } : { os, architecture, variant: each }));
}

/**
 * The text of a platform for crane: `os/architecture/variant:version`. Features are left out; empty without an
 * os.
 */
export function formatCranePlatform({
  os = "",
  architecture = "",
  variant = "",
  "os.version": version = "",
}: Partial<Platform>): string {
  if (os === "") return "";
  const names = [os, architecture, variant].filter((part) => part !== "").join("/");
  return version === "" ? names : `${names}:${version}`;
}

/**
 * The platform that a text for crane denotes; what it does not say is absent.
 *
 * @throws {CoreError} `ERR_PLATFORM_INVALID` for more than three parts or two versions, or an empty part.
 * @see {@link https://github.com/google/go-containerregistry/blob/v0.20.6/pkg/v1/platform.go}
 */
export function parseCranePlatform(text: string): Partial<Platform> {
  const match = text.length > MAX_TEXT_LENGTH ? null : CRANE.exec(text.trim());
  if (!match) {
    const slashes = text.length <= MAX_TEXT_LENGTH && text.split("/").length > 3;
    const message = slashes ? "too many slashes in platform spec" : "invalid platform spec";
    throw new CoreError("ERR_PLATFORM_INVALID", message, { input: text });
  }
  const [, os, architecture, variant, version] = match;
  const platform: Partial<Platform> = {};
  if (os !== undefined) platform.os = os;
  if (architecture !== undefined) platform.architecture = architecture;
  if (variant !== undefined) platform.variant = variant;
  if (version !== undefined) platform["os.version"] = version;
  return platform;
}

const CRANE = /^([^/:]+)(?:\/([^/:]+)(?:\/([^/:]+))?)?(?::([^/:]+))?$/;

const VARIANTS: ReadonlyMap<string, readonly string[]> = new Map([
  ["arm", ["v8", "v7", "v6", "v5"]],
  ["arm64", ["v8"]],
]);

function satisfies(given: string | undefined, asked: string | undefined): boolean {
  return !asked || given === asked;
}

function includesAll(given: readonly string[] = [], asked: readonly string[] = []): boolean {
  return asked.every((feature) => given.includes(feature));
}

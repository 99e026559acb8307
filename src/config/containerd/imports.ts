/**
 * Which files the `imports` of a configuration name.
 *
 * @module
 */
import { posix } from "node:path";
import { isLadingError } from "../../core/errors.ts";
import { matchPathPattern } from "../../core/path-pattern.ts";
import { ConfigError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import type { ContainerdRules } from "./release.ts";
import { type ConfigTable, textsAt } from "./tree.ts";

/** One entry of `imports`, as an absolute path. */
export interface ConfigImport {
  readonly kind: "path" | "pattern";
  readonly path: string;
  readonly origin: Origin | undefined;
}

/** Most files of one configuration. */
export const MAX_FILES = 1000;

/**
 * The imports of a file, in order. Only `*` makes an entry a pattern.
 *
 * @throws {ConfigError} `ERR_CONFIG_TYPE`, or `ERR_CONFIG_INVALID` for a malformed pattern.
 */
export function importsOf(
  tree: ConfigTable,
  parent: string,
  { relativePatterns }: ContainerdRules,
): ConfigImport[] {
  return (textsAt(tree, "imports") ?? []).map(({ value, origin }) => {
    const isPattern = value.includes("*");
    // Go's Clean makes "." of an empty path, and the daemon's own folder is / as a service.
    const base = isPattern && !relativePatterns ? "/" : posix.dirname(parent);
    const path = posix.isAbsolute(value) ? posix.normalize(value) : posix.join(base, value);
    if (isPattern) assertPattern(path, origin);
    return { kind: isPattern ? "pattern" : "path", path: withoutSlash(path), origin };
  });
}

function assertPattern(pattern: string, origin: Origin | undefined): void {
  try {
    matchPathPattern(pattern, "");
  } catch (cause) {
    if (!isLadingError(cause)) throw cause;
    throw new ConfigError("ERR_CONFIG_INVALID", "syntax error in pattern", {
      key: "imports",
      cause,
      ...(origin ? { origin } : {}),
    });
  }
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** The paths that a pattern covers, in the order in which they are read: by the bytes of each part. */
export function matchingPaths(pattern: string, paths: Iterable<string>): string[] {
  return [...paths].filter((path) => matchPathPattern(pattern, path)).sort(compareParts);
}

function compareParts(one: string, other: string): number {
  const [left, right] = [one.split("/"), other.split("/")];
  for (const [index, part] of left.entries()) {
    const order = Buffer.compare(Buffer.from(part), Buffer.from(right[index] ?? ""));
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

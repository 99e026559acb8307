/**
 * containerd's configuration from disk. This file reads the disk.
 *
 * @module
 */
import { posix } from "node:path";
import { matchPathPattern } from "../../core/path-pattern.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { ConfigFiles } from "../../oci/mirrors/config-files.ts";
import { nodeFiles } from "../node-files.ts";
import { parseTomlDocument } from "../origin.ts";
import { importsOf, MAX_FILES } from "./imports.ts";
import {
  type ContainerdConfig,
  DEFAULT_CONTAINERD_CONFIG,
  type ParseContainerdConfigOptions,
  parseContainerdConfig,
} from "./parse.ts";
import { type ContainerdRules, containerdRules, DEFAULT_RELEASE } from "./release.ts";
import { treeOf } from "./tree.ts";

/** Options of {@link loadContainerdConfig}. */
export interface LoadContainerdConfigOptions extends ParseContainerdConfigOptions, SignalOptions {
  /** The folder that stands for the node's `/`: `/` for this machine. Links are followed below it. */
  root: string;
  /** Reads the files. Default: from disk below `root`. */
  files?: ConfigFiles | undefined;
}

/**
 * What a containerd runs with, from its files below a root.
 *
 * @throws {ConfigError} As {@link parseContainerdConfig}, and `ERR_CONFIG_FILE` and `ERR_CONFIG_TOO_LARGE` for a file
 * that is there and cannot be read.
 * @throws {RangeError} For a release before 1.6, or what is no release.
 */
export async function loadContainerdConfig({
  root,
  files = nodeFiles({ root }),
  signal,
  ...options
}: LoadContainerdConfigOptions): Promise<ContainerdConfig> {
  const rules = containerdRules(options.release ?? DEFAULT_RELEASE);
  const texts = new Map<string, string>();
  const pending = [options.path ?? DEFAULT_CONTAINERD_CONFIG];
  const seen = new Set(pending);
  for (const path of pending) {
    signal?.throwIfAborted();
    // The parser tells of the file that is one too many.
    if (texts.size > MAX_FILES) break;
    const text = await files.read(path, { signal });
    // A missing file is an error only where its path is written out, which the parser knows.
    if (text === undefined) continue;
    texts.set(path, text);
    for (const each of await importedPaths(path, text, { rules, files, signal })) {
      if (!seen.has(each)) pending.push(each);
      seen.add(each);
    }
  }
  return parseContainerdConfig(texts, options);
}

async function importedPaths(
  path: string,
  text: string,
  { rules, files, signal }: { rules: ContainerdRules; files: ConfigFiles } & SignalOptions,
): Promise<string[]> {
  const imports = importsOf(treeOf(parseTomlDocument(path, text)), path, rules);
  const found: string[] = [];
  for (const entry of imports) {
    if (entry.kind === "path") found.push(entry.path);
    else found.push(...(await pathsOf(entry.path, files, signal)));
  }
  return found;
}

/** The paths that a pattern covers, looked for in no more folders than it names. */
async function pathsOf(
  pattern: string,
  files: ConfigFiles,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  let folders = ["/"];
  for (const part of pattern.split("/").slice(1)) {
    const next: string[] = [];
    for (const folder of folders) {
      if (!/[*?[\\]/.test(part)) {
        next.push(posix.join(folder, part));
        continue;
      }
      const names = (await files.list(folder, { signal })) ?? [];
      for (const name of names) if (matchPathPattern(part, name)) next.push(posix.join(folder, name));
    }
    folders = next.slice(0, MAX_FILES + 1);
  }
  return folders;
}

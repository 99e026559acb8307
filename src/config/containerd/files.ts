/**
 * The files of a configuration, from the one that the daemon is started with: read in order, and made one.
 *
 * @module
 */
import { ConfigError } from "../errors.ts";
import { type Origin, parseTomlDocument } from "../origin.ts";
import { checkTable, MAX_HINTS } from "./check.ts";
import { importsOf, MAX_FILES, matchingPaths } from "./imports.ts";
import { CRI_IMAGES, CRI_RUNTIME, pluginTables, TOP } from "./keys.ts";
import { mergeFiles } from "./merge.ts";
import { moveServers, renamePlugins, splitCri } from "./migrate.ts";
import type { ContainerdRules } from "./release.ts";
import { type ConfigTable, integerAt, tableAt, treeOf, withEntry } from "./tree.ts";
import { assertFullNames } from "./validate.ts";
import type { ContainerdConfigWarning } from "./warnings.ts";

/** A file as it is read. */
export interface ContainerdConfigFile {
  readonly path: string;
  /** Its `version`; 1 where it has none. */
  readonly version: number;
}

interface ReadFile extends ContainerdConfigFile {
  tree: ConfigTable;
}

interface ReadOptions {
  rules: ContainerdRules;
  warn: (warning: ContainerdConfigWarning) => void;
}

/**
 * The tree that a file and its imports make, in the layout of the newest version, with the files in order.
 *
 * @throws {ConfigError} As `parseContainerdConfig` tells for files and versions.
 */
export function mergedTree(
  texts: ReadonlyMap<string, string>,
  first: string,
  options: ReadOptions,
): { tree: ConfigTable; files: ContainerdConfigFile[] } {
  const { rules } = options;
  const files = readFiles(texts, first, options);
  assertVersions(files, rules);
  let tree = treeOfFile(files[0], options);
  for (const file of files.slice(1)) tree = mergeFiles(tree, treeOfFile(file, options), options);
  if (rules.migration !== "each-file") tree = newestOf(tree, files, options);
  return { tree, files: files.map(({ path, version }) => ({ path, version })) };
}

function readFiles(texts: ReadonlyMap<string, string>, first: string, options: ReadOptions): ReadFile[] {
  const files = new Map<string, ReadFile>();
  const hints = { left: MAX_HINTS };
  const pending: { path: string; origin: Origin | undefined }[] = [{ path: first, origin: undefined }];
  for (const { path, origin } of pending) {
    if (files.has(path)) continue;
    if (files.size === MAX_FILES) {
      throw new ConfigError("ERR_CONFIG_TOO_LARGE", `more than ${MAX_FILES} files`, {
        key: "imports",
        origin,
      });
    }
    const text = texts.get(path);
    if (text === undefined) throw noSuchFile(path, origin);
    const written = treeOf(parseTomlDocument(path, text));
    const tree = checkTable(written, TOP, {
      foldsCase: options.rules.foldsCase,
      path: [],
      elsewhere: pluginTables(options.rules).map(({ key, shape }) => [key, shape] as const),
      warn: options.warn,
      hints,
    });
    files.set(path, { path, version: versionOf(tree), tree });
    for (const entry of importsOf(tree, path, options.rules)) {
      if (entry.kind === "path") {
        pending.push(entry);
        continue;
      }
      const paths = matchingPaths(entry.path, texts.keys());
      if (paths.length === 0) {
        options.warn({
          code: "no-import",
          key: "imports",
          pattern: entry.path,
          ...(entry.origin ? { origin: entry.origin } : {}),
        });
      }
      for (const each of paths) pending.push({ path: each, origin: entry.origin });
    }
  }
  return [...files.values()];
}

function noSuchFile(path: string, origin: Origin | undefined): ConfigError {
  const options = origin ? { origin, key: "imports" } : { origin: { file: path, line: 1, column: 1 } };
  return new ConfigError("ERR_CONFIG_FILE", `open ${path}: no such file or directory`, options);
}

function versionOf(tree: ConfigTable): number {
  const version = integerAt(tree, "version");
  if (!version || version.value === 0) return 1;
  if (version.value > 0) return version.value;
  throw new ConfigError("ERR_CONFIG_VERSION", `${version.value} is no version of a configuration`, {
    key: "version",
    origin: version.origin,
  });
}

function assertVersions(files: readonly ReadFile[], { migration, highestVersion }: ContainerdRules): void {
  const first = files.find(({ tree }) => (integerAt(tree, "version")?.value ?? 0) !== 0);
  for (const { version, tree } of files) {
    const options = { key: "version", origin: integerAt(tree, "version")?.origin };
    if (migration === "each-file" && first && version > first.version) {
      const message = `drop-in config version ${version} higher than root config version ${first.version}`;
      throw new ConfigError("ERR_CONFIG_VERSION", message, options);
    }
    if (highestVersion !== undefined && version > highestVersion) {
      const message = `expected containerd config version equal to or less than \`${highestVersion}\`, got \`${version}\``;
      throw new ConfigError("ERR_CONFIG_VERSION", message, options);
    }
  }
}

/** One file, as it is merged with others. */
function treeOfFile(file: ReadFile | undefined, options: ReadOptions): ConfigTable {
  if (!file) throw new TypeError("a configuration has at least one file");
  const { version } = file;
  let { tree } = file;
  const { migration } = options.rules;
  if (migration === "none") return tree;
  if (version < 2) tree = renamePlugins(tree);
  if (migration === "merged") return tree;
  if (version < 4) return splitCri(moveServers(tree));
  for (const key of ["grpc", "ttrpc", "metrics"]) {
    for (const [name, { origin }] of tableAt(tree, key).entries) {
      const reason = "version 4 has it in a table of plugins";
      options.warn({ code: "not-read", key: `${key}.${name}`, reason, ...(origin ? { origin } : {}) });
    }
  }
  return tree;
}

/** The version that counts where files are not brought to the newest one by one. */
function lastVersion(files: readonly ReadFile[]): number {
  return files.findLast(({ tree }) => (integerAt(tree, "version")?.value ?? 0) !== 0)?.version ?? 1;
}

/** What all files make together, in the newest layout, where the daemon does not bring each to it alone. */
function newestOf(merged: ConfigTable, files: readonly ReadFile[], options: ReadOptions): ConfigTable {
  const { migration, release } = options.rules;
  const version = lastVersion(files);
  const isOld = migration === "none";
  if (isOld && version > 1) assertFullNames(merged);
  let tree = withoutPlugins(
    merged,
    `containerd ${release} does not know it`,
    options,
    (name) =>
      name.startsWith("io.containerd.server.v1.") || (isOld && [CRI_IMAGES, CRI_RUNTIME].includes(name)),
  );
  if (isOld && version < 2) {
    tree = withoutPlugins(tree, "version 1 has short names of plugins", options, (name) =>
      name.includes("."),
    );
    tree = renamePlugins(tree);
  }
  if (isOld || version < 3) tree = splitCri(tree);
  return moveServers(tree);
}

function withoutPlugins(
  tree: ConfigTable,
  reason: string,
  { warn }: ReadOptions,
  isUnread: (name: string) => boolean,
): ConfigTable {
  const plugins = tableAt(tree, "plugins");
  let left = plugins;
  for (const [name, { origin }] of plugins.entries) {
    if (!isUnread(name)) continue;
    left = withEntry(left, name, undefined);
    const key = `plugins.${JSON.stringify(name)}`;
    warn({ code: "not-read", key, reason, ...(origin ? { origin } : {}) });
  }
  return left === plugins ? tree : withEntry(tree, "plugins", left);
}

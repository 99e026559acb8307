/**
 * Imported files laid over the ones that import them.
 *
 * @module
 */
import type { ContainerdRules } from "./release.ts";
import { type ConfigNode, type ConfigTable, EMPTY_TABLE, keyName } from "./tree.ts";
import type { ContainerdConfigWarning } from "./warnings.ts";

/** Tables at the top whose entries are replaced one by one, each as a whole. */
const REPLACED = ["stream_processors", "proxy_plugins", "timeouts"];

interface MergeOptions {
  rules: ContainerdRules;
  warn: (warning: ContainerdConfigWarning) => void;
}

/**
 * A file laid over what earlier ones say. Both have been checked against the keys of the top.
 *
 * At the top an empty text, a 0 and a `false` undo nothing, and lists are joined; in the tables of plugins they do,
 * and lists are replaced.
 */
export function mergeFiles(earlier: ConfigTable, later: ConfigTable, options: MergeOptions): ConfigTable {
  return mergeTop(earlier, later, [], options);
}

function mergeTop(
  earlier: ConfigTable,
  later: ConfigTable,
  path: readonly string[],
  options: MergeOptions,
): ConfigTable {
  const merged = new Map(earlier.entries);
  for (const [key, node] of later.entries) {
    const before = merged.get(key);
    const keyPath = [...path, key];
    if (before?.kind === "table" && node.kind === "table") {
      merged.set(key, mergeTables(before, node, keyPath, options));
    } else if (before?.kind === "list" && node.kind === "list") {
      merged.set(key, joined(before, node, options.rules));
    } else if (before?.kind === "scalar" && isZero(node)) {
      if (!isZero(before)) {
        options.warn({ code: "zero-ignored", ...placed(keyPath, node), ...earlierOf(before) });
      }
    } else {
      merged.set(key, node);
    }
  }
  return { ...earlier, entries: merged };
}

function mergeTables(
  before: ConfigTable,
  node: ConfigTable,
  path: readonly string[],
  options: MergeOptions,
): ConfigTable {
  const [key = ""] = path;
  if (path.length === 1 && REPLACED.includes(key)) {
    return { ...before, entries: new Map([...before.entries, ...node.entries]) };
  }
  if (path.length > 1 || key !== "plugins") return mergeTop(before, node, path, options);
  if (options.rules.pluginTables === "merged") return mergeDeep(before, node);
  for (const [name, table] of node.entries) {
    const replaced = before.entries.get(name);
    const lost = replaced ? lostKeys(replaced, table) : [];
    if (lost.length === 0) continue;
    options.warn({ code: "table-replaced", lost, ...placed([...path, name], table), ...earlierOf(replaced) });
  }
  return { ...before, entries: new Map([...before.entries, ...node.entries]) };
}

/** The table of one document laid over another's: tables are merged at any depth, all else is replaced. */
export function mergeDeep(earlier: ConfigTable, later: ConfigTable): ConfigTable {
  const merged = new Map(earlier.entries);
  for (const [key, node] of later.entries) {
    const before = merged.get(key);
    merged.set(key, before?.kind === "table" && node.kind === "table" ? mergeDeep(before, node) : node);
  }
  return { ...later, entries: merged };
}

function joined(
  before: ConfigNode & { kind: "list" },
  node: ConfigNode & { kind: "list" },
  rules: ContainerdRules,
): ConfigNode {
  if (rules.keepsDuplicates) return { ...before, items: [...before.items, ...node.items] };
  const identityOf = (item: ConfigNode): unknown => (item.kind === "scalar" ? item.value : item);
  const known = new Set(before.items.map(identityOf));
  const added = node.items.filter((item) => {
    const isNew = !known.has(identityOf(item));
    known.add(identityOf(item));
    return isNew;
  });
  return { ...before, items: [...before.items, ...added] };
}

/** Keys of a table that another one does not have, at any depth. */
function lostKeys(before: ConfigNode, after: ConfigNode | undefined, path: readonly string[] = []): string[] {
  if (!after) return [keyName(path)];
  if (before.kind !== "table") return [];
  const table = after.kind === "table" ? after : EMPTY_TABLE;
  return [...before.entries].flatMap(([key, node]) => lostKeys(node, table.entries.get(key), [...path, key]));
}

function isZero(node: ConfigNode): boolean {
  return node.kind === "scalar" && (node.value === "" || node.value === false || node.value === 0);
}

function placed(
  path: readonly string[],
  { origin }: ConfigNode,
): { key: string; origin?: NonNullable<typeof origin> } {
  return { key: keyName(path), ...(origin ? { origin } : {}) };
}

function earlierOf(node: ConfigNode | undefined): { earlier?: NonNullable<ConfigNode["origin"]> } {
  return node?.origin ? { earlier: node.origin } : {};
}

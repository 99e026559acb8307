/**
 * TOML values with the place of each, so that a place follows its value through merging and migration.
 *
 * Nodes are never changed: what differs is a new node.
 *
 * @module
 */
import { ConfigError } from "../errors.ts";
import type { Origin, TomlDocument, TomlPath } from "../origin.ts";

/** A value of a configuration, or what is built into the daemon: then without place. */
export interface Sourced<T> {
  readonly value: T;
  /** Where the value stands; absent for a default. */
  readonly origin?: Origin;
}

/** A table, a list or one value of a configuration. */
export type ConfigNode = ConfigTable | ConfigList | ConfigScalar;

/** A table; its entries are in the order of the text, except where they come from several files. */
export interface ConfigTable {
  readonly kind: "table";
  readonly entries: ReadonlyMap<string, ConfigNode>;
  readonly origin: Origin | undefined;
}

/** A list. */
export interface ConfigList {
  readonly kind: "list";
  readonly items: readonly ConfigNode[];
  readonly origin: Origin | undefined;
}

/** A value that is no table and no list. An integer that a double cannot hold is a bigint. */
export interface ConfigScalar {
  readonly kind: "scalar";
  readonly value: string | number | bigint | boolean | Date;
  readonly origin: Origin | undefined;
}

/** A table with nothing in it. */
export const EMPTY_TABLE: ConfigTable = { kind: "table", entries: new Map(), origin: undefined };

/** A document as a tree. */
export function treeOf(document: TomlDocument): ConfigTable {
  const node = nodeOf(document.root, [], document);
  return node.kind === "table" ? node : EMPTY_TABLE;
}

function nodeOf(value: unknown, path: TomlPath, document: TomlDocument): ConfigNode {
  if (Array.isArray(value)) {
    const items = value.map((each, index) => nodeOf(each, [...path, index], document));
    return { kind: "list", items, origin: document.valueOrigin(path) };
  }
  if (typeof value === "object" && value !== null && !(value instanceof Date)) {
    const entries = Object.entries(value).map(
      ([key, each]) => [key, nodeOf(each, [...path, key], document)] as const,
    );
    const origin = path.length === 0 ? { file: document.file, line: 1, column: 1 } : document.keyOrigin(path);
    return { kind: "table", entries: new Map(entries), origin };
  }
  const origin = document.valueOrigin(path);
  if (typeof value === "bigint") {
    const isSafe = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
    return { kind: "scalar", value: isSafe ? Number(value) : value, origin };
  }
  return { kind: "scalar", value: value as ConfigScalar["value"], origin };
}

/** A table without an entry, or with another one. */
export function withEntry(table: ConfigTable, key: string, node: ConfigNode | undefined): ConfigTable {
  const entries = new Map(table.entries);
  if (node) entries.set(key, node);
  else entries.delete(key);
  return { ...table, entries };
}

/** The node that a path of keys leads to. */
export function nodeAt(table: ConfigTable, ...path: string[]): ConfigNode | undefined {
  let node: ConfigNode | undefined = table;
  for (const key of path) node = node?.kind === "table" ? node.entries.get(key) : undefined;
  return node;
}

/** The table that a path leads to, or an empty one for what is not there or no table. */
export function tableAt(table: ConfigTable, ...path: string[]): ConfigTable {
  const node = nodeAt(table, ...path);
  return node?.kind === "table" ? node : EMPTY_TABLE;
}

/** The text that a path leads to; undefined where there is none. */
export function textAt(table: ConfigTable, ...path: string[]): Sourced<string> | undefined {
  const node = nodeAt(table, ...path);
  if (!node) return undefined;
  if (node.kind === "scalar" && typeof node.value === "string") return sourced(node.value, node.origin);
  throw typeError(path, "must be a text", node);
}

/** The boolean that a path leads to; undefined where there is none. */
export function flagAt(table: ConfigTable, ...path: string[]): Sourced<boolean> | undefined {
  const node = nodeAt(table, ...path);
  if (!node) return undefined;
  if (node.kind === "scalar" && typeof node.value === "boolean") return sourced(node.value, node.origin);
  throw typeError(path, "must be true or false", node);
}

/** The integer that a path leads to; undefined where there is none. */
export function integerAt(table: ConfigTable, ...path: string[]): Sourced<number> | undefined {
  const node = nodeAt(table, ...path);
  if (!node) return undefined;
  if (node.kind === "scalar" && Number.isSafeInteger(node.value)) {
    return sourced(Number(node.value), node.origin);
  }
  throw typeError(path, "must be an integer", node);
}

/** The texts that a path leads to; undefined where there is no such list. */
export function textsAt(table: ConfigTable, ...path: string[]): Sourced<string>[] | undefined {
  const node = nodeAt(table, ...path);
  if (!node) return undefined;
  if (node.kind !== "list") throw typeError(path, "must be a list of texts", node);
  return node.items.map((item) => {
    if (item.kind === "scalar" && typeof item.value === "string") return sourced(item.value, item.origin);
    throw typeError(path, "must be a list of texts", item);
  });
}

/** A value with its place. */
export function sourced<T>(value: T, origin: Origin | undefined): Sourced<T> {
  return origin ? { value, origin } : { value };
}

/** A value of another type than its key has. */
export function typeError(path: readonly string[], why: string, { origin }: ConfigNode): ConfigError {
  const key = keyName(path);
  return new ConfigError("ERR_CONFIG_TYPE", `${key}: ${why}`, { key, ...(origin ? { origin } : {}) });
}

/** A path of keys as TOML writes it. */
export function keyName(path: readonly string[]): string {
  return path.map((key) => (/^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key))).join(".");
}

/** A node as plain data: tables without prototype. */
export function plainOf(node: ConfigNode): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(plainOf);
  const plain: Record<string, unknown> = Object.create(null);
  for (const [key, value] of node.entries) plain[key] = plainOf(value);
  return plain;
}

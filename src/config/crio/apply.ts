/**
 * One file of CRI-O's configuration, put on top of what was set before it.
 *
 * A key overwrites, a list replaces, and a table of a handler or a workload replaces the whole of the one before.
 * Only `storage_option` is appended to. Names match in any letter case.
 *
 * @module
 */
import { foldName } from "../../oci/json-names.ts";
import { hintFor } from "../../policy/hint.ts";
import type { Origin, TomlDocument, TomlPath } from "../origin.ts";
import { emptyTable, type MutableTable } from "./defaults.ts";
import {
  HANDLER_KEYS,
  KEY_SINCE,
  RESOURCE_KEYS,
  ROOT_KEYS,
  type SettingTypes,
  TABLE_KEYS,
  UNREAD_TABLES,
  WORKLOAD_KEYS,
} from "./schema.ts";
import type { CrioWarning, Setting } from "./types.ts";
import { isTable, settingValue, typeError } from "./value.ts";

/** With more warnings than this, nothing is said of what was meant: looking for that takes time. */
const MAX_HINTS = 100;

/** A handler or a workload while the configuration is put together. */
export interface NamedTable {
  table: MutableTable;
  origin?: Origin;
  /** Of a workload. */
  resources?: MutableTable;
}

/** A configuration while it is put together. */
export interface CrioState {
  /** Minor version of CRI-O. */
  minor: number;
  /** By name; `[crio]` itself is `root`. */
  tables: Map<string, MutableTable>;
  runtimes: Map<string, NamedTable>;
  workloads: Map<string, NamedTable>;
  warnings: CrioWarning[];
}

/**
 * Puts a file on top.
 *
 * @throws {ConfigError} `ERR_CONFIG_TYPE`.
 */
export function applyDocument(state: CrioState, document: TomlDocument): void {
  const before = new Map(state.tables.get("root"));
  for (const { path, value } of members({ state, document }, document.root, [], ["crio"])) {
    applyRoot({ state, document }, tableAt(document, value, path), path);
  }
  keepStorage(state, before);
}

/** The names that the environment of a call has in every function here. */
interface Applied {
  state: CrioState;
  document: TomlDocument;
}

function applyRoot(applied: Applied, table: Readonly<Record<string, unknown>>, at: TomlPath): void {
  const tables = Object.keys(TABLE_KEYS);
  const known = [...Object.keys(ROOT_KEYS), ...tables, ...UNREAD_TABLES];
  for (const { name, path, value } of members(applied, table, at, known)) {
    if (UNREAD_TABLES.includes(name)) continue;
    if (!tables.includes(name)) setValue(applied, "root", ROOT_KEYS, name, path, value);
    else applyTable(applied, name as keyof typeof TABLE_KEYS, path, value);
  }
}

function applyTable(applied: Applied, name: keyof typeof TABLE_KEYS, at: TomlPath, given: unknown): void {
  const keys: SettingTypes = TABLE_KEYS[name];
  const nested = name === "runtime" ? ["runtimes", "workloads"] : [];
  const table = tableAt(applied.document, given, at);
  for (const { name: key, path, value } of members(applied, table, at, [...Object.keys(keys), ...nested])) {
    if (!nested.includes(key)) {
      setValue(applied, name, keys, key, path, value);
      continue;
    }
    const kind = key === "runtimes" ? key : "workloads";
    for (const [entry, each] of Object.entries(tableAt(applied.document, value, path))) {
      putNamed(applied, kind, entry, [...path, entry], each);
    }
  }
}

/** A handler or a workload, in the place of the whole that was there before it. */
function putNamed(
  applied: Applied,
  kind: "runtimes" | "workloads",
  name: string,
  at: TomlPath,
  given: unknown,
): void {
  const { state, document } = applied;
  const next = namedTable(applied, kind, at, tableAt(document, given, at));
  const previous = state[kind].get(name);
  const lost = previous ? lostKeys(previous, next) : [];
  if (previous && lost.length > 0) {
    const replaced = previous.origin ? { replaced: previous.origin } : {};
    const key = `crio.runtime.${kind}.${name}`;
    state.warnings.push({ code: "replaced-table", key, origin: next.origin, ...replaced, lost });
  }
  state[kind].set(name, next);
}

function namedTable(
  applied: Applied,
  kind: "runtimes" | "workloads",
  at: TomlPath,
  given: Readonly<Record<string, unknown>>,
): NamedTable & { origin: Origin } {
  const { document } = applied;
  const origin = originOf(document, at);
  const keys = kind === "runtimes" ? HANDLER_KEYS : WORKLOAD_KEYS;
  const table = emptyTable(keys);
  if (kind === "runtimes") {
    fill(applied, table, keys, given, at, "crio.runtime.runtimes.*");
    return { table, origin };
  }
  const resources: MutableTable = new Map();
  for (const { name, path, value } of members(applied, given, at, [...Object.keys(keys), "resources"])) {
    if (name === "resources") fill(applied, resources, RESOURCE_KEYS, tableAt(document, value, path), path);
    else setKey(applied, table, keys, name, path, value);
  }
  return { table, resources, origin };
}

/** Keys that the former table set to something, and that the next one leaves out. */
function lostKeys(previous: NamedTable, next: NamedTable): string[] {
  const isSet = ({ value }: Setting<unknown>): boolean => {
    if (Array.isArray(value)) return value.length > 0;
    if (value instanceof Map) return value.size > 0;
    return value !== "" && value !== false && value !== 0n;
  };
  const lost = (former: MutableTable | undefined, latter: MutableTable | undefined): string[] =>
    [...(former ?? [])]
      .filter(([key, setting]) => isSet(setting) && latter?.get(key)?.from !== "file")
      .map(([key]) => key);
  const resources = lost(previous.resources, next.resources).map((key) => `resources.${key}`);
  return [...lost(previous.table, next.table), ...resources];
}

function fill(
  applied: Applied,
  table: MutableTable,
  keys: SettingTypes,
  given: Readonly<Record<string, unknown>>,
  at: TomlPath,
  pattern?: string,
): void {
  for (const { name, path, value } of members(applied, given, at, Object.keys(keys), pattern)) {
    setKey(applied, table, keys, name, path, value);
  }
}

function setValue(
  applied: Applied,
  tableName: string,
  keys: SettingTypes,
  name: string,
  path: TomlPath,
  value: unknown,
): void {
  const table = applied.state.tables.get(tableName);
  if (table) setKey(applied, table, keys, name, path, value);
}

function setKey(
  { document }: Applied,
  table: MutableTable,
  keys: SettingTypes,
  name: string,
  path: TomlPath,
  value: unknown,
): void {
  const type = keys[name];
  if (type === undefined) return;
  const origin = document.valueOrigin(path) ?? startOf(document);
  table.set(name, {
    value: settingValue(type, value, { key: path.join("."), origin }),
    from: "file",
    origin,
  });
}

/** What stands in for an empty root, and the options of storage, which alone are added to. */
function keepStorage(state: CrioState, before: MutableTable): void {
  const root = state.tables.get("root");
  if (!root) return;
  for (const key of ["root", "runroot", "storage_driver"]) {
    const now = root.get(key);
    const then = before.get(key);
    if (now?.value !== "" || !then || now === then) continue;
    root.set(key, then);
    const reason = `an empty value leaves what was set before: ${JSON.stringify(then.value)}`;
    const origin = now.origin ? { origin: now.origin } : {};
    state.warnings.push({ code: "replaced-value", key: `crio.${key}`, ...origin, reason });
  }
  const added = root.get("storage_option");
  const kept = before.get("storage_option");
  if (!added || !kept || added === kept) return;
  const all = [...(kept.value as string[]), ...(added.value as string[])];
  root.set("storage_option", { ...added, value: all.filter((each, at) => all.lastIndexOf(each) === at) });
}

interface Member {
  /** As it is spelled in CRI-O's documentation. */
  name: string;
  path: TomlPath;
  value: unknown;
}

/**
 * The members of a table that mean something there. Of two spellings of one name the exact one comes last, and so
 * wins; what means nothing is told.
 */
function members(
  { state, document }: Applied,
  table: Readonly<Record<string, unknown>>,
  at: TomlPath,
  known: readonly string[],
  pattern?: string,
): Member[] {
  const folded = new Map(known.map((name) => [foldName(name), name]));
  const found: Member[] = [];
  const seen = new Set<string>();
  for (const [key, value] of Object.entries(table)) {
    const path = [...at, key];
    const name = folded.get(foldName(key));
    const since = KEY_SINCE[`${pattern ?? at.join(".").toLowerCase()}.${name}`] ?? 0;
    const dotted = path.join(".");
    const origin = document.keyOrigin(path) ?? startOf(document);
    if (name === undefined || since > state.minor) {
      const isLate = state.warnings.length >= MAX_HINTS;
      const hint =
        name !== undefined ? `CRI-O knows it since 1.${since}` : isLate ? undefined : hintOf(key, at, known);
      state.warnings.push({ code: "unknown-key", key: dotted, origin, ...(hint ? { hint } : {}) });
      continue;
    }
    if (seen.has(name)) state.warnings.push({ code: "ambiguous-key", key: dotted, origin });
    seen.add(name);
    found.push({ name, path, value });
  }
  return found.sort((a, b) => Number(a.path.at(-1) === a.name) - Number(b.path.at(-1) === b.name));
}

/** Where a key belongs that stands in another table, or what it is a misspelling of. */
function hintOf(key: string, at: TomlPath, known: readonly string[]): string | undefined {
  const tables = Object.entries<SettingTypes>({ "": ROOT_KEYS, ...TABLE_KEYS });
  const home = tables.find(([, keys]) => Object.hasOwn(keys, key));
  if (home) return `it belongs to [${["crio", home[0]].filter((name) => name !== "").join(".")}]`;
  if (at.length === 0 && Object.hasOwn(TABLE_KEYS, key)) return `did you mean [crio.${key}]?`;
  return hintFor(key, known);
}

function tableAt(document: TomlDocument, value: unknown, path: TomlPath): Readonly<Record<string, unknown>> {
  if (isTable(value)) return value;
  throw typeError({ key: path.join("."), origin: originOf(document, path) }, "must be a table");
}

function originOf(document: TomlDocument, path: TomlPath): Origin {
  return document.keyOrigin(path) ?? startOf(document);
}

function startOf({ file }: TomlDocument): Origin {
  return { file, line: 1, column: 1 };
}

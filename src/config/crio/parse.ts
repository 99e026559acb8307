/**
 * The configuration of CRI-O out of the texts of its files.
 *
 * @module
 */
import { DEFAULT_CRIO_VERSION } from "../../seccomp/crio-version.ts";
import { parseTomlDocument } from "../origin.ts";
import { applyDocument, type CrioState, type NamedTable } from "./apply.ts";
import { checkConfig } from "./check.ts";
import {
  type CrioStorageDefaults,
  defaultHandler,
  defaultRuntimeName,
  defaultTables,
  type MutableTable,
} from "./defaults.ts";
import { applyCommand, type CrioCommand } from "./flags.ts";
import type { SettingTypes } from "./schema.ts";
import type { CrioConfig, CrioHandler, CrioWorkloadTable, Settings } from "./types.ts";
import { type CrioVersionOptions, crioMinor } from "./version.ts";

/** A file's path, absolute, and its text. */
export interface CrioFile {
  readonly path: string;
  readonly text: string;
}

/** The files that CRI-O reads. */
export interface CrioFiles {
  /** `crio.conf`; undefined where there is none. */
  readonly main?: CrioFile | undefined;
  /** Every file below `crio.conf.d`, whatever its name, in any order. */
  readonly dropIns?: readonly CrioFile[] | undefined;
}

/** Options of {@link parseCrioConfig}. */
export interface ParseCrioConfigOptions extends CrioVersionOptions, CrioCommand {
  /** What containers-storage.conf sets. */
  storage?: CrioStorageDefaults | undefined;
}

/**
 * The configuration in effect, each value with what set it.
 *
 * Defaults, then `crio.conf`, then the drop-ins in the order of their paths, then variables, then flags. No file that
 * a value names is read, and no program, device, time zone or processor looked for.
 *
 * @throws {ConfigError} `ERR_CONFIG_SYNTAX`, `ERR_CONFIG_TYPE`, `ERR_CONFIG_TOO_LARGE` (1 MiB, 1048576 UTF-16 code
 * units a file), `ERR_CONFIG_INVALID` for what CRI-O does not start with, `ERR_CONFIG_VERSION`.
 * @see {@link https://github.com/cri-o/cri-o/blob/v1.36.0/docs/crio.conf.d.5.md}
 */
export function parseCrioConfig(files: CrioFiles, options: ParseCrioConfigOptions = {}): CrioConfig {
  const texts = [...(files.main ? [files.main] : []), ...inOrder(files.dropIns ?? [])];
  const state = crioState(texts, options);
  return crioConfig(
    state,
    texts.map(({ path }) => path),
    options,
  );
}

/** A checked configuration that can still lose handlers. */
export function crioState(files: readonly CrioFile[], options: ParseCrioConfigOptions): CrioState {
  const minor = crioMinor(options);
  const state: CrioState = {
    minor,
    tables: defaultTables(minor, options.storage ?? {}),
    runtimes: new Map([[defaultRuntimeName(minor), { table: defaultHandler(minor) }]]),
    workloads: new Map(),
    warnings: [],
  };
  for (const { path, text } of files) applyDocument(state, parseTomlDocument(path, text));
  applyCommand(state, options);
  checkConfig(state);
  return state;
}

/** What is told of a state. */
export function crioConfig(
  state: CrioState,
  files: readonly string[],
  { version = DEFAULT_CRIO_VERSION }: CrioVersionOptions,
): CrioConfig {
  const table = <Keys extends SettingTypes>(name: string): Settings<Keys> =>
    settingsOf(state.tables.get(name) ?? new Map());
  return {
    version,
    files,
    root: table("root"),
    api: table("api"),
    runtime: table("runtime"),
    image: table("image"),
    network: table("network"),
    metrics: table("metrics"),
    tracing: table("tracing"),
    stats: table("stats"),
    runtimes: new Map([...state.runtimes].map(([name, each]) => [name, handlerOf(name, each)])),
    workloads: new Map([...state.workloads].map(([name, each]) => [name, workloadOf(name, each)])),
    warnings: [...state.warnings],
  };
}

/** Drop-ins as CRI-O walks through them: by the bytes of their names, a folder in the place of its own name. */
export function inOrder(files: readonly CrioFile[]): CrioFile[] {
  const parts = (path: string): Buffer[] => path.split("/").map((part) => Buffer.from(part));
  return files
    .map((file) => ({ file, parts: parts(file.path) }))
    .sort((a, b) => compareParts(a.parts, b.parts))
    .map(({ file }) => file);
}

function compareParts(a: readonly Buffer[], b: readonly Buffer[]): number {
  for (const [index, part] of a.entries()) {
    const other = b[index];
    if (!other) return 1;
    const order = Buffer.compare(part, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function handlerOf(name: string, { table, origin }: NamedTable): CrioHandler {
  return { name, ...(origin ? { origin } : {}), settings: settingsOf(table) };
}

function workloadOf(name: string, { table, origin, resources }: NamedTable): CrioWorkloadTable {
  return {
    name,
    ...(origin ? { origin } : {}),
    settings: settingsOf(table),
    resources: settingsOf(resources ?? new Map()),
  };
}

/** The entries of a table under their names; values have been checked against the types of its keys. */
function settingsOf<Keys extends SettingTypes>(table: MutableTable): Settings<Keys> {
  return Object.fromEntries(table) as Settings<Keys>;
}

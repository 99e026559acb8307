/**
 * `storage.conf`: where images and containers are kept, as the storage library of CRI-O and podman reads it.
 *
 * @see {@link https://github.com/containers/storage/blob/v1.59.1/docs/containers-storage.conf.5.md}
 * @module
 */
import { foldName } from "../../oci/json-names.ts";
import { nearestWord } from "../../policy/hint.ts";
import {
  type ConfigNode,
  type ConfigTable,
  EMPTY_TABLE,
  type Sourced,
  sourced,
  treeOf,
  typeError,
} from "../containerd/tree.ts";
import { type Origin, parseTomlDocument } from "../origin.ts";

/** A key that the storage library logs and passes over. */
export interface StorageWarning {
  readonly code: "unknown-key";
  readonly key: string;
  readonly origin?: Origin;
  /** What its author may have meant, as a sentence. */
  readonly hint?: string;
}

/** What a file says of storage, for root. */
export interface StorageConf {
  readonly path: string;
  /** Empty: found out by the library. `overlay2` is `overlay`. */
  readonly driver: Sourced<string>;
  /** Where layers, images and containers are kept. */
  readonly graphroot: Sourced<string>;
  /** Where what lasts until the machine stops is kept. */
  readonly runroot: Sourced<string>;
  /** Where images are kept if not in {@link graphroot}; empty for there. */
  readonly imagestore: Sourced<string>;
  /** Stores that are only read: images in them need no pull. */
  readonly additionalImageStores: readonly Sourced<string>[];
  readonly additionalLayerStores: readonly Sourced<string>[];
  /** What the driver is told, as `overlay.mountopt=nodev`; those of variables have no place. */
  readonly options: readonly Sourced<string>[];
  readonly warnings: readonly StorageWarning[];
}

/** Options of {@link parseStorageConf}. */
export interface ParseStorageConfOptions {
  /** Variables of the daemon, of which `STORAGE_DRIVER` and `STORAGE_OPTS` go before the file. Default none. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
}

const GRAPH_ROOT = "/var/lib/containers/storage";
const RUN_ROOT = "/run/containers/storage";

/** Looking for what was meant takes time. */
const MAX_HINTS = 100;

const STORAGE_KEYS: readonly string[] =
  "driver driver_priority runroot graphroot imagestore rootless_storage_path transient_store options".split(
    " ",
  );
const OPTION_KEYS: readonly string[] = (
  "additionalimagestores imagestore additionallayerstores size ignore_chown_errors use_composefs force_mask " +
  "root-auto-userns-user auto-userns-min-size auto-userns-max-size aufs btrfs thinpool overlay vfs zfs " +
  "skip_mount_home mount_program mountopt pull_options disable-volatile"
).split(" ");
const DRIVER_KEYS: Readonly<Record<string, readonly string[]>> = {
  aufs: ["mountopt"],
  btrfs: ["min_space", "size"],
  overlay: [
    "ignore_chown_errors",
    "mountopt",
    "mount_program",
    "size",
    "inodes",
    "skip_mount_home",
    "use_composefs",
    "force_mask",
  ],
  thinpool: [],
  vfs: ["ignore_chown_errors"],
  zfs: ["mountopt", "fsname", "size"],
};

/** Options that each driver is told of its own table, or else of the common one where that has them too. */
const TOLD: Readonly<Record<string, readonly (readonly [option: string, isCommon: boolean])[]>> = {
  aufs: [["mountopt", true]],
  btrfs: [["size", true]],
  overlay: [
    ["ignore_chown_errors", true],
    ["mount_program", true],
    ["mountopt", true],
    ["size", true],
    ["inodes", false],
    ["skip_mount_home", true],
    ["force_mask", false],
    ["use_composefs", false],
  ],
  vfs: [["ignore_chown_errors", true]],
  zfs: [
    ["fsname", false],
    ["mountopt", true],
    ["size", true],
  ],
};

/** Options of the common table that every driver is told, in this order. */
const COMMON: readonly string[] = [
  "size",
  "mount_program",
  "skip_mount_home",
  "ignore_chown_errors",
  "mountopt",
];

/**
 * What a file says. Settings of users other than root are not read, and `force_mask` is told of the driver's own table
 * alone.
 *
 * @param file What the origins name as the file; it is not read.
 * @throws {ConfigError} `ERR_CONFIG_SYNTAX`, `ERR_CONFIG_TYPE`, `ERR_CONFIG_TOO_LARGE`.
 */
export function parseStorageConf(
  file: string,
  text: string,
  { env = {} }: ParseStorageConfOptions = {},
): StorageConf {
  const warnings: StorageWarning[] = [];
  const root = knownOnly(treeOf(parseTomlDocument(file, text)), ["storage"], [], warnings);
  const storage = tableIn(root, "storage", STORAGE_KEYS, [], warnings);
  const options = tableIn(storage, "options", OPTION_KEYS, ["storage"], warnings);
  const tables = new Map(
    Object.entries(DRIVER_KEYS).map(([name, keys]) => [
      name,
      tableIn(options, name, keys, ["storage", "options"], warnings),
    ]),
  );
  const written = driverOf(textIn(storage, "driver", ["storage"]), env);
  const driver = written.value === "overlay2" ? { ...written, value: "overlay" } : written;
  const additionalImageStores = textsIn(options, "additionalimagestores");
  const additionalLayerStores = textsIn(options, "additionallayerstores");
  const told = [
    ...additionalImageStores.map((each) => named(written, "imagestore", each)),
    ...additionalLayerStores.map((each) => named(written, "additionallayerstore", each)),
    ...COMMON.flatMap((key) => optional(written, key, textIn(options, key, ["storage", "options"]))),
    ...driverOptions(driver, tables, options),
  ];
  const byVariable = env["STORAGE_OPTS"];
  return {
    path: file,
    driver,
    graphroot: orElse(textIn(storage, "graphroot", ["storage"]), GRAPH_ROOT),
    runroot: orElse(textIn(storage, "runroot", ["storage"]), RUN_ROOT),
    imagestore: textIn(storage, "imagestore", ["storage"]),
    additionalImageStores,
    additionalLayerStores,
    options: byVariable === undefined ? told : splitOptions(byVariable),
    warnings,
  };
}

function splitOptions(text: string): Sourced<string>[] {
  return text === "" ? [] : text.split(",").map((value) => ({ value }));
}

function driverOf(
  given: Sourced<string>,
  env: Readonly<Record<string, string | undefined>>,
): Sourced<string> {
  const variable = env["STORAGE_DRIVER"];
  return variable ? { value: variable } : given;
}

function driverOptions(
  driver: Sourced<string>,
  tables: ReadonlyMap<string, ConfigTable>,
  options: ConfigTable,
): Sourced<string>[] {
  const own = tables.get(driver.value) ?? EMPTY_TABLE;
  const path = ["storage", "options", driver.value];
  if (driver.value === "btrfs") {
    // With this one the driver is told nothing else.
    const least = textIn(own, "min_space", path);
    if (least.value !== "") return [named(driver, "min_space", least)];
  }
  return (TOLD[driver.value] ?? []).flatMap(([key, isCommon]) => {
    const text = textIn(own, key, path);
    const common = isCommon ? textIn(options, key, ["storage", "options"]) : { value: "" };
    return optional(driver, key, text.value === "" ? common : text);
  });
}

function optional(driver: Sourced<string>, key: string, text: Sourced<string>): Sourced<string>[] {
  return text.value === "" ? [] : [named(driver, key, text)];
}

function named(driver: Sourced<string>, key: string, { value, origin }: Sourced<string>): Sourced<string> {
  return sourced(`${driver.value}.${key}=${value}`, origin);
}

function orElse(text: Sourced<string>, otherwise: string): Sourced<string> {
  return text.value === "" ? { value: otherwise } : text;
}

function tableIn(
  table: ConfigTable,
  key: string,
  known: readonly string[],
  path: readonly string[],
  warnings: StorageWarning[],
): ConfigTable {
  const node = table.entries.get(key);
  if (!node) return EMPTY_TABLE;
  if (node.kind !== "table") throw typeError([...path, key], "must be a table", node);
  return knownOnly(node, known, [...path, key], warnings);
}

/** A table with its keys as they are known, in whatever letter case they stand. */
function knownOnly(
  table: ConfigTable,
  known: readonly string[],
  path: readonly string[],
  warnings: StorageWarning[],
): ConfigTable {
  const entries = new Map<string, ConfigNode>();
  for (const [written, node] of table.entries) {
    const name = known.includes(written)
      ? written
      : known.find((each) => foldName(each) === foldName(written));
    // What is spelled right counts beside it.
    if (name !== undefined && (name === written || !table.entries.has(name))) {
      entries.set(name, node);
      continue;
    }
    const nearest = warnings.length < MAX_HINTS ? nearestWord(written, known) : undefined;
    warnings.push({
      code: "unknown-key",
      key: [...path, written].join("."),
      ...(node.origin ? { origin: node.origin } : {}),
      ...(nearest === undefined ? {} : { hint: `did you mean ${JSON.stringify(nearest)}?` }),
    });
  }
  return { ...table, entries };
}

function textIn(table: ConfigTable, key: string, path: readonly string[]): Sourced<string> {
  const node = table.entries.get(key);
  if (!node) return { value: "" };
  if (node.kind === "scalar" && typeof node.value === "string") return sourced(node.value, node.origin);
  throw typeError([...path, key], "must be a text", node);
}

function textsIn(options: ConfigTable, key: string): Sourced<string>[] {
  const node = options.entries.get(key);
  const path = ["storage", "options", key];
  if (!node) return [];
  if (node.kind !== "list") throw typeError(path, "must be a list of texts", node);
  return node.items.map((item) => {
    if (item.kind === "scalar" && typeof item.value === "string") return sourced(item.value, item.origin);
    throw typeError(path, "must be a list of texts", item);
  });
}

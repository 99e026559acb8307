/**
 * `registries.conf`, version 2: one file of it, read and checked by itself.
 *
 * @see {@link https://github.com/containers/image/blob/v5.36.0/docs/containers-registries.conf.5.md}
 * @module
 */
import { parseLocation } from "./registry-prefix.ts";
import {
  assertAliasName,
  parseAliasValue,
  parseShortNameMode,
  type ShortNameMode,
} from "./short-name-alias.ts";
import {
  configError,
  parseToml,
  type TomlTable,
  tomlFlag,
  tomlTable,
  tomlTables,
  tomlText,
  tomlTexts,
  unknownKeys,
} from "./toml.ts";

/** For which references a mirror is asked. */
export type PullFromMirror = "all" | "digest-only" | "tag-only";

/** A place that images come from. */
export interface RegistryEndpoint {
  /** Takes the place of the prefix. Empty: the reference stays as it is. */
  location: string;
  /** Whether certificates are not checked, and plain HTTP is tried after TLS. */
  insecure: boolean;
}

/** A `[[registry.mirror]]`. */
export interface RegistryMirror extends RegistryEndpoint {
  pullFromMirror: PullFromMirror;
}

/** A `[[registry]]`. */
export interface RegistryEntry extends RegistryEndpoint {
  /** References that it is for. */
  prefix: string;
  /** Whether nothing may be pulled. */
  blocked: boolean;
  /** Whether its mirrors are asked for references with a digest only. */
  mirrorByDigestOnly: boolean;
  mirrors: readonly RegistryMirror[];
  /** Name of the file that it stands in. */
  origin: string;
}

/** One file. What is absent in it is absent here. */
export interface RegistriesFile {
  /** Sorted by prefix; of two with the same the first. */
  registries: readonly RegistryEntry[];
  /** Hosts that a short name is looked for on. */
  unqualifiedSearchRegistries?: readonly string[];
  credentialHelpers?: readonly string[];
  shortNameMode?: ShortNameMode;
  additionalLayerStoreAuthHelper?: string;
  /** Full names of short names; an empty text takes an alias of an earlier file away. */
  aliases: ReadonlyMap<string, string>;
  /** Keys that mean nothing; only with `lenient`, otherwise they are refused. */
  ignored: readonly string[];
  /** Name of the file. */
  origin: string;
}

/** Options of {@link parseRegistriesFile}. */
export interface ParseRegistriesOptions {
  /** Name of the file, for `origin`. Default `registries.conf`. */
  origin?: string | undefined;
  /** Whether keys that mean nothing are passed over, as by containers/image. Default: they are refused. */
  lenient?: boolean | undefined;
}

const ROOT_KEYS = [
  "registry",
  "aliases",
  "unqualified-search-registries",
  "credential-helpers",
  "short-name-mode",
  "additional-layer-store-auth-helper",
];
const ENDPOINT_KEYS = ["location", "insecure", "pull-from-mirror"];
const REGISTRY_KEYS = [...ENDPOINT_KEYS, "prefix", "blocked", "mirror-by-digest-only", "mirror"];
const USES: readonly string[] = ["all", "digest-only", "tag-only"] satisfies PullFromMirror[];

/**
 * One file of `registries.conf`, or a drop-in. Nothing of other files is known here; see {@link mergeRegistries}.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID`, with the key in the message; also for version 1 of the format.
 */
export function parseRegistriesFile(text: string, options: ParseRegistriesOptions = {}): RegistriesFile {
  const { origin = "registries.conf", lenient = false } = options;
  const root = parseToml(text);
  if (isVersion1(root)) throw configError("", "registries.conf must be in v2 format but is in v1");
  const ignored = unknownKeys(root, ROOT_KEYS, "");
  const tables = tomlTables(root["registry"], "registry");
  const registries = tables.map((table, index) => readRegistry(table, `registry[${index}]`, origin, ignored));
  assertNoConflicts(registries);
  const file: RegistriesFile = {
    registries: distinctByPrefix(registries),
    aliases: readAliases(root["aliases"]),
    ignored,
    origin,
    ...readLists(root),
  };
  const [first] = ignored;
  if (first !== undefined && !lenient) throw configError(first, "unknown key");
  return file;
}

function isVersion1(root: TomlTable): boolean {
  const old = root["registries"];
  if (typeof old !== "object" || old === null) return false;
  return ["search", "insecure", "block"].some((key) => Object.hasOwn(old, key));
}

function readLists(root: TomlTable): Partial<RegistriesFile> {
  const search = tomlTexts(root["unqualified-search-registries"], "unqualified-search-registries");
  const credentialHelpers = tomlTexts(root["credential-helpers"], "credential-helpers");
  const mode = tomlText(root["short-name-mode"], "short-name-mode") ?? "";
  const helper = tomlText(root["additional-layer-store-auth-helper"], "additional-layer-store-auth-helper");
  return {
    ...(search ? { unqualifiedSearchRegistries: search.map(searchRegistry) } : {}),
    ...(credentialHelpers ? { credentialHelpers } : {}),
    ...(mode === "" ? {} : { shortNameMode: parseShortNameMode(mode) }),
    ...(helper ? { additionalLayerStoreAuthHelper: helper } : {}),
  };
}

function searchRegistry(text: string): string {
  const host = parseLocation(text, "unqualified-search-registries");
  if (host.includes("/")) throw configError("", `Invalid unqualified-search-registries entry "${host}"`);
  return host;
}

function readRegistry(table: TomlTable, where: string, origin: string, ignored: string[]): RegistryEntry {
  ignored.push(...unknownKeys(table, REGISTRY_KEYS, where));
  const location = parseLocation(tomlText(table["location"], `${where}.location`) ?? "", `${where}.location`);
  const prefix = readPrefix(table, where, location);
  const mirrorByDigestOnly = flag(table, "mirror-by-digest-only", where);
  if ((tomlText(table["pull-from-mirror"], `${where}.pull-from-mirror`) ?? "") !== "") {
    throw configError("", `pull-from-mirror must not be set for a non-mirror registry "${prefix}"`);
  }
  const mirrors = tomlTables(table["mirror"], `${where}.mirror`).map((mirror, index) =>
    readMirror(mirror, `${where}.mirror[${index}]`, { prefix, mirrorByDigestOnly, ignored }),
  );
  return {
    prefix,
    location,
    insecure: flag(table, "insecure", where),
    blocked: flag(table, "blocked", where),
    mirrorByDigestOnly,
    mirrors,
    origin,
  };
}

function readPrefix(table: TomlTable, where: string, location: string): string {
  const given = tomlText(table["prefix"], `${where}.prefix`) ?? "";
  if (given === "") {
    if (location === "") throw configError(where, "invalid condition: both location and prefix are unset");
    return location;
  }
  const prefix = parseLocation(given, `${where}.prefix`);
  const wildcard = prefix.startsWith("*.");
  if (wildcard && /[/@:]/.test(prefix)) {
    throw configError(
      where,
      `Wildcarded prefix should be in the format: *.example.com. Current prefix "${prefix}" is incorrectly formatted`,
    );
  }
  if (location === "" && !wildcard) {
    const why = "location is unset and prefix is not in the format: *.example.com";
    throw configError(where, `invalid condition: ${why}`);
  }
  return prefix;
}

function readMirror(
  table: TomlTable,
  where: string,
  { prefix, mirrorByDigestOnly, ignored }: { prefix: string; mirrorByDigestOnly: boolean; ignored: string[] },
): RegistryMirror {
  ignored.push(...unknownKeys(table, ENDPOINT_KEYS, where));
  const location = parseLocation(tomlText(table["location"], `${where}.location`) ?? "", `${where}.location`);
  if (location === "") throw configError(where, "invalid condition: mirror location is unset");
  const use = tomlText(table["pull-from-mirror"], `${where}.pull-from-mirror`) ?? "";
  if (mirrorByDigestOnly && use !== "") {
    const both = `mirror-by-digest-only for the registry ("${prefix}") and pull-from-mirror for per-mirror ("${location}")`;
    throw configError("", `cannot set mirror usage ${both} at the same time`);
  }
  if (use !== "" && !isUse(use)) {
    throw configError("", `unsupported pull-from-mirror value "${use}" for mirror "${location}"`);
  }
  return { location, insecure: flag(table, "insecure", where), pullFromMirror: use === "" ? "all" : use };
}

function isUse(text: string): text is PullFromMirror {
  return USES.includes(text);
}

function flag(table: TomlTable, key: string, where: string): boolean {
  return tomlFlag(table[key], `${where}.${key}`) ?? false;
}

/** One location that stands in several entries must be the same in what it allows. */
function assertNoConflicts(registries: readonly RegistryEntry[]): void {
  const firsts = new Map<string, RegistryEntry>();
  for (const registry of registries) {
    const key = registry.location === "" ? registry.prefix : registry.location;
    const first = firsts.get(key) ?? registry;
    firsts.set(key, first);
    for (const setting of ["insecure", "blocked"] as const) {
      if (first[setting] === registry[setting]) continue;
      const why = `is defined multiple times with conflicting '${setting}' setting`;
      throw configError("", `registry '${key}' ${why}`);
    }
  }
}

function distinctByPrefix(registries: readonly RegistryEntry[]): RegistryEntry[] {
  const kept = new Map<string, RegistryEntry>();
  for (const registry of registries) {
    if (!kept.has(registry.prefix)) kept.set(registry.prefix, registry);
  }
  return sortedByPrefix(kept.values());
}

/** Entries in the order of their prefixes. */
export function sortedByPrefix(registries: Iterable<RegistryEntry>): RegistryEntry[] {
  return [...registries].sort((a, b) => (a.prefix < b.prefix ? -1 : a.prefix > b.prefix ? 1 : 0));
}

function readAliases(value: unknown): Map<string, string> {
  const aliases = new Map<string, string>();
  if (value === undefined) return aliases;
  for (const [name, target] of Object.entries(tomlTable(value, "aliases"))) {
    const where = `aliases.${JSON.stringify(name)}`;
    assertAliasName(name);
    const text = tomlText(target, where) ?? "";
    aliases.set(name, text === "" ? "" : parseAliasValue(text));
  }
  return aliases;
}

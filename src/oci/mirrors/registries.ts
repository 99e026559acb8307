/**
 * The files of `registries.conf` together, and what they say about a reference.
 *
 * @see {@link https://github.com/containers/image/blob/v5.36.0/docs/containers-registries.conf.5.md}
 * @module
 */
import { formatReference, type Reference } from "../../core/reference.ts";
import { AUTH_FILES_HELPER } from "../credentials/lookup.ts";
import { OciError } from "../errors.ts";
import {
  type ParseRegistriesOptions,
  parseRegistriesFile,
  type RegistriesFile,
  type RegistryEndpoint,
  type RegistryEntry,
  type RegistryMirror,
  sortedByPrefix,
} from "./registries-conf.ts";
import { matchPrefix, rewriteReference } from "./registry-prefix.ts";
import type { ShortNameMode } from "./short-name-alias.ts";

/** One value, with the file that it is from; an empty origin is the default. */
export interface WithOrigin<T> {
  value: T;
  origin: string;
}

/** All files together. */
export interface RegistriesConf {
  /** Sorted by prefix, each prefix once. */
  registries: readonly RegistryEntry[];
  unqualifiedSearchRegistries: WithOrigin<readonly string[]>;
  /** Names of credential helpers; never empty. */
  credentialHelpers: WithOrigin<readonly string[]>;
  shortNameMode: WithOrigin<ShortNameMode>;
  additionalLayerStoreAuthHelper?: WithOrigin<string>;
  /** Full names by short name. An empty one says that there is no alias. */
  aliases: ReadonlyMap<string, WithOrigin<string>>;
  /** Names of the files, in the order in which they were applied. */
  files: readonly string[];
  /** Keys that mean nothing, each with its file. */
  ignored: readonly WithOrigin<string>[];
}

/**
 * Files in the order in which they apply: a later one replaces an entry of the same prefix whole, a list that it
 * has, a mode that it has, and each alias by itself.
 */
export function mergeRegistries(files: readonly RegistriesFile[]): RegistriesConf {
  const registries = new Map<string, RegistryEntry>();
  const aliases = new Map<string, WithOrigin<string>>();
  let search: WithOrigin<readonly string[]> = { value: [], origin: "" };
  let helpers: WithOrigin<readonly string[]> = { value: [], origin: "" };
  let mode: WithOrigin<ShortNameMode> = { value: "permissive", origin: "" };
  let layerHelper: WithOrigin<string> | undefined;
  for (const file of files) {
    const { origin } = file;
    for (const registry of file.registries) registries.set(registry.prefix, registry);
    for (const [name, value] of file.aliases) aliases.set(name, { value, origin });
    if (file.unqualifiedSearchRegistries) search = { value: file.unqualifiedSearchRegistries, origin };
    if (file.credentialHelpers) helpers = { value: file.credentialHelpers, origin };
    if (file.shortNameMode) mode = { value: file.shortNameMode, origin };
    if (file.additionalLayerStoreAuthHelper) {
      layerHelper = { value: file.additionalLayerStoreAuthHelper, origin };
    }
  }
  if (helpers.value.length === 0) helpers = { value: [AUTH_FILES_HELPER], origin: helpers.origin };
  return {
    registries: sortedByPrefix(registries.values()),
    unqualifiedSearchRegistries: search,
    credentialHelpers: helpers,
    shortNameMode: mode,
    ...(layerHelper ? { additionalLayerStoreAuthHelper: layerHelper } : {}),
    aliases,
    files: files.map(({ origin }) => origin),
    ignored: files.flatMap(({ ignored, origin }) => ignored.map((value) => ({ value, origin }))),
  };
}

/** A file's text with its name. */
export interface RegistriesText {
  name: string;
  text: string;
}

/**
 * `registries.conf` out of its texts: the main file, then the drop-ins in their order.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID`, with file and key in the message.
 */
export function parseRegistriesConf(
  files: readonly RegistriesText[],
  options: Omit<ParseRegistriesOptions, "origin"> = {},
): RegistriesConf {
  return mergeRegistries(
    files.map(({ name, text }) => {
      try {
        return parseRegistriesFile(text, { ...options, origin: name });
      } catch (error) {
        if (!(error instanceof OciError)) throw error;
        throw new OciError(error.code, `${name}: ${error.message}`, { cause: error });
      }
    }),
  );
}

/** The entry with the longest prefix that covers a reference in its full text, or nothing. */
export function findRegistry(
  config: Pick<RegistriesConf, "registries">,
  reference: string,
): RegistryEntry | undefined {
  let found: RegistryEntry | undefined;
  for (const registry of config.registries) {
    if (matchPrefix(reference, registry.prefix) === undefined) continue;
    if (!found || registry.prefix.length > found.prefix.length) found = registry;
  }
  return found;
}

/** A place to pull from, and under which name. */
export interface RegistrySource {
  kind: "mirror" | "location";
  endpoint: RegistryEndpoint;
  reference: Reference;
}

/** A mirror that is not asked. */
export interface SkippedMirror {
  mirror: RegistryMirror;
  why: "digest-only" | "tag-only";
}

/** What {@link registrySources} finds. */
export interface RegistrySources {
  /** In the order in which they are asked. */
  sources: readonly RegistrySource[];
  skipped: readonly SkippedMirror[];
}

/**
 * Where an entry lets a reference be pulled from: its mirrors, then its location. A blocked entry is not told apart
 * here.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID` if a location and the rest of the reference make no reference.
 */
export function registrySources(entry: RegistryEntry, reference: Reference): RegistrySources {
  const digested = reference.digest !== undefined;
  const skipped: SkippedMirror[] = [];
  const mirrors = entry.mirrors.filter((mirror) => {
    const use = entry.mirrorByDigestOnly ? "digest-only" : mirror.pullFromMirror;
    if (use === "all" || (use === "digest-only") === digested) return true;
    skipped.push({ mirror, why: use });
    return false;
  });
  const source = (kind: RegistrySource["kind"], endpoint: RegistryEndpoint): RegistrySource => ({
    kind,
    endpoint: { location: endpoint.location, insecure: endpoint.insecure },
    reference: rewriteReference(reference, entry.prefix, endpoint.location),
  });
  return { sources: [...mirrors.map((each) => source("mirror", each)), source("location", entry)], skipped };
}

/** The entry for a reference; see {@link findRegistry}. */
export function registryFor(config: RegistriesConf, reference: Reference): RegistryEntry | undefined {
  return findRegistry(config, formatReference(reference));
}

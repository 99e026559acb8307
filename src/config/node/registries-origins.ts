/**
 * Where the entries of `registries.conf` stand, line by line.
 *
 * @module
 */
import type { SignalOptions } from "../../core/signal.ts";
import type { RegistriesConf } from "../../oci/mirrors/registries.ts";
import type { RegistriesOrigins } from "../node.ts";
import type { NodeFiles } from "../node-files.ts";
import type { MirrorWarning } from "../node-warnings.ts";
import { type Origin, parseTomlDocument, type TomlDocument } from "../origin.ts";
import { keyPlace } from "./key-place.ts";

/** What {@link registriesOrigins} finds. */
export interface FoundRegistriesOrigins {
  readonly origins: RegistriesOrigins;
  /** Keys that mean nothing. */
  readonly warnings: readonly MirrorWarning[];
}

/** The keys at the top of a file whose last value counts. */
const KEYS = ["unqualified-search-registries", "short-name-mode", "credential-helpers"];

/**
 * The places of what a configuration has, by reading its files once more.
 *
 * @throws {ConfigError} `ERR_CONFIG_FILE` for a file that is gone or cannot be read by now, `ERR_CONFIG_SYNTAX`.
 */
export async function registriesOrigins(
  config: RegistriesConf,
  files: NodeFiles,
  { signal }: SignalOptions,
): Promise<FoundRegistriesOrigins> {
  const registries = new Map<string, Origin>();
  const aliases = new Map<string, Origin>();
  const keys = new Map<string, Origin>();
  const documents = new Map<string, TomlDocument>();
  for (const file of config.files) {
    const document = parseTomlDocument(file, (await files.read(file, { signal })) ?? "");
    documents.set(file, document);
    for (const [prefix, origin] of registryPlaces(document)) registries.set(prefix, origin);
    for (const name of namesOf(document.root["aliases"])) {
      const origin = document.keyOrigin(["aliases", name]);
      if (origin && config.aliases.has(name)) aliases.set(name, origin);
    }
    for (const key of KEYS) {
      const origin = document.valueOrigin([key]);
      if (origin) keys.set(key, origin);
    }
  }
  const warnings = config.ignored.map(({ value: key, origin: file }): MirrorWarning => {
    const document = documents.get(file);
    return {
      code: "unknown-key",
      key,
      origin: document ? keyPlace(document, key) : { file, line: 1, column: 1 },
    };
  });
  return { origins: { registries, aliases, keys }, warnings };
}

/** The tables of registries, each by the prefix that it is for. */
function* registryPlaces(document: TomlDocument): Generator<[prefix: string, origin: Origin]> {
  const tables = document.root["registry"];
  if (!Array.isArray(tables)) return;
  for (const [index, table] of tables.entries()) {
    const { prefix, location } = table as { prefix?: unknown; location?: unknown };
    const name = typeof prefix === "string" && prefix !== "" ? prefix : location;
    const origin = document.keyOrigin(["registry", index]) ?? document.valueOrigin(["registry", index]);
    // As the reader has them: without slashes at the end.
    if (typeof name === "string" && origin) yield [name.replace(/\/+$/, ""), origin];
  }
}

function namesOf(table: unknown): string[] {
  return typeof table === "object" && table !== null && !Array.isArray(table) ? Object.keys(table) : [];
}

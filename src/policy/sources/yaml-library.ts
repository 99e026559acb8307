/**
 * The YAML library, loaded when a file has to be read, and held off texts that exhaust it.
 *
 * @module
 */
import type { Document } from "yaml";
import { isYamlDeeper } from "../../core/yaml-depth.ts";

/** The library's exports. */
export type YamlLibrary = typeof import("yaml");

/** No configuration is nested half as deep. */
const MAX_DEPTH = 50;

let library: Promise<YamlLibrary> | undefined;

/** The library. A failure to load it is not kept. */
export function loadYaml(): Promise<YamlLibrary> {
  library ??= import("yaml").catch((error: unknown) => {
    library = undefined;
    throw error;
  });
  return library;
}

/**
 * The documents of a text, with their problems, or nothing for one that is nested deeper than any file needs, or
 * closes what it did not open.
 *
 * Scalars stay text, and keys may be there twice: whoever reads the documents decides on both. Nothing is printed.
 */
export function parseYamlDocuments(library: YamlLibrary, text: string): Document.Parsed[] | undefined {
  if (isYamlDeeper(library, text, MAX_DEPTH)) return undefined;
  const documents = library.parseAllDocuments(text, {
    schema: "failsafe",
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
  });
  return Array.isArray(documents) ? documents : [];
}

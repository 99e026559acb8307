/**
 * YAML documents as trees with places, read as the library of Kubernetes reads them.
 *
 * A scalar is what YAML 1.1 makes of it, so that `yes` and `on` are booleans. Aliases and merge keys are resolved.
 *
 * Some things are refused that the library takes: tags other than those of texts, mappings and lists; keys that are
 * fractions; and a line that stands further left than the document's first, behind which the library reads nothing.
 *
 * @see {@link https://github.com/kubernetes-sigs/yaml/blob/v1.6.0/yaml.go}
 * @module
 */
import { loadYaml, parseYamlDocuments, type YamlLibrary } from "../../policy/sources/yaml-library.ts";
import { ConfigError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import { goScalar } from "./go-scalar.ts";
import {
  assertLength,
  type DataDocument,
  type DataNode,
  type DataScalar,
  type DuplicateKey,
  dottedKey,
} from "./tree.ts";

type YamlDocument = InstanceType<YamlLibrary["Document"]>;
type Path = readonly (string | number)[];

/** Nodes of all documents of a text, aliases resolved: they multiply. */
const MAX_NODES = 200_000;

interface Reading {
  readonly library: YamlLibrary;
  readonly aliases: ReadonlyMap<unknown, unknown>;
  readonly duplicates: DuplicateKey[];
  readonly originOf: (node: unknown, near: number) => Origin;
  /** Aliases that are being resolved. */
  readonly within: Set<unknown>;
  budget: { left: number };
}

/** Options of {@link parseYamlData}. */
export interface ParseYamlDataOptions {
  /** Whether only the first document counts, whatever stands behind it: the others come back as null. */
  isFirstOnly: boolean;
}

/**
 * The documents of a text of at most 1048576 UTF-16 code units, nested at most 50 levels deep. An empty document is
 * null.
 *
 * @param file What the origins name as the file; it is not read.
 * @throws {ConfigError} `ERR_CONFIG_TOO_LARGE`, `ERR_CONFIG_SYNTAX`.
 */
export async function parseYamlData(
  file: string,
  text: string,
  { isFirstOnly }: ParseYamlDataOptions = { isFirstOnly: false },
): Promise<DataDocument[]> {
  assertLength(file, text);
  const library = await loadYaml();
  const place = lineFinder(file, text);
  const documents = parseYamlDocuments(library, text);
  if (!documents) throw syntax("nested too deep", place(0));
  const budget = { left: MAX_NODES };
  return documents.map((document, index) => {
    if (isFirstOnly && index > 0) {
      const origin = place(startOf(document, 0));
      return { root: { kind: "null", value: null, origin }, duplicates: [] };
    }
    const [problem] = document.errors;
    if (problem) throw syntax(problem.message, place(problem.pos[0]), problem);
    const duplicates: DuplicateKey[] = [];
    const originOf = (node: unknown, near: number): Origin => place(startOf(node, near));
    const aliases = aliasesOf(library, document);
    const reading = { library, aliases, duplicates, originOf, within: new Set(), budget };
    return { root: nodeOf(document.contents, [], startOf(document, 0), reading), duplicates };
  });
}

function nodeOf(given: unknown, path: Path, near: number, reading: Reading): DataNode {
  const { library, originOf, budget } = reading;
  const origin = originOf(given, near);
  budget.left--;
  if (budget.left < 0) throw syntax("too many values", origin);
  if (given === null || given === undefined) return { kind: "null", value: null, origin };
  if (library.isAlias(given)) {
    return throughAlias(given, origin, reading, (target) => {
      return { ...nodeOf(target, path, near, reading), origin } as DataNode;
    });
  }
  const start = startOf(given, near);
  if (library.isScalar(given)) return scalarOf(given, origin);
  if (library.isMap(given)) {
    assertTag(given, "map", origin);
    const members = new Map<string, DataNode>();
    addMembers(given, members, path, start, reading);
    return { kind: "object", members, origin };
  }
  if (!library.isSeq(given)) throw syntax("a value of an unknown kind", origin);
  assertTag(given, "seq", origin);
  const items = given.items.map((item, index) => nodeOf(item, [...path, index], start, reading));
  return { kind: "list", items, origin };
}

/** In the order of the text: what a merge key brings in replaces what stands before it. */
function addMembers(
  map: { items: readonly unknown[] },
  members: Map<string, DataNode>,
  path: Path,
  near: number,
  reading: Reading,
): void {
  for (const { key, value } of map.items as readonly { key: unknown; value: unknown }[]) {
    const start = startOf(key, near);
    if (isMergeKey(key, reading)) {
      addMerged(value, members, path, start, reading);
      continue;
    }
    const name = keyOf(key, start, reading);
    const below = [...path, name];
    const child = nodeOf(value, below, start, reading);
    const earlier = members.get(name);
    if (earlier) {
      const origin = reading.originOf(key, near);
      reading.duplicates.push({ key: dottedKey(below), path: below, origin, earlier });
    }
    members.set(name, child);
  }
}

function addMerged(
  value: unknown,
  members: Map<string, DataNode>,
  path: Path,
  near: number,
  reading: Reading,
): void {
  const { library, originOf } = reading;
  const origin = originOf(value, near);
  if (library.isAlias(value)) {
    throughAlias(value, origin, reading, (target) => {
      if (!library.isMap(target))
        throw syntax("map merge requires map or sequence of maps as the value", origin);
      addMembers(target, members, path, near, reading);
    });
  } else if (library.isMap(value)) addMembers(value, members, path, near, reading);
  else if (library.isSeq(value)) {
    // The first of a list wins.
    for (const item of [...value.items].reverse()) {
      if (library.isSeq(item))
        throw syntax("map merge requires map or sequence of maps as the value", origin);
      addMerged(item, members, path, near, reading);
    }
  } else throw syntax("map merge requires map or sequence of maps as the value", origin);
}

function throughAlias<T>(alias: unknown, origin: Origin, reading: Reading, read: (target: unknown) => T): T {
  const { aliases, within } = reading;
  const target = aliases.get(alias);
  if (target === undefined) throw syntax("an alias of an unknown anchor", origin);
  if (within.has(target)) throw syntax("an anchor whose value contains itself", origin);
  within.add(target);
  try {
    return read(target);
  } finally {
    within.delete(target);
  }
}

function scalarOf(node: { value: unknown; type?: unknown; tag?: unknown }, origin: Origin): DataScalar {
  const text = String(node.value ?? "");
  const { tag } = node;
  if (tag !== undefined && tag !== "!" && tag !== "tag:yaml.org,2002:str") {
    throw syntax(`the tag ${JSON.stringify(String(tag).slice(0, 256))} is not read here`, origin);
  }
  if (node.type !== "PLAIN" || tag !== undefined) return { kind: "string", value: text, origin };
  const scalar = goScalar(text);
  switch (scalar.kind) {
    case "unrepresentable":
      throw syntax("json: unsupported value", origin);
    case "null":
      return { kind: "null", value: null, origin };
    case "number":
      return { kind: "number", value: scalar.value, origin };
    default:
      return { ...scalar, origin };
  }
}

/** The text of a key: what is no text to YAML is written out as one. */
function keyOf(key: unknown, near: number, reading: Reading): string {
  const { library, originOf } = reading;
  const origin = originOf(key, near);
  const target = library.isAlias(key) ? reading.aliases.get(key) : key;
  if (!library.isScalar(target)) throw syntax("a key that is no text", origin);
  const scalar = scalarOf(target, origin);
  if (scalar.kind === "null") throw syntax("a key that is null", origin);
  if (scalar.kind === "number" && !isWholeKey(String(target.value))) {
    throw syntax("a key that is a fraction or has more than 63 bits", origin);
  }
  return String(scalar.value);
}

function isWholeKey(text: string): boolean {
  const scalar = goScalar(text);
  return scalar.kind === "number" && scalar.isInteger && BigInt(scalar.value) < 2n ** 63n;
}

function isMergeKey(key: unknown, { library }: Reading): boolean {
  return library.isScalar(key) && key.value === "<<" && key.type === "PLAIN" && key.tag === undefined;
}

function assertTag({ tag }: { tag?: string | undefined }, kind: "map" | "seq", origin: Origin): void {
  if (tag === undefined || tag === `tag:yaml.org,2002:${kind}`) return;
  throw syntax(`the tag ${JSON.stringify(tag.slice(0, 256))} is not read here`, origin);
}

/** What each alias stands for: the latest node before it that bears the anchor. */
function aliasesOf(library: YamlLibrary, document: YamlDocument): Map<unknown, unknown> {
  const anchors = new Map<string, unknown>();
  const aliases = new Map<unknown, unknown>();
  library.visit(document, {
    Node(_, node) {
      if (library.isAlias(node)) aliases.set(node, anchors.get(node.source));
      else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return aliases;
}

function startOf(node: unknown, near: number): number {
  const { range } = (node ?? {}) as { range?: readonly number[] | null };
  return range?.[0] ?? near;
}

/** Tells the place of an index. */
function lineFinder(file: string, text: string): (index: number) => Origin {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (index) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= index) low = middle;
      else high = middle;
    }
    return { file, line: low + 1, column: index - (starts[low] ?? 0) + 1 };
  };
}

function syntax(why: string, origin: Origin, cause?: unknown): ConfigError {
  const message = `${origin.file}: yaml: line ${origin.line}: ${why}`;
  return new ConfigError("ERR_CONFIG_SYNTAX", message, cause === undefined ? { origin } : { origin, cause });
}

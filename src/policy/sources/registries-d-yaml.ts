/**
 * One file of registries.d, read as the YAML library of podman and CRI-O reads it into their structures.
 *
 * What that library passes over is a note here: keys that mean nothing, and documents after the first. What it refuses
 * is refused: a value of another kind than its key's, and a key twice in a mapping that is looked at. Anchors, aliases
 * and merge keys count; of tags only those of texts and mappings.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-registries.d.5.md}
 * @module
 */
import type { Document, Node, Pair, Scalar, YAMLMap } from "yaml";
import { PolicyError } from "../errors.ts";
import { quote } from "../quote.ts";
import { loadYaml, parseYamlDocuments, type YamlLibrary } from "./yaml-library.ts";

/** One section of a file: every option that it sets. */
export interface SectionOptions {
  /** Where signatures are read, and written if there is no place for that. */
  readonly lookaside?: string;
  /** Where signatures are written. */
  readonly lookasideStaging?: string;
  /** The old name of `lookaside`, which goes before it. */
  readonly sigstore?: string;
  /** The old name of `lookaside-staging`, which goes before it. */
  readonly sigstoreStaging?: string;
  /** Whether signatures that cosign attached are looked for. */
  readonly useSigstoreAttachments?: boolean;
}

/** Something in a file that has no effect, though its author may think so. */
export interface RegistriesDNote {
  /** `unknown-key`: nothing reads it. `ignored-document`: only the first document of a file counts. */
  readonly kind: "unknown-key" | "ignored-document";
  /** As `docker."quay.io".lookasid`; empty for a document. */
  readonly key: string;
  /** From 1. */
  readonly line: number;
}

/** What a file says. */
export interface RegistriesDFile {
  readonly defaultDocker: SectionOptions | undefined;
  readonly docker: ReadonlyMap<string, SectionOptions>;
  readonly notes: readonly RegistriesDNote[];
}

type Entry = readonly [key: string, value: Node | null, offset: number];

/** Members of all mappings of a file: aliases and merge keys multiply them. */
const MAX_MEMBERS = 200_000;
const MAX_NOTES = 1000;

/**
 * Reads a file of registries.d.
 *
 * URLs are taken as they stand, and scopes are not checked: one that no image has is never looked up.
 *
 * @param path Where the file is, for messages.
 * @throws {PolicyError} `ERR_POLICY_REGISTRIES_D`.
 */
export async function parseRegistriesDFile(path: string, text: string): Promise<RegistriesDFile> {
  const library = await loadYaml();
  const lineOf = lineFinder(text);
  const refuse = (index: number, message: string, cause?: unknown): PolicyError =>
    new PolicyError(
      "ERR_POLICY_REGISTRIES_D",
      `parsing ${path}: yaml: line ${lineOf(index)}: ${message}`,
      cause === undefined ? {} : { cause },
    );
  const documents = parseYamlDocuments(library, text);
  if (!documents) throw refuse(0, "nested too deep");
  const [document, next] = documents;
  const [problem] = document?.errors ?? [];
  if (problem) throw refuse(problem.pos[0], problem.message, problem);
  const notes: RegistriesDNote[] = [];
  if (next) notes.push({ kind: "ignored-document", key: "", line: lineOf(next.range?.[0] ?? 0) });
  if (!document) return { defaultDocker: undefined, docker: new Map(), notes };
  const aliases = aliasesOf(library, document);
  return readDocument({ library, document, aliases, refuse, lineOf, notes, budget: MAX_MEMBERS });
}

interface Reading {
  readonly library: YamlLibrary;
  readonly document: Document.Parsed;
  readonly aliases: ReadonlyMap<unknown, Node>;
  readonly refuse: (index: number, message: string) => PolicyError;
  readonly lineOf: (index: number) => number;
  readonly notes: RegistriesDNote[];
  /** Members that may still be read. */
  budget: number;
}

function readDocument(reading: Reading): RegistriesDFile {
  const { document } = reading;
  let defaultDocker: SectionOptions | undefined;
  const docker = new Map<string, SectionOptions>();
  for (const [key, value, offset] of entriesOf(document.contents, reading)) {
    if (key === "default-docker") {
      if (!isNull(value, reading)) defaultDocker = sectionOf(value, key, reading);
    } else if (key === "docker") {
      for (const [scope, section] of entriesOf(value, reading)) {
        docker.set(scope, sectionOf(section, `docker.${quote(scope)}`, reading));
      }
    } else note(reading, key, offset);
  }
  return { defaultDocker, docker, notes: reading.notes };
}

const TEXTS = {
  lookaside: "lookaside",
  "lookaside-staging": "lookasideStaging",
  sigstore: "sigstore",
  "sigstore-staging": "sigstoreStaging",
} as const;

function sectionOf(node: Node | null, path: string, reading: Reading): SectionOptions {
  const section: { -readonly [K in keyof SectionOptions]: SectionOptions[K] } = {};
  for (const [key, value, offset] of entriesOf(node, reading)) {
    if (Object.hasOwn(TEXTS, key)) {
      const text = textOf(value, reading);
      // An empty text is the same as none.
      if (text) section[TEXTS[key as keyof typeof TEXTS]] = text;
    } else if (key === "use-sigstore-attachments") {
      const flag = booleanOf(value, reading);
      if (flag !== undefined) section.useSigstoreAttachments = flag;
    } else note(reading, `${path}.${key}`, offset);
  }
  return section;
}

function note({ notes, lineOf }: Reading, key: string, offset: number): void {
  if (notes.length >= MAX_NOTES) return;
  notes.push({ kind: "unknown-key", key: key.slice(0, 1024), line: lineOf(offset) });
}

/** The members of a mapping, those that merge keys bring last; none for null. */
function entriesOf(node: Node | null, reading: Reading): Entry[] {
  const entries = new Map<string, Entry>();
  collectEntries(node, reading, entries, []);
  return [...entries.values()];
}

function collectEntries(
  given: Node | null,
  reading: Reading,
  entries: Map<string, Entry>,
  within: readonly unknown[],
): void {
  if (isNull(given, reading)) return;
  const { library, refuse } = reading;
  const node = target(given, reading);
  if (!library.isMap(node) || !isUntagged(node, "map")) throw refuse(startOf(node), "a mapping is expected");
  if (within.includes(node)) throw refuse(startOf(node), "a mapping that contains itself");
  const seen = new Set<string>();
  const merged: (Node | null)[] = [];
  for (const pair of (node as YAMLMap).items as Pair<Node, Node | null>[]) {
    reading.budget--;
    if (reading.budget < 0) throw refuse(startOf(node), "too many members");
    const key = target(pair.key, reading);
    if (!library.isScalar(key)) throw refuse(startOf(node), "a key that is no text");
    const name = String((key as Scalar).value);
    if (seen.has(name)) throw refuse(startOf(key), `mapping key ${quote(name)} is already defined`);
    seen.add(name);
    if (key.type === "PLAIN" && name === "<<") merged.push(pair.value);
    else if (!isNull(key, reading) && !entries.has(name)) {
      entries.set(name, [name, pair.value, startOf(key)]);
    }
  }
  for (const source of merged) {
    const resolved = source && target(source, reading);
    const parts = library.isSeq(resolved) ? (resolved.items as Node[]) : [resolved];
    for (const part of parts) {
      const mapping = part && target(part, reading);
      if (!library.isMap(mapping)) throw refuse(startOf(node), "map merge requires map or sequence of maps");
      collectEntries(mapping, reading, entries, [...within, node]);
    }
  }
}

/** The text of a scalar, of whatever type it would be; nothing for null. */
function textOf(given: Node | null, reading: Reading): string | undefined {
  if (isNull(given, reading)) return undefined;
  const node = target(given, reading);
  if (!reading.library.isScalar(node) || !isUntagged(node, "str")) {
    throw reading.refuse(startOf(node), "a text is expected");
  }
  return String((node as Scalar).value);
}

const TRUE = ["true", "True", "TRUE"];
const FALSE = ["false", "False", "FALSE"];
/** Words of YAML 1.1, which that library takes where a boolean is wanted, quoted or not. */
const OLD_TRUE = ["y", "Y", "yes", "on"];
const OLD_FALSE = ["n", "N", "no", "off"];

function booleanOf(given: Node | null, reading: Reading): boolean | undefined {
  const text = textOf(given, reading);
  if (text === undefined) return undefined;
  const node = target(given, reading) as Scalar;
  const isPlain = node.type === "PLAIN" && node.tag === undefined;
  if ((isPlain && TRUE.includes(text)) || OLD_TRUE.includes(text)) return true;
  if ((isPlain && FALSE.includes(text)) || OLD_FALSE.includes(text)) return false;
  throw reading.refuse(startOf(node), "a boolean is expected");
}

function isNull(given: Node | null, reading: Reading): boolean {
  const node = given && target(given, reading);
  if (!node) return true;
  const { isScalar } = reading.library;
  if (!isScalar(node) || node.type !== "PLAIN" || node.tag !== undefined) return false;
  return /^(?:|~|null|Null|NULL)$/.test(String((node as Scalar).value));
}

function isUntagged({ tag }: { tag?: string | undefined }, kind: "map" | "str"): boolean {
  return tag === undefined || tag === `tag:yaml.org,2002:${kind}`;
}

/** What a node stands for. */
function target(node: Node | null, { aliases, library, refuse }: Reading): Node {
  if (!node) throw refuse(0, "nothing where something is expected");
  if (!library.isAlias(node)) return node;
  const found = aliases.get(node);
  if (!found) throw refuse(startOf(node), `unknown anchor ${quote(node.source)} referenced`);
  return found;
}

/** What each alias stands for: the latest node before it that bears the anchor, as the text goes. */
function aliasesOf(library: YamlLibrary, document: Document.Parsed): Map<unknown, Node> {
  const anchors = new Map<string, Node>();
  const aliases = new Map<unknown, Node>();
  library.visit(document, {
    Node(_, node) {
      if (library.isAlias(node)) {
        const found = anchors.get(node.source);
        if (found) aliases.set(node, found);
      } else if (node.anchor !== undefined) anchors.set(node.anchor, node as Node);
    },
  });
  return aliases;
}

function startOf(node: unknown): number {
  const { range } = (node ?? {}) as { range?: readonly number[] | null };
  return range?.[0] ?? 0;
}

/** Tells the line of an index, from 1. */
function lineFinder(text: string): (index: number) => number {
  let starts: number[] | undefined;
  return (index) => {
    if (!starts) {
      starts = [0];
      for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
    }
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((starts[middle] ?? 0) <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

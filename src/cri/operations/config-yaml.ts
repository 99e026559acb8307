/**
 * A configuration in YAML.
 *
 * Plain words are read by this file and not by the YAML library: versions of YAML disagree on words such as `yes` and
 * `010`, and crictl reads them by version 1.1. A word on which they disagree has a value of its own kind here,
 * so that it is refused wherever it would matter.
 *
 * @see {@link https://yaml.org/spec/1.2.2/}
 * @module
 */
import { isAlias, isCollection, isMap, isScalar, Lexer, Parser, parseDocument, type Scalar } from "yaml";
import { locate } from "../../core/json-tree.ts";
import { isYamlDeeper } from "../../core/yaml-depth.ts";
import { numberOf } from "./config-json.ts";
import {
  type ConfigMember,
  type ConfigNode,
  type ConfigText,
  configError,
  MAX_CONFIG_DEPTH,
} from "./config-tree.ts";

/** What the conversion of a document has seen. */
interface YamlReading {
  /** The complete nodes that have an anchor, the latest of each name. */
  readonly anchors: Map<string, ConfigNode>;
  /** How many members merge keys have brought. */
  merged: number;
  /** Thrown to end the reading. */
  readonly fail: (offset: number, message: string) => never;
}

/** Most members that merge keys may bring: aliases multiply them. */
const MAX_MERGED = 100_000;

/**
 * The tree of a text in YAML: one document, with anchors, aliases and merge keys resolved.
 *
 * An alias shares its node: what it would be written out is bounded by the reader of the tree.
 *
 * @throws {CriError} `ERR_CRI_CONFIG_INVALID` for what is not one document of YAML, a mapping that names a key twice,
 * an alias inside its own anchor, and a tag other than those of texts, lists, mappings and `!!binary`.
 */
export function readYamlConfig(name: string, text: string): ConfigText {
  const bytes = Buffer.from(text);
  const locateIndex = (index: number) => locate(bytes, Buffer.byteLength(text.slice(0, index)));
  const refuse = (index: number, message: string, cause?: unknown) => {
    const { line, column } = locateIndex(index);
    return configError(name, [{ path: "$", line, column, message }], cause);
  };
  const fail = (index: number, message: string): never => {
    throw refuse(index, message);
  };
  assertBrackets(text, fail);
  if (isYamlDeeper({ Lexer, Parser }, text, MAX_CONFIG_DEPTH)) fail(0, "nested too deep");
  // Names of keys are compared below: the library compares each with every other.
  const document = parseDocument(text, { schema: "failsafe", uniqueKeys: false, prettyErrors: false });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw refuse(problem.pos[0], problem.message, problem);
  const tree = nodeOf(document.contents, { anchors: new Map(), merged: 0, fail }, 0, 0);
  return { tree, locate: locateIndex };
}

/** Marks of the lexer, which stand for no text: the start of a document, a broken-off flow, a scalar that follows. */
const LEXER_MARKS: readonly string[] = ["\u0002", "\u0018", "\u001f"];

/** Refuses nesting that is too deep, and closing brackets of nothing, which the library takes quadratic time over. */
function assertBrackets(text: string, fail: YamlReading["fail"]): void {
  let depth = 0;
  let index = 0;
  let inScalar = false;
  for (const token of new Lexer().lex(text)) {
    if (LEXER_MARKS.includes(token)) {
      inScalar = token === "\u001f";
      if (token === "\u0018") depth = 0;
      continue;
    }
    if (!inScalar && (token === "[" || token === "{")) depth++;
    if (!inScalar && (token === "]" || token === "}")) depth--;
    if (depth < 0) fail(index, `${token} closes nothing`);
    if (depth > MAX_CONFIG_DEPTH) fail(index, "nested too deep");
    inScalar = false;
    index += token.length;
  }
}

function nodeOf(node: unknown, reading: YamlReading, depth: number, near: number): ConfigNode {
  if (depth > MAX_CONFIG_DEPTH) reading.fail(near, "nested too deep");
  if (node === null || node === undefined) return { kind: "null", offset: near };
  if (isAlias(node)) {
    const [index] = node.range ?? [near];
    return (
      reading.anchors.get(node.source) ?? reading.fail(index, `no anchor ${node.source} before this alias`)
    );
  }
  const value = isScalar(node) ? scalarOf(node, reading, near) : collectionOf(node, reading, depth, near);
  const { anchor } = node as { anchor?: string | undefined };
  if (anchor !== undefined) reading.anchors.set(anchor, value);
  return value;
}

const COLLECTION_TAGS: readonly (string | undefined)[] = [
  undefined,
  "tag:yaml.org,2002:map",
  "tag:yaml.org,2002:seq",
];

function collectionOf(node: unknown, reading: YamlReading, depth: number, near: number): ConfigNode {
  if (!isCollection(node)) return reading.fail(near, "a value of an unknown kind");
  const [index] = node.range ?? [near];
  if (!COLLECTION_TAGS.includes(node.tag)) reading.fail(index, `the tag ${node.tag} is not known here`);
  if (isMap(node)) {
    return { kind: "object", offset: index, members: membersOf(node.items, reading, depth, index) };
  }
  const items = node.items.map((item) => nodeOf(item, reading, depth + 1, index));
  return { kind: "array", offset: index, items };
}

function membersOf(
  pairs: readonly { key: unknown; value: unknown }[],
  reading: YamlReading,
  depth: number,
  near: number,
): ConfigMember[] {
  const members = new Map<string, ConfigMember>();
  const merged: ConfigNode[] = [];
  for (const { key, value } of pairs) {
    if (!isScalar(key)) return reading.fail(near, "a key that is no text");
    const [index] = key.range ?? [near];
    if (key.type === "PLAIN" && key.value === "<<") {
      merged.push(nodeOf(value, reading, depth + 1, index));
      continue;
    }
    const name = keyOf(key, reading, near);
    if (members.has(name)) reading.fail(index, `Duplicate key ${JSON.stringify(name)}`);
    members.set(name, { key: name, offset: index, value: nodeOf(value, reading, depth + 1, index) });
  }
  for (const source of merged) addMerged(members, source, reading, near);
  return [...members.values()];
}

/** Adds the members of a merge key that are not there: those of one mapping, or of several, the first one's first. */
function addMerged(
  members: Map<string, ConfigMember>,
  source: ConfigNode,
  reading: YamlReading,
  near: number,
): void {
  for (const each of source.kind === "array" ? source.items : [source]) {
    if (each.kind !== "object") reading.fail(near, "a merge key with something else than mappings");
    else {
      reading.merged += each.members.length;
      if (reading.merged > MAX_MERGED) reading.fail(near, "merge keys that bring too much");
      for (const member of each.members) if (!members.has(member.key)) members.set(member.key, member);
    }
  }
}

/** The text of a key. A plain number counts as its digits; a word that is read differently has to be quoted. */
function keyOf(key: Scalar, reading: YamlReading, near: number): string {
  const value = scalarOf(key, reading, near);
  if (value.kind === "string") return value.value;
  if (value.kind === "integer" && String(value.value) === key.source) return key.source;
  return reading.fail(key.range?.[0] ?? near, `the key ${String(key.source).slice(0, 64)} must be quoted`);
}

function scalarOf(node: Scalar, reading: YamlReading, near: number): ConfigNode {
  const offset = node.range?.[0] ?? near;
  const { tag, value } = node;
  if (tag === "tag:yaml.org,2002:binary" && value instanceof Uint8Array) {
    const bytes = new Uint8Array(value);
    // The decoder skips what is not base64.
    const same = Buffer.from(bytes).toString("base64") === String(node.source).replaceAll(/\s/g, "");
    return same ? { kind: "bytes", offset, value: bytes } : reading.fail(offset, "!!binary without base64");
  }
  if (typeof value !== "string" || (tag !== undefined && tag !== "tag:yaml.org,2002:str")) {
    return reading.fail(offset, `the tag ${tag} is not known here`);
  }
  return node.type === "PLAIN" && tag === undefined
    ? plainOf(value, offset)
    : { kind: "string", offset, value };
}

/*
 * Words that are no texts. What YAML 1.1 alone reads as a time or in base 60 is a text to crictl and to YAML 1.2, and
 * here.
 */
const NULL = /^(?:|~|null|Null|NULL)$/;
const TRUE = /^(?:true|True|TRUE)$/;
const FALSE = /^(?:false|False|FALSE)$/;
const DECIMAL = /^[-+]?(?:0|[1-9][0-9]*)$/;
const OTHER_BOOLEAN = /^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF)$/;
const OTHER_NUMBER = new RegExp(
  "^[-+]?(?:" +
    // Floats, and whole numbers with a zero in front or with underscores.
    "(?:[0-9][0-9_]*(?:\\.[0-9_]*)?|\\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?" +
    "|0[xob][0-9a-fA-F_]+|\\.(?:inf|Inf|INF|nan|NaN|NAN))$",
);

function plainOf(text: string, offset: number): ConfigNode {
  if (NULL.test(text)) return { kind: "null", offset };
  if (TRUE.test(text)) return { kind: "boolean", offset, value: true };
  if (FALSE.test(text)) return { kind: "boolean", offset, value: false };
  if (DECIMAL.test(text)) return numberOf(text.replace("+", ""), offset);
  if (OTHER_BOOLEAN.test(text)) {
    const problem = `YAML 1.1 reads ${text} as a boolean and YAML 1.2 as a text; write true or false, or quote it`;
    return { kind: "other", offset, text, problem };
  }
  if (OTHER_NUMBER.test(text)) {
    const problem = `${text.slice(0, 64)} is read as a number; write it in decimal, or quote it`;
    return { kind: "other", offset, text, problem };
  }
  return { kind: "string", offset, value: text };
}

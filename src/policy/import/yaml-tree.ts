/**
 * YAML with several documents, as a tree of the kind that JSON is read into: the readers of policies then read both,
 * and say line and column of what they refuse.
 *
 * Stricter than YAML, since versions and libraries of it disagree: words such as `yes` and `on`, which are booleans to
 * some, must be quoted; aliases, merge keys and tags of one's own are refused.
 *
 * @see {@link https://yaml.org/spec/1.2.2/}
 * @module
 */
import type { Node, Scalar } from "yaml";
import type { JsonArray, JsonNode, JsonObject, JsonText } from "../../core/json-tree.ts";
import { locate } from "../../core/json-tree.ts";
import { PolicyError } from "../errors.ts";
import { quote } from "../quote.ts";
import { loadYaml, parseYamlDocuments, type YamlLibrary } from "../sources/yaml-library.ts";

/** Longest text accepted unless told otherwise, in bytes: more than any API server keeps of one object. */
const DEFAULT_MAX_BYTES = 4 * 1024 * 1024;

/**
 * The documents of a text, as the items of a list. Empty documents are left out.
 *
 * @throws {PolicyError} `ERR_POLICY_SYNTAX` for what is not YAML in UTF-8 of the accepted kind,
 * `ERR_POLICY_TOO_LARGE`.
 */
export async function parseYamlTree(
  input: string | Uint8Array,
  maxBytes: number = DEFAULT_MAX_BYTES,
): Promise<JsonNode[]> {
  const bytes = typeof input === "string" ? undefined : input;
  if ((bytes?.byteLength ?? (input as string).length) > maxBytes) {
    throw new PolicyError("ERR_POLICY_TOO_LARGE", `YAML text of more than ${maxBytes} bytes`);
  }
  const text = bytes ? decode(bytes) : (input as string);
  const encoded = Buffer.from(text);
  const offsets = byteOffsets(text);
  const offsetOf = (index: number): number => offsets[Math.min(index, text.length)] ?? 0;
  const refuse = (index: number, message: string, cause?: unknown): PolicyError => {
    const position = { path: "$", ...locate(encoded, offsetOf(index)) };
    return new PolicyError("ERR_POLICY_SYNTAX", `yaml: ${message}`, { position, cause });
  };
  const library = await loadYaml();
  const documents = parseYamlDocuments(library, text);
  if (!documents) throw refuse(0, "nested too deep");
  const root: JsonText = { kind: "text", bytes: encoded };
  const list: JsonArray = { kind: "array", offset: 0, parent: root, key: "", items: [] };
  const reading: Reading = { library, refuse, offsetOf };
  for (const document of documents) {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem) throw refuse(problem.pos[0], problem.message, problem);
    const node = treeOf(document.contents, list, list.items.length, startOf(document, 0), reading);
    if (node.kind !== "null") list.items.push(node);
  }
  return list.items;
}

interface Reading {
  readonly library: YamlLibrary;
  readonly refuse: (index: number, message: string, cause?: unknown) => PolicyError;
  readonly offsetOf: (index: number) => number;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new PolicyError("ERR_POLICY_SYNTAX", "yaml: the text is not UTF-8", { cause });
  }
}

/** Bytes before each index of a text. */
function byteOffsets(text: string): Uint32Array {
  const offsets = new Uint32Array(text.length + 1);
  let total = 0;
  for (let index = 0; index < text.length; ) {
    const length = (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
    const size = Buffer.byteLength(text.slice(index, index + length));
    for (let unit = 0; unit < length; unit++) offsets[index + unit] = total;
    total += size;
    index += length;
  }
  offsets[text.length] = total;
  return offsets;
}

function treeOf(
  node: unknown,
  parent: JsonArray | JsonObject,
  key: string | number,
  near: number,
  reading: Reading,
): JsonNode {
  const { library, refuse, offsetOf } = reading;
  const start = startOf(node, near);
  // A block begins on the line after its key, which is where one looks for it.
  const isBlock = library.isCollection(node) && !node.flow;
  const place = { parent, key, offset: offsetOf(isBlock ? near : start) };
  if (node === null || node === undefined) return { kind: "null", ...place };
  if (library.isAlias(node)) throw refuse(start, "aliases are not read here");
  const { tag, anchor } = node as Node & { anchor?: string };
  if (anchor !== undefined) throw refuse(start, "anchors are not read here");
  if (library.isScalar(node)) return scalarOf(node, place, start, reading);
  if (library.isMap(node)) {
    if (tag !== undefined && tag !== "tag:yaml.org,2002:map")
      throw refuse(start, `unknown tag ${quote(tag)}`);
    const object: JsonObject = { kind: "object", members: [], ...place };
    for (const { key: name, value } of node.items as readonly { key: unknown; value: unknown }[]) {
      const text = keyOf(name, start, reading);
      const child = treeOf(value, object, text, startOf(name, start), reading);
      object.members.push({ key: text, value: child });
    }
    return object;
  }
  if (!library.isSeq(node)) throw refuse(start, "a value of an unknown kind");
  if (tag !== undefined && tag !== "tag:yaml.org,2002:seq") throw refuse(start, `unknown tag ${quote(tag)}`);
  const array: JsonArray = { kind: "array", items: [], ...place };
  for (const item of node.items) array.items.push(treeOf(item, array, array.items.length, start, reading));
  return array;
}

function keyOf(node: unknown, near: number, reading: Reading): string {
  const { library, refuse } = reading;
  const start = startOf(node, near);
  if (!library.isScalar(node)) throw refuse(start, "a key that is no text");
  const text = String((node as Scalar).value ?? "");
  if (node.type === "PLAIN" && text === "<<") throw refuse(start, "merge keys are not read here");
  if (isText(node, text, start, reading)) return text;
  throw refuse(start, `the key ${quote(text)} is no text: put it in quotes`);
}

/** Words that some versions of YAML take for booleans, and others for texts. */
const DISPUTED = /^(?:y|yes|n|no|on|off)$/i;
const NULL = /^(?:|~|null|Null|NULL)$/;
const BOOLEAN = /^(?:true|True|TRUE|false|False|FALSE)$/;
/** Whatever is a number by version 1.1 or 1.2. */
const NUMBER =
  /^[-+]?(?:0x[0-9a-f_]+|0o[0-7_]+|0b[01_]+|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:e[-+]?[0-9]+)?|\.inf|\.nan)$/i;

function isText(node: Scalar, text: string, start: number, { refuse }: Reading): boolean {
  const { tag, type } = node;
  if (tag !== undefined && tag !== "tag:yaml.org,2002:str" && tag !== "!") {
    throw refuse(start, `unknown tag ${quote(tag)}`);
  }
  if (type !== "PLAIN" || tag !== undefined) return true;
  if (DISPUTED.test(text)) {
    throw refuse(start, `${quote(text)} is a boolean to some readers and a text to others: put it in quotes`);
  }
  return !NULL.test(text) && !BOOLEAN.test(text) && !(text.length <= 64 && NUMBER.test(text));
}

function scalarOf(
  node: Scalar,
  place: Pick<JsonNode, "parent" | "key" | "offset">,
  start: number,
  reading: Reading,
): JsonNode {
  const text = String(node.value ?? "");
  if (isText(node, text, start, reading)) return { kind: "string", value: text, ...place };
  if (NULL.test(text)) return { kind: "null", ...place };
  if (BOOLEAN.test(text)) return { kind: "boolean", value: text.toLowerCase() === "true", ...place };
  return { kind: "number", text, ...place };
}

function startOf(node: unknown, near: number): number {
  const { range } = (node ?? {}) as { range?: readonly number[] | null };
  return range?.[0] ?? near;
}

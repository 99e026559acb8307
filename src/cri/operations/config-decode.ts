/**
 * From the tree of a configuration to a message.
 *
 * @module
 */
import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { segment } from "../../core/json-tree.ts";
import type { ConfigMember, ConfigNode } from "./config-tree.ts";

/** What is wrong with a value. */
export interface DecodeProblem {
  path: string;
  offset: number;
  message: string;
}

/** Plain data for a message. */
export type MessageData = Record<string, unknown>;

/** Most problems of a kind that are noted. */
const MAX_PROBLEMS = 100;

/** What {@link decodeConfig} finds. */
export interface DecodedConfig {
  data: MessageData;
  /** Values that do not fit; at most the first hundred. */
  invalid: readonly DecodeProblem[];
  /** Keys that the message does not have; at most the first hundred. */
  unknown: readonly DecodeProblem[];
}

/** Most values that a configuration may have with its aliases written out. */
const MAX_VALUES = 1_000_000;

/**
 * Plain data for a message, and everything that does not fit.
 *
 * Keys are the names of the contract (`log_directory`) in any case, as Go's decoder takes them, or lowerCamelCase
 * (`logDirectory`). Values that do not fit are left out. `null` counts as absent.
 */
export function decodeConfig(schema: DescMessage, node: ConfigNode): DecodedConfig {
  const decoding: Decoding = { invalid: [], unknown: [], values: 0 };
  const data = messageOf(schema, node, "$", decoding) ?? {};
  return { data, invalid: decoding.invalid, unknown: decoding.unknown };
}

interface Decoding {
  readonly invalid: DecodeProblem[];
  readonly unknown: DecodeProblem[];
  /** How many values there were, those of aliases each time. */
  values: number;
}

/** Notes a problem. The value is left out. */
function refuse({ invalid }: Decoding, node: { offset: number }, path: string, message: string): undefined {
  note(invalid, { path, offset: node.offset, message });
  return undefined;
}

/** Lists stay short enough to read. */
function note(list: DecodeProblem[], problem: DecodeProblem): void {
  if (list.length < MAX_PROBLEMS) list.push(problem);
}

function messageOf(
  schema: DescMessage,
  node: ConfigNode,
  path: string,
  decoding: Decoding,
): MessageData | undefined {
  if (node.kind !== "object")
    return refuse(decoding, node, path, `an object is expected, not ${kindOf(node)}`);
  const data: MessageData = {};
  const fields = fieldsByKey(schema);
  const seen = new Set<DescField>();
  for (const member of node.members) {
    const place = path + segment(member.key);
    const field = fields.get(member.key) ?? fields.get(asciiLower(member.key));
    if (!field) {
      const message = `unknown key ${JSON.stringify(member.key.slice(0, 256))}`;
      note(decoding.unknown, { path: place, offset: member.offset, message });
    } else if (seen.has(field)) {
      refuse(decoding, member, place, `${field.name} is there twice, in two spellings`);
    } else {
      seen.add(field);
      if (member.value.kind === "null") continue;
      const value = fieldOf(field, member, place, decoding);
      if (value !== undefined) data[field.localName] = value;
    }
  }
  return data;
}

/** The fields of a message by their spellings; by those in lower case, too, where no other field has that. */
function fieldsByKey(schema: DescMessage): ReadonlyMap<string, DescField> {
  const known = keys.get(schema);
  if (known) return known;
  const fields = new Map<string, DescField>();
  for (const field of schema.fields) {
    for (const name of [field.name, field.jsonName, asciiLower(field.name), asciiLower(field.jsonName)]) {
      fields.set(name, field);
    }
  }
  keys.set(schema, fields);
  return fields;
}

const keys = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

/** Whether a text has a lone surrogate, which has no form in UTF-8. */
function isIllFormed(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}

function asciiLower(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function fieldOf(
  field: DescField,
  { value: node }: Pick<ConfigMember, "value">,
  path: string,
  decoding: Decoding,
): unknown {
  if (field.fieldKind === "list") {
    if (node.kind !== "array")
      return refuse(decoding, node, path, `an array is expected, not ${kindOf(node)}`);
    return node.items.flatMap((item, at) => itemOf(field, item, `${path}[${at}]`, decoding) ?? []);
  }
  if (field.fieldKind === "map") {
    if (node.kind !== "object")
      return refuse(decoding, node, path, `an object is expected, not ${kindOf(node)}`);
    const entries: [string, unknown][] = [];
    for (const { key, value } of node.members) {
      const place = path + segment(key);
      if (isIllFormed(key)) refuse(decoding, value, place, "the key is no well-formed text");
      const entry = itemOf(field, value, place, decoding);
      if (entry !== undefined) entries.push([key, entry]);
    }
    // Own properties, whatever the key is called.
    return Object.fromEntries(entries);
  }
  return itemOf(field, node, path, decoding);
}

/** One value of a field; of a list, one of its items. */
function itemOf(field: DescField, node: ConfigNode, path: string, decoding: Decoding): unknown {
  if (++decoding.values > MAX_VALUES) {
    if (decoding.values > MAX_VALUES + 1) return undefined;
    return refuse(decoding, node, path, `more than ${MAX_VALUES} values, with aliases written out`);
  }
  if (field.message) return messageOf(field.message, node, path, decoding);
  if (field.enum) return enumOf(field.enum, node, path, decoding);
  return scalarOf(field.scalar ?? ScalarType.STRING, node, path, decoding);
}

/** Spellings of an enum's values: by name, and without the prefix that newer contracts add to some. */
export function enumNames({ values }: DescEnum): ReadonlyMap<string, number> {
  return new Map(
    values.flatMap(({ name, localName, number }) => [[name, number] as const, [localName, number]]),
  );
}

function enumOf(type: DescEnum, node: ConfigNode, path: string, decoding: Decoding): number | undefined {
  if (node.kind === "string") {
    const number = enumNames(type).get(node.value);
    if (number !== undefined) return number;
  }
  if (node.kind === "integer" && type.values.some(({ number }) => BigInt(number) === node.value)) {
    return Number(node.value);
  }
  const names = type.values.slice(0, 8).map(({ name, number }) => `${name} (${number})`);
  const more = type.values.length > 8 ? ", …" : "";
  return refuse(decoding, node, path, `${kindOf(node)} is none of ${names.join(", ")}${more}`);
}

/** The range of a whole number. */
export function integerRange(scalar: ScalarType): readonly [min: bigint, max: bigint] | undefined {
  switch (scalar) {
    case ScalarType.INT32:
      return [-(2n ** 31n), 2n ** 31n - 1n];
    case ScalarType.UINT32:
      return [0n, 2n ** 32n - 1n];
    case ScalarType.INT64:
      return [-(2n ** 63n), 2n ** 63n - 1n];
    case ScalarType.UINT64:
      return [0n, 2n ** 64n - 1n];
    default:
      return undefined;
  }
}

/** Whole numbers in texts, as JSON of protocol buffers writes those of 64 bits. */
export const INTEGER_TEXT = "^(?:0|-?[1-9][0-9]{0,19})$";

function scalarOf(scalar: ScalarType, node: ConfigNode, path: string, decoding: Decoding): unknown {
  const range = integerRange(scalar);
  if (range) return integerOf(scalar, range, node, path, decoding);
  if (scalar === ScalarType.BOOL) {
    if (node.kind === "boolean") return node.value;
    return refuse(decoding, node, path, `true or false is expected, not ${kindOf(node)}`);
  }
  if (scalar === ScalarType.BYTES && node.kind === "bytes") return node.value;
  if (node.kind !== "string") return refuse(decoding, node, path, `a text is expected, not ${kindOf(node)}`);
  if (isIllFormed(node.value)) return refuse(decoding, node, path, "the text is not well formed");
  return scalar === ScalarType.BYTES ? new TextEncoder().encode(node.value) : node.value;
}

function integerOf(
  scalar: ScalarType,
  [min, max]: readonly [bigint, bigint],
  node: ConfigNode,
  path: string,
  decoding: Decoding,
): bigint | number | undefined {
  const text = node.kind === "string" && new RegExp(INTEGER_TEXT).test(node.value);
  const value = node.kind === "integer" ? node.value : text ? BigInt(node.value) : undefined;
  if (value === undefined)
    return refuse(decoding, node, path, `a whole number is expected, not ${kindOf(node)}`);
  if (value < min || value > max)
    return refuse(decoding, node, path, `${value} is not from ${min} to ${max}`);
  return scalar === ScalarType.INT32 || scalar === ScalarType.UINT32 ? Number(value) : value;
}

/** What a value is, for a person. */
function kindOf(node: ConfigNode): string {
  switch (node.kind) {
    case "string":
      return `the text ${JSON.stringify(node.value.slice(0, 64))}`;
    case "integer":
      return `the number ${node.value}`;
    case "boolean":
      return `${node.value}`;
    case "other":
      return `${node.text.slice(0, 64)} (${node.problem})`;
    case "bytes":
      return "bytes";
    default:
      return node.kind === "null" ? "null" : `an ${node.kind}`;
  }
}

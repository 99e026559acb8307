/**
 * A node as plain data without its secrets: for traces, logs and recordings.
 *
 * @module
 */
import { ConfigError } from "./errors.ts";
import type { NodeConfig } from "./node.ts";

/** Plain data as JSON has it. */
export type PlainData =
  | string
  | number
  | boolean
  | null
  | readonly PlainData[]
  | { readonly [name: string]: PlainData };

/** What stands in the place of a secret. */
export const REDACTED = "<redacted>";

/** Keys below which everything is secret, without the signs between their words. */
const SECRET_KEYS =
  /^(?:.*passw(?:or)?d|.*passphrase|.*secret|.*token|.*credentials?|auths?|.*authorization|.*headers?|.*apikey|.*cookie)$/;
/** Keys of variables, whose names are told. */
const VARIABLE_KEYS = /^(?:.*env|.*environment)$/;
/** Deeper than any node is. */
const MAX_DEPTH = 100;

const FROM: readonly unknown[] = ["default", "file", "flag", "environment"];
const KINDS: readonly unknown[] = ["table", "list", "scalar"];

type Cover = "open" | "secret" | "variables";

/**
 * All that a node holds, as plain data with its keys in order: the same node gives the same text of JSON.
 *
 * Values that are secret by their keys are left out: passwords, tokens and authentications of registries, headers, and
 * values of variables of environments. Addresses lose credentials and queries wherever they stand. What a file says in
 * some other place is told as it stands. Functions are left out, maps become objects, and whole numbers beyond 53 bits
 * texts.
 */
export function redactNode(node: NodeConfig): PlainData {
  return plainOf(node, "open", 0) ?? null;
}

function plainOf(value: unknown, cover: Cover, depth: number): PlainData | undefined {
  if (depth > MAX_DEPTH) return REDACTED;
  switch (typeof value) {
    case "string":
      return textOf(value, cover);
    case "number":
      return cover === "open" ? finite(value) : REDACTED;
    case "boolean":
      return cover === "open" ? value : REDACTED;
    case "bigint":
      if (cover !== "open") return REDACTED;
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case "object":
      return value === null ? null : objectOf(value, cover, depth);
    default:
      // Functions, symbols and what is not there.
      return undefined;
  }
}

function finite(value: number): PlainData {
  return Number.isFinite(value) ? value : String(value);
}

function objectOf(value: object, cover: Cover, depth: number): PlainData {
  if (Array.isArray(value) || value instanceof Set) {
    return [...value].map((item) => plainOf(item, cover, depth + 1) ?? null);
  }
  if (value instanceof Date) return cover === "open" ? value.toISOString() : REDACTED;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `<${value.byteLength} bytes>`;
  if (value instanceof ConfigError) {
    const { code, message, key, origin } = value;
    return objectOf({ code, message, key, origin }, cover, depth);
  }
  if (value instanceof Error) return objectOf({ name: value.name, message: value.message }, cover, depth);
  const isMap = value instanceof Map;
  const entries: [name: string, value: unknown][] = isMap
    ? [...value].map(([name, each]) => [String(name), each])
    : Object.entries(value);
  const isOurs = !isMap && Object.getPrototypeOf(value) === Object.prototype;
  const plain: { [name: string]: PlainData } = Object.create(null);
  for (const [name, each] of entries.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const below = isOurs && isStructure(name, each) ? "open" : coverOf(name, cover);
    const told = plainOf(each, below, depth + 1);
    if (told !== undefined) plain[urlsWithout(name)] = told;
  }
  return plain;
}

/** Whether a member is one of this library's own, which says where and what a value is. */
function isStructure(name: string, value: unknown): boolean {
  if (name === "kind") return KINDS.includes(value);
  if (name === "from") return FROM.includes(value);
  if (name !== "origin" || typeof value !== "object" || value === null) return false;
  return Object.keys(value).sort().join() === "column,file,line";
}

function coverOf(name: string, cover: Cover): Cover {
  if (cover === "secret") return cover;
  const word = name.toLowerCase().replaceAll(/[-_. ]/g, "");
  if (SECRET_KEYS.test(word)) return "secret";
  return VARIABLE_KEYS.test(word) ? "variables" : cover;
}

function textOf(text: string, cover: Cover): string {
  if (cover === "open") return urlsWithout(text);
  const name = cover === "variables" ? /^[A-Za-z_][A-Za-z0-9_]{0,255}(?==)/.exec(text)?.[0] : undefined;
  return name === undefined ? REDACTED : `${name}=${REDACTED}`;
}

/** A text whose addresses have no credentials and no queries. */
function urlsWithout(text: string): string {
  if (!text.includes("//")) return text;
  return text
    .replaceAll(/(?<=\/\/)[^\s/?#"'<>]*@/g, "")
    .replaceAll(/(\/\/[^\s?#"'<>]*)[?#][^\s"'<>]*/g, "$1");
}

/**
 * What a document in JSON or YAML says, each value with its place.
 *
 * @module
 */
import { ConfigError } from "../errors.ts";
import type { Origin } from "../origin.ts";

/** A value of a document. */
export type DataNode = DataObject | DataList | DataScalar;

/** A mapping; of keys that stand twice, the last one. */
export interface DataObject {
  readonly kind: "object";
  readonly members: ReadonlyMap<string, DataNode>;
  readonly origin: Origin;
}

/** A list. */
export interface DataList {
  readonly kind: "list";
  readonly items: readonly DataNode[];
  readonly origin: Origin;
}

/** A value that is neither. A number is a text as JSON has it. */
export type DataScalar =
  | { readonly kind: "string"; readonly value: string; readonly origin: Origin }
  | { readonly kind: "number"; readonly value: string; readonly origin: Origin }
  | { readonly kind: "boolean"; readonly value: boolean; readonly origin: Origin }
  | { readonly kind: "null"; readonly value: null; readonly origin: Origin };

/** A key that stands a second time in its mapping. */
export interface DuplicateKey {
  /** Dotted. */
  readonly key: string;
  readonly path: readonly (string | number)[];
  readonly origin: Origin;
  /** The value before, which the tree does not have. */
  readonly earlier: DataNode;
}

/** A document. */
export interface DataDocument {
  readonly root: DataNode;
  readonly duplicates: readonly DuplicateKey[];
}

/** Longest document, in UTF-16 code units. */
export const MAX_DATA_LENGTH: number = 1024 * 1024;

/** The place of a file as a whole. */
export function fileOrigin(file: string): Origin {
  return { file, line: 1, column: 1 };
}

/**
 * Nothing, for a text of at most 1048576 UTF-16 code units.
 *
 * @throws {ConfigError} `ERR_CONFIG_TOO_LARGE`.
 */
export function assertLength(file: string, text: string): void {
  if (text.length <= MAX_DATA_LENGTH) return;
  throw new ConfigError("ERR_CONFIG_TOO_LARGE", `${file}: more than ${MAX_DATA_LENGTH} characters`, {
    origin: fileOrigin(file),
  });
}

/** Dotted keys, with indexes in brackets: `providers[0].name`. */
export function dottedKey(path: readonly (string | number)[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    const word = /^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part.slice(0, 256));
    return text === "" ? word : `${text}.${word}`;
  }, "");
}

/** A value of another type than its key has. */
export function dataTypeError(path: readonly (string | number)[], why: string, origin: Origin): ConfigError {
  const key = dottedKey(path);
  const name = key === "" ? "the document" : key;
  return new ConfigError("ERR_CONFIG_TYPE", `${origin.file}: ${name} ${why}`, { key, origin });
}

/** The member of an object; undefined for what is not there, is null, or whose parent is no object. */
export function memberAt(node: DataNode | undefined, ...path: string[]): DataNode | undefined {
  let current = node;
  for (const key of path) {
    current = current?.kind === "object" ? current.members.get(key) : undefined;
  }
  return current?.kind === "null" ? undefined : current;
}

/** A node as plain data; objects have no prototype, and a number is the nearest double. */
export function plainData(node: DataNode): unknown {
  switch (node.kind) {
    case "object": {
      const plain: Record<string, unknown> = Object.create(null);
      for (const [key, value] of node.members) plain[key] = plainData(value);
      return plain;
    }
    case "list":
      return node.items.map(plainData);
    case "number":
      return Number(node.value);
    default:
      return node.value;
  }
}

/**
 * Tables checked against the keys that containerd knows.
 *
 * @module
 */
import { nearestWord } from "../../policy/hint.ts";
import type { FieldsShape, Shape } from "./keys.ts";
import { type ConfigNode, type ConfigTable, keyName, typeError } from "./tree.ts";
import type { ContainerdConfigWarning } from "./warnings.ts";

/** Hints of one kind of table: looking for what was meant takes time. */
export const MAX_HINTS = 100;

/** Options of {@link checkTable}. */
export interface CheckTableOptions {
  /** Whether a key that differs from a known one in case only is that one. */
  foldsCase: boolean;
  /** The keys that lead to the table. */
  path: readonly string[];
  /** Tables in which a misplaced key may have its place, by their keys. */
  elsewhere: readonly (readonly [key: string, shape: Shape])[];
  warn: (warning: ContainerdConfigWarning) => void;
  /** How many hints there may still be. */
  hints: { left: number };
}

/**
 * A table with its keys spelled as they are known. Keys that are not known are told, and kept.
 *
 * @throws {ConfigError} `ERR_CONFIG_TYPE` for a value of a known key that has another type.
 */
export function checkTable(table: ConfigTable, shape: FieldsShape, options: CheckTableOptions): ConfigTable {
  const known = Object.keys(shape.fields);
  const checked = new Map<string, ConfigNode>();
  for (const [written, node] of table.entries) {
    const path = [...options.path, written];
    const name = knownName(written, table, known, options.foldsCase);
    const inner = name === undefined ? undefined : shape.fields[name];
    if (name !== undefined && inner !== undefined) {
      checked.set(name, checkNode(node, inner, { ...options, path }));
    } else {
      checked.set(written, node);
      const hint = options.hints.left-- > 0 ? hintFor(written, known, options.elsewhere) : undefined;
      options.warn({
        code: "unknown-key",
        key: keyName(path),
        ...(node.origin ? { origin: node.origin } : {}),
        ...(hint === undefined ? {} : { hint }),
      });
    }
  }
  return { ...table, entries: checked };
}

function knownName(
  written: string,
  table: ConfigTable,
  known: readonly string[],
  foldsCase: boolean,
): string | undefined {
  if (known.includes(written)) return written;
  if (!foldsCase) return undefined;
  const name = known.find((each) => each === written.toLowerCase());
  // What is spelled right counts beside it.
  return name === undefined || table.entries.has(name) ? undefined : name;
}

function checkNode(node: ConfigNode, shape: Shape, options: CheckTableOptions): ConfigNode {
  const { path } = options;
  switch (shape) {
    case "any":
      return node;
    case "texts": {
      const isTexts = node.kind === "list" && node.items.every((item) => isScalarOf(item, "string"));
      if (!isTexts) throw typeError(path, "must be a list of texts", node);
      return node;
    }
    case "text":
      if (!isScalarOf(node, "string")) throw typeError(path, "must be a text", node);
      return node;
    case "flag":
      if (!isScalarOf(node, "boolean")) throw typeError(path, "must be true or false", node);
      return node;
    case "integer": {
      const isWhole =
        isScalarOf(node, "bigint") || (isScalarOf(node, "number") && Number.isSafeInteger(node.value));
      if (!isWhole) throw typeError(path, "must be an integer", node);
      return node;
    }
    default:
      break;
  }
  if (node.kind !== "table") throw typeError(path, "must be a table", node);
  if (shape.kind === "fields") return checkTable(node, shape, options);
  const entries = [...node.entries].map(
    ([key, each]) => [key, checkNode(each, shape.each, { ...options, path: [...path, key] })] as const,
  );
  return { ...node, entries: new Map(entries) };
}

function isScalarOf(node: ConfigNode, type: string): node is ConfigNode & { kind: "scalar" } {
  return node.kind === "scalar" && typeof node.value === type;
}

function hintFor(
  key: string,
  known: readonly string[],
  elsewhere: CheckTableOptions["elsewhere"],
): string | undefined {
  for (const [where, shape] of elsewhere) {
    const place = placeOf(key, where, shape);
    if (place !== undefined) return `it is a key of ${place}`;
  }
  const nearest = nearestWord(key, known);
  return nearest === undefined ? undefined : `did you mean ${JSON.stringify(nearest)}?`;
}

/** The table in which a key would count; tables with names of the author's choice are not looked into. */
function placeOf(key: string, where: string, shape: Shape): string | undefined {
  if (typeof shape === "string" || shape.kind === "entries") return undefined;
  if (Object.hasOwn(shape.fields, key)) return where === "" ? "the top of the file" : where;
  for (const [name, inner] of Object.entries(shape.fields)) {
    const place = placeOf(key, where === "" ? name : `${where}.${name}`, inner);
    if (place !== undefined) return place;
  }
  return undefined;
}

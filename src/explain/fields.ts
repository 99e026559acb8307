/**
 * Fields of objects that came as JSON from somewhere else.
 *
 * As Go reads them: a field that is absent and one that is null are the same, and another type is an error.
 *
 * @module
 */
import { ExplainError } from "./errors.ts";

/** An object whose fields nobody has looked at yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** The object at a path. */
export function objectOf(value: unknown, path: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw wrong(path, "an object", value);
}

/** A field of an object; undefined also for null. Fields that the object inherits are none of its own. */
export function fieldOf(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? (fields[name] ?? undefined) : undefined;
}

/** An object in a field. */
export function objectIn(fields: Fields, name: string, path: string): Fields | undefined {
  const value = fieldOf(fields, name);
  return value === undefined ? undefined : objectOf(value, join(path, name));
}

/** A text in a field. */
export function textIn(fields: Fields, name: string, path: string): string | undefined {
  const value = fieldOf(fields, name);
  if (value === undefined || typeof value === "string") return value;
  throw wrong(join(path, name), "a string", value);
}

/** A boolean in a field. */
export function flagIn(fields: Fields, name: string, path: string): boolean | undefined {
  const value = fieldOf(fields, name);
  if (value === undefined || typeof value === "boolean") return value;
  throw wrong(join(path, name), "a boolean", value);
}

/** A list in a field; empty where there is none. */
export function listIn(fields: Fields, name: string, path: string): readonly unknown[] {
  const value = fieldOf(fields, name);
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw wrong(join(path, name), "a list", value);
}

/** A list of texts in a field; empty where there is none. */
export function textsIn(fields: Fields, name: string, path: string): string[] {
  return listIn(fields, name, path).map((value, index) => {
    if (typeof value === "string") return value;
    throw wrong(`${join(path, name)}[${index}]`, "a string", value);
  });
}

/** Texts by name in a field; empty where there are none. */
export function textMapIn(fields: Fields, name: string, path: string): Map<string, string> {
  const map = objectIn(fields, name, path);
  const texts = new Map<string, string>();
  for (const key of map ? Object.keys(map) : []) {
    const value = fieldOf(map ?? {}, key);
    if (typeof value !== "string") throw wrong(join(join(path, name), key), "a string", value);
    texts.set(key, value);
  }
  return texts;
}

/** The path of a field. */
export function join(path: string, name: string): string {
  const part = /^[A-Za-z_$][\w$]*$/.test(name) ? name : `[${JSON.stringify(name.slice(0, 256))}]`;
  if (path === "") return part;
  return part.startsWith("[") ? `${path}${part}` : `${path}.${part}`;
}

function wrong(path: string, expected: string, value: unknown): ExplainError {
  const got = value === null ? "null" : Array.isArray(value) ? "a list" : typeof value;
  const where = path === "" ? "the Pod" : path;
  return new ExplainError("ERR_EXPLAIN_POD", `${where} must be ${expected}, got ${got}`, { path });
}

/**
 * JSON text of plain data.
 *
 * @module
 */
import type { JsonValue } from "./json-plain.ts";

/**
 * As `JSON.stringify`, with whole numbers of 64 bits in digits.
 *
 * Members that are `undefined` are left out. Data as deep as the JSON reader lets a text be is written.
 */
export function jsonText(value: JsonValue): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(jsonText).join()}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${jsonText(member)}`).join()}}`;
}

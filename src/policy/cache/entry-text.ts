/**
 * Entries of a cache as text, and back.
 *
 * @module
 */
import { parseNativeJson } from "../../core/native-json.ts";
import type { CachedVerdict } from "./verdict-cache.ts";

/** An object of this one member stands for a bigint. */
const BIGINT = "$bigint";

/**
 * The text of an entry, which {@link parseEntry} reads back as an equal one.
 *
 * @throws {TypeError} For something that would not come back as it is.
 */
export function formatEntry(entry: CachedVerdict): string {
  return JSON.stringify(entry, function (this: Record<string, unknown>, name: string, value: unknown) {
    if (typeof value === "bigint") return { [BIGINT]: String(value) };
    // As it was before a `toJSON` of its own.
    const member = this[name];
    if (typeof member === "object" && member !== null && !Array.isArray(member)) assertPlain(member);
    return value;
  });
}

function assertPlain(value: object): void {
  if (Object.getPrototypeOf(value) === Object.prototype && !(BIGINT in value)) return;
  throw new TypeError("only plain data can be kept");
}

/**
 * The entry that a text from {@link formatEntry} spells out, or nothing for another text.
 *
 * Only kind and times are looked at: who wrote the text must be known to be a verifier.
 */
export function parseEntry(text: string): CachedVerdict | undefined {
  let value: unknown;
  try {
    value = withBigints(parseNativeJson(text));
  } catch {
    return undefined;
  }
  return isEntry(value) ? value : undefined;
}

/** Puts whole numbers where their digits are. */
function withBigints(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const whole = bigintOf(value);
  if (whole !== undefined) return whole;
  for (const [name, member] of Object.entries(value)) {
    const revived = withBigints(member);
    if (revived !== member) (value as Record<string, unknown>)[name] = revived;
  }
  return value;
}

function bigintOf(value: unknown): bigint | undefined {
  if (typeof value !== "object" || value === null || !(BIGINT in value)) return undefined;
  const digits = value[BIGINT];
  return typeof digits === "string" && /^-?[0-9]+$/.test(digits) ? BigInt(digits) : undefined;
}

/** Whether something that came out of a store has the shape of an entry. */
export function isEntry(value: unknown): value is CachedVerdict {
  if (typeof value !== "object" || value === null) return false;
  const { kind, storedAt, expiresAt, verdict, paths } = value as Partial<Record<string, unknown>>;
  if (!Number.isFinite(storedAt) || !Number.isFinite(expiresAt)) return false;
  if (kind === "files") return Array.isArray(paths) && paths.every((path) => typeof path === "string");
  if (kind !== "verdict" || typeof verdict !== "object" || verdict === null) return false;
  return "kind" in verdict && (verdict.kind === "allowed" || verdict.kind === "rejected");
}

/**
 * Compares what a case expects with what came out.
 *
 * - A field that `expect` does not list is not compared, at any depth of maps; a list is compared whole and in
 *   order, its maps by the same rule.
 * - Numbers and bigints compare by value, null only with null.
 * - `note` is for people at any depth, and so is `xNote` beside a field `x`; `reason` at the top.
 * - `error: true` wants some error; `errorContains` wants its text within the outcome's `message` (or
 *   `errorContains`); `errorAllowed: true` takes any error instead of what else is listed.
 * - A case that would compare nothing never matches.
 */
import type { JsonValue } from "../../src/core/strict-json.ts";

/** One difference, with its path in `expect`. */
export interface Mismatch {
  path: string;
  expected: unknown;
  /** `undefined` where there is nothing. */
  actual: unknown;
}

/** Every difference between expectation and outcome; none means the case holds. */
export function mismatches(expected: JsonValue, actual: unknown): Mismatch[] {
  if (!isMap(expected)) return compare(expected, actual, "expect");
  const outcome = fieldsOf(actual);
  if (expected["errorAllowed"] === true && isError(outcome["error"])) return [];
  let compared = 0;
  const found: Mismatch[] = [];
  for (const [key, want] of Object.entries(expected)) {
    if (isNote(key, expected) || key === "reason" || key === "errorAllowed") continue;
    compared++;
    const path = `expect.${key}`;
    if (key === "error" && want === true) {
      if (!isError(outcome["error"])) found.push({ path, expected: want, actual: outcome["error"] });
    } else if (key === "errorContains") {
      const text = outcome["message"] ?? outcome["errorContains"];
      const holds =
        typeof want === "string" && want !== "" && typeof text === "string" && text.includes(want);
      if (!holds) found.push({ path, expected: want, actual: text });
    } else {
      found.push(...compare(want, outcome[key], path));
    }
  }
  if (compared === 0) found.push({ path: "expect", expected: "something to compare", actual: undefined });
  return found;
}

function isNote(key: string, map: object): boolean {
  return key === "note" || (key.endsWith("Note") && Object.hasOwn(map, key.slice(0, -"Note".length)));
}

function isError(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== "";
}

function compare(expected: JsonValue, actual: unknown, path: string): Mismatch[] {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return [{ path, expected, actual }];
    return expected.flatMap((item, index) => compare(item, actual[index], `${path}[${index}]`));
  }
  if (isMap(expected)) {
    if (typeof actual !== "object" || actual === null || Array.isArray(actual))
      return [{ path, expected, actual }];
    const fields = fieldsOf(actual);
    return Object.entries(expected).flatMap(([key, want]) =>
      isNote(key, expected) ? [] : compare(want, fields[key], `${path}.${key}`),
    );
  }
  return sameScalar(expected, actual) ? [] : [{ path, expected, actual }];
}

function sameScalar(expected: JsonValue, actual: unknown): boolean {
  if (!isNumber(expected) || !isNumber(actual)) return expected === actual;
  return expected === actual || (isWhole(expected) && isWhole(actual) && BigInt(expected) === BigInt(actual));
}

function isWhole(value: number | bigint): boolean {
  return typeof value === "bigint" || Number.isInteger(value);
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function isMap(value: JsonValue): value is { [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Own fields only, so that nothing is found on a prototype. */
function fieldsOf(value: unknown): Record<string, unknown> {
  const fields: Record<string, unknown> = Object.create(null);
  if (typeof value !== "object" || value === null) return fields;
  for (const [key, field] of Object.entries(value)) fields[key] = field;
  return fields;
}

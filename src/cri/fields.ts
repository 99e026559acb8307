/**
 * Whether plain data fits a message, field by field.
 *
 * The encoder behind it writes what it is given: a number for a text becomes an empty text, an unknown field
 * nothing at all. A request must not lose a part on its way to the runtime, so all of it is checked first.
 *
 * @module
 */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

const INT32: readonly [number, number] = [-(2 ** 31), 2 ** 31 - 1];
const UINT32: readonly [number, number] = [0, 2 ** 32 - 1];
const INT64: readonly [bigint, bigint] = [-(2n ** 63n), 2n ** 63n - 1n];
const UINT64: readonly [bigint, bigint] = [0n, 2n ** 64n - 1n];

/**
 * Checks that a value is plain data for a message, or the message itself.
 *
 * @throws {TypeError} for an unknown field, at any depth, and for a value that does not fit; the text has the path
 * and never the value.
 */
export function checkMessage(schema: DescMessage, value: unknown, path: string): void {
  if (!isPlain(value) && !isOfType(schema, value)) throw new TypeError(`${path} is not a plain object`);
  const fields: Readonly<Record<string, DescField>> = schema.field;
  for (const [name, item] of Object.entries(value)) {
    if (name === "$typeName" && item === schema.typeName) continue;
    if (name === "$unknown" && isOfType(schema, value)) continue;
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!field) throw new TypeError(`${path} has no field ${JSON.stringify(name)}`);
    if (item !== undefined) checkField(field, item, `${path}.${name}`);
  }
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isOfType(schema: DescMessage, value: unknown): value is object {
  return typeof value === "object" && value !== null && Reflect.get(value, "$typeName") === schema.typeName;
}

function checkField(field: DescField, item: unknown, path: string): void {
  switch (field.fieldKind) {
    case "list":
      if (!Array.isArray(item)) throw new TypeError(`${path} is not an array`);
      for (const [at, entry] of item.entries()) checkValue(field, entry, `${path}[${at}]`);
      return;
    case "map":
      if (!isPlain(item)) throw new TypeError(`${path} is not a plain object`);
      for (const [key, entry] of Object.entries(item)) {
        checkScalar(field.mapKey, key, `a name in ${path}`);
        checkValue(field, entry, `${path}[${JSON.stringify(key)}]`);
      }
      return;
    default:
      checkValue(field, item, path);
  }
}

function checkValue(field: DescField, item: unknown, path: string): void {
  if (field.message) checkMessage(field.message, item, path);
  else if (field.scalar !== undefined) checkScalar(field.scalar, item, path);
  else if (!isInteger(item, INT32)) throw new TypeError(`${path} is not a number of an enum`);
}

function checkScalar(scalar: ScalarType, item: unknown, path: string): void {
  const wanted = unfit(scalar, item);
  if (wanted !== undefined) throw new TypeError(`${path} is not ${wanted}`);
}

/** What a value should be and is not; undefined if it fits. */
function unfit(scalar: ScalarType, item: unknown): string | undefined {
  switch (scalar) {
    case ScalarType.STRING:
      // A lone surrogate has no UTF-8 form.
      return typeof item === "string" && !/\p{Surrogate}/u.test(item) ? undefined : "a well-formed string";
    case ScalarType.BYTES:
      return item instanceof Uint8Array ? undefined : "a Uint8Array";
    case ScalarType.BOOL:
      return typeof item === "boolean" ? undefined : "a boolean";
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return typeof item === "number" ? undefined : "a number";
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return isInteger(item, INT32) ? undefined : "a whole number of 32 bits";
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return isInteger(item, UINT32) ? undefined : "a whole number of 32 bits, 0 or more";
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return isBigInt(item, INT64) ? undefined : "a bigint of 64 bits";
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return isBigInt(item, UINT64) ? undefined : "a bigint of 64 bits, 0 or more";
  }
}

function isInteger(item: unknown, [min, max]: readonly [number, number]): boolean {
  return typeof item === "number" && Number.isInteger(item) && item >= min && item <= max;
}

function isBigInt(item: unknown, [min, max]: readonly [bigint, bigint]): boolean {
  return typeof item === "bigint" && item >= min && item <= max;
}

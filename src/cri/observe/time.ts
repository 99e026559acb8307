/**
 * The 64-bit numbers of the interface as what JavaScript programs print and compute with.
 *
 * @module
 */

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const NS_PER_MS = 1_000_000n;
const NS_PER_SECOND = 1_000_000_000n;

/**
 * A time as RFC 3339 in UTC with nine digits of a second: `2024-01-31T12:00:00.000000001Z`.
 *
 * 0 means in most fields that something has not happened; here it is the year 1970 as any other number.
 *
 * @param ns Nanoseconds since the Unix epoch, an int64.
 */
export function nsToIso(ns: bigint): string {
  const fraction = ns - floor(ns, NS_PER_SECOND) * NS_PER_SECOND;
  return nsToDate(ns)
    .toISOString()
    .replace(/\.[0-9]{3}Z$/, `.${String(fraction).padStart(9, "0")}Z`);
}

/**
 * A time as a `Date`, cut to the millisecond before it.
 *
 * @param ns Nanoseconds since the Unix epoch, an int64.
 */
export function nsToDate(ns: bigint): Date {
  if (ns < INT64_MIN || ns > INT64_MAX) throw new RangeError(`${ns} is not an int64`);
  return new Date(Number(floor(ns, NS_PER_MS)));
}

/** The number, if a double holds it exactly; else a `RangeError`. */
export function toSafeNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is not exact as a number`);
  return number;
}

/** As Go's RFC3339Nano in UTC: no zeros at the end of the fraction. Undefined: Go's zero time, in the year 1. */
export function goTime(ns: bigint | undefined): string {
  if (ns === undefined) return "0001-01-01T00:00:00Z";
  return nsToIso(ns).replace(/\.?0+Z$/, "Z");
}

/** Division that rounds down, also below zero. */
function floor(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient;
}

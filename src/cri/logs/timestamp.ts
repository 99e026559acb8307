/**
 * Times in log entries: RFC 3339 texts to nanoseconds and back.
 *
 * Read as the reference reader does, with Go's time layouts: `2006-01-02T15:04:05` with an hour of one or two
 * digits, a fraction of any length after `.` or `,` of which nine digits count, and `Z` or an offset up to
 * `±24:60`. A leap second, and a day that its month does not have, are refused.
 *
 * @module
 */

/** A point in time as it stands in an entry. */
export interface LogTime {
  /** Whole seconds since 1970, rounded down. */
  seconds: number;
  /** 0 to 999999999. */
  nanos: number;
}

const SECOND = 1_000_000_000n;

/** The time between two positions of a line; undefined if there is none. `strict`: RFC 3339 to the letter. */
export function readTimestamp(
  line: Uint8Array,
  start: number,
  end: number,
  strict = false,
): LogTime | undefined {
  const year = digits(line, start, end, 4);
  const month = digits(line, start + 5, end, 2);
  const day = digits(line, start + 8, end, 2);
  if (line[start + 4] !== DASH || line[start + 7] !== DASH || line[start + 10] !== UPPER_T) return undefined;
  let at = start + 11;
  const hourDigits = !strict && line[at + 1] === COLON ? 1 : 2;
  const hour = digits(line, at, end, hourDigits);
  at += hourDigits;
  const minute = digits(line, at + 1, end, 2);
  const second = digits(line, at + 4, end, 2);
  if (line[at] !== COLON || line[at + 3] !== COLON) return undefined;
  if (!(hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60)) return undefined;
  if (!(year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month))) return undefined;
  at += 6;
  let nanos = 0;
  if (at + 1 < end && (line[at] === DOT || (line[at] === COMMA && !strict)) && isDigit(line[at + 1])) {
    let unit = 100_000_000;
    for (at++; at < end && isDigit(line[at]); at++) {
      if (unit < 1) continue;
      nanos += ((line[at] ?? 0) - ZERO) * unit;
      unit = unit === 1 ? 0 : unit / 10;
    }
  }
  const offset = readOffset(line, at, end, strict);
  if (offset === undefined) return undefined;
  const seconds = daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
  return { seconds, nanos };
}

/** Nanoseconds since 1970. */
export function unixNsOf({ seconds, nanos }: LogTime): bigint {
  return BigInt(seconds) * SECOND + BigInt(nanos);
}

/** A time in UTC as writers of logs put it: RFC 3339, with as many digits of a fraction as it needs, at most nine. */
export function formatTimestamp(unixNs: bigint): string {
  let seconds = unixNs / SECOND;
  let nanos = unixNs % SECOND;
  if (nanos < 0n) {
    seconds -= 1n;
    nanos += SECOND;
  }
  const fraction = nanos === 0n ? "" : `.${nanos.toString().padStart(9, "0").replace(/0+$/, "")}`;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, -5)}${fraction}Z`;
}

const PARTS = /^(.{10})T([0-9]{1,2})(:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]+))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))$/;

/**
 * The text of an entry's time with nine digits of a fraction, in its own zone: what stands before a line where times
 * are asked for. An offset of zero becomes `Z`.
 */
export function padTimestamp(timestamp: string): string {
  const parts = PARTS.exec(timestamp);
  if (!parts) return timestamp;
  const [, date, hour = "", rest, fraction = "", sign, offsetHours, offsetMinutes] = parts;
  const minutes = Number(offsetHours ?? 0) * 60 + Number(offsetMinutes ?? 0);
  const zone = minutes === 0 ? "Z" : `${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return `${date}T${hour.padStart(2, "0")}${rest}.${fraction.padEnd(9, "0").slice(0, 9)}${zone}`;
}

/** Days from 1970-01-01 to a date of the Gregorian calendar. */
export function daysSince1970(year: number, month: number, day: number): number {
  // Years that begin in March put the leap day last.
  const shifted = month > 2 ? year : year - 1;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Days of a month, counted from 1. */
export function daysIn(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

const ZERO = 0x30;
const DASH = 0x2d;
const PLUS = 0x2b;
const COLON = 0x3a;
const DOT = 0x2e;
const COMMA = 0x2c;
const UPPER_T = 0x54;
const UPPER_Z = 0x5a;

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

/** The number of so many digits; -1 where one is missing. */
function digits(line: Uint8Array, start: number, end: number, count: number): number {
  if (start + count > end) return -1;
  let value = 0;
  for (let at = start; at < start + count; at++) {
    const digit = (line[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Seconds east of UTC of the zone that fills the rest of a text. */
function readOffset(line: Uint8Array, at: number, end: number, strict: boolean): number | undefined {
  if (end === at + 1 && line[at] === UPPER_Z) return 0;
  if (end !== at + 6 || line[at + 3] !== COLON) return undefined;
  if (line[at] !== PLUS && line[at] !== DASH) return undefined;
  const hours = digits(line, at + 1, end, 2);
  const minutes = digits(line, at + 4, end, 2);
  // Some write a whole day as 24 hours, and a whole hour as 60 minutes.
  if (hours < 0 || minutes < 0 || hours > (strict ? 23 : 24) || minutes > (strict ? 59 : 60))
    return undefined;
  return (line[at] === DASH ? -1 : 1) * (hours * 3600 + minutes * 60);
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

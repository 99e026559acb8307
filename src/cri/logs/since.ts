/**
 * The point in time after `--since`, as crictl reads it:
 *
 *     <duration before now>     42m, 1h30m, 1.5s, -10s
 *     <date>[T<time>][<zone>]   2024-01-31, 2024-01-31T15, 2024-01-31T15:04, 2024-01-31T15:04:05.5+01:00
 *     <Unix seconds>            1136073600, 1136073600.000000001, 0
 *
 * @module
 */
import { CriError } from "../errors.ts";
import { daysIn, daysSince1970 } from "./timestamp.ts";

/** Options of {@link parseSince}. */
export interface ParseSinceOptions {
  /** The present, in nanoseconds since 1970. */
  nowNs: bigint;
  /**
   * Zone of times that name none: a name of the IANA database, or an offset such as `+08:00`. Default: the zone of
   * this process.
   */
  timeZone?: string | undefined;
}

const SECOND = 1_000_000_000n;
const MAX_INT64 = 2n ** 63n - 1n;

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  "\u00b5s": 1_000n,
  "\u03bcs": 1_000n,
  ms: 1_000_000n,
  s: SECOND,
  m: 60n * SECOND,
  h: 3600n * SECOND,
};

const DURATION = /^([+-]?)((?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$/;
const DURATION_PART = /([0-9]*)\.?([0-9]*)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g;
const DATE =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{1,2})(?::([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?)?)?(Z|[+-][0-9]{2}:[0-9]{2})?$/;
const UNIX = /^([+-]?[0-9]+)(?:\.([0-9]+))?$/;

/** Longer texts are none of these. */
const MAX_LENGTH = 128;

/**
 * Nanoseconds since 1970 of the point that a text means.
 *
 * A duration counts back from now, to whole seconds, rounded down. `0` is a Unix time and no duration. A time
 * without a zone is taken with the offset that the zone has at that time; where clocks are set forward or back,
 * with the earlier of two.
 *
 * @throws {CriError} `ERR_CRI_QUERY_INVALID` if it is none of the forms.
 * @throws {RangeError} if there is no such time zone.
 */
export function parseSince(text: string, { nowNs, timeZone }: ParseSinceOptions): bigint {
  if (text.length <= MAX_LENGTH) {
    const duration = text === "0" ? undefined : durationOf(text);
    if (duration !== undefined) return floorToSecond(nowNs - duration);
    const date = dateOf(text, timeZone);
    if (date !== undefined) return date;
    const unix = unixOf(text);
    if (unix !== undefined) return unix;
  }
  const shown = JSON.stringify(text.slice(0, MAX_LENGTH));
  throw new CriError("ERR_CRI_QUERY_INVALID", `${shown} is neither a point in time nor a duration`);
}

function durationOf(text: string): bigint | undefined {
  const [, sign, parts] = DURATION.exec(text) ?? [];
  if (parts === undefined) return undefined;
  let total = 0n;
  for (const [, whole = "", fraction = "", name = ""] of parts.matchAll(DURATION_PART)) {
    const unit = UNITS[name] ?? 0n;
    total += BigInt(whole || "0") * unit;
    if (fraction !== "") total += (BigInt(fraction) * unit) / 10n ** BigInt(fraction.length);
  }
  if (total > MAX_INT64) return undefined;
  return sign === "-" ? -total : total;
}

function dateOf(text: string, timeZone: string | undefined): bigint | undefined {
  const match = DATE.exec(text);
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((digits) => Number(digits ?? 0));
  const [fraction = "", zone] = match.slice(7, 9);
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const local = daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
  const offset = zone === undefined ? offsetAt(local, timeZone) : offsetOf(zone);
  if (offset === undefined) return undefined;
  return BigInt(local - offset) * SECOND + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
}

function unixOf(text: string): bigint | undefined {
  const [, seconds, fraction = ""] = UNIX.exec(text) ?? [];
  if (seconds === undefined || seconds.startsWith("-")) return undefined;
  const value = BigInt(seconds.replace("+", ""));
  return value > MAX_INT64 ? undefined : value * SECOND + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
}

/** Seconds east of UTC of `Z` or `+08:00`; undefined for any other text. */
function offsetOf(zone: string): number | undefined {
  if (zone === "Z") return 0;
  const [, sign, hours, minutes] = /^([+-])([0-9]{2}):([0-9]{2})$/.exec(zone) ?? [];
  if (sign === undefined || Number(hours) > 24 || Number(minutes) > 60) return undefined;
  return (sign === "-" ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}

/** Seconds east of UTC that a zone has at a local time, which is given as if it were UTC. */
function offsetAt(local: number, timeZone: string | undefined): number {
  const fixed = timeZone === undefined ? undefined : offsetOf(timeZone);
  if (fixed !== undefined) return fixed;
  const offset = zoneOffsets(timeZone);
  // The offset at a local time depends on the time in UTC, which depends on the offset: a day around has both.
  const [before, after] = [offset(local - 86_400), offset(local + 86_400)];
  return offset(local - before) === before ? before : after;
}

/** The offset of a zone at a time in UTC. */
function zoneOffsets(timeZone: string | undefined): (unix: number) => number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "gregory",
    numberingSystem: "latn",
    era: "short",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
    hourCycle: "h23",
  });
  return (unix) => {
    const parts: Record<string, string> = {};
    for (const { type, value } of format.formatToParts(unix * 1000)) parts[type] = value;
    const number = (name: string) => Number(parts[name] ?? 0);
    const year = parts["era"]?.startsWith("B") ? 1 - number("year") : number("year");
    const days = daysSince1970(year, number("month"), number("day"));
    return days * 86_400 + number("hour") * 3600 + number("minute") * 60 + number("second") - unix;
  };
}

function floorToSecond(ns: bigint): bigint {
  const rest = ns % SECOND;
  return ns - (rest < 0n ? rest + SECOND : rest);
}

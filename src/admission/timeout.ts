/**
 * How long the API server waits for an answer.
 *
 * @module
 */

/** Options of {@link reviewTimeout}. */
export interface ReviewTimeoutOptions {
  /** What is left for the way back, in milliseconds. Default 500. */
  marginMs?: number | undefined;
  /** The time where the URL says none, in milliseconds. Default 10000, as the API server's. */
  defaultMs?: number | undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3,
  "\u03bcs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const PART = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/gy;

/** The longest time that a webhook may be given. */
const MAX_MS = 30_000;

/**
 * Milliseconds to answer within: what the API server put into the URL as `?timeout=10s`, without a margin for the way
 * back.
 *
 * The margin is at most half of the time. What is no duration of Go counts as if there were none; more than the 30
 * seconds that webhooks may have, as 30 seconds.
 *
 * @param url Of the request: path and query, or the whole.
 */
export function reviewTimeout(
  url: string,
  { marginMs = 500, defaultMs = 10_000 }: ReviewTimeoutOptions = {},
): number {
  assertTime(marginMs, "marginMs");
  assertTime(defaultMs, "defaultMs");
  const seconds = PLAIN.exec(url)?.[1];
  const asked = seconds === undefined ? askedMs(url) : Number(seconds) * 1000 || undefined;
  const time = Math.min(asked ?? defaultMs, MAX_MS);
  return Math.max(1, Math.floor(time - Math.min(marginMs, time / 2)));
}

/** What the API server writes. Another text is read in full, which takes ten times as long. */
const PLAIN = /^[^?#]*\?timeout=([0-9]{1,9})s$/;

function askedMs(url: string): number | undefined {
  const query = url.indexOf("?");
  const given = query < 0 ? null : new URLSearchParams(url.slice(query + 1)).get("timeout");
  return given === null ? undefined : durationMs(given);
}

/** A duration as Go writes it, in milliseconds; nothing for one that is none, or not positive. */
function durationMs(text: string): number | undefined {
  if (text.length > 64) return undefined;
  let total = 0;
  let end = 0;
  for (const [part, number = "", unit = ""] of text.matchAll(PART)) {
    total += Number(number) * (UNIT_MS[unit] ?? Number.NaN);
    end += part.length;
  }
  return end === text.length && total > 0 && Number.isFinite(total) ? total : undefined;
}

function assertTime(ms: number, name: string): void {
  if (typeof ms !== "number" || !(ms >= 0) || !Number.isFinite(ms)) {
    throw new RangeError(`${name} must be a time in milliseconds, got ${ms}`);
  }
}

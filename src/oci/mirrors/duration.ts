/**
 * Durations as Go writes them: `3s`, `1m30s`, `1.5h`.
 *
 * @see {@link https://pkg.go.dev/time#ParseDuration}
 * @module
 */
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go counts nanoseconds in 64 bits. */
const MAX_MS = 2 ** 63 / 1e6;

/** Milliseconds of a duration, or nothing for a text that is none. A sign is part of it; `0` needs no unit. */
export function parseDuration(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const rest = /^[+-]/.test(text) ? text.slice(1) : text;
  if (rest === "0") return 0;
  if (rest.length > 256 || !/^(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) {
    return undefined;
  }
  let total = 0;
  for (const [, number = "", unit = ""] of rest.matchAll(/([0-9.]+)([a-zµμ]+)/g)) {
    total += Number(number) * (UNIT_MS[unit] ?? Number.NaN);
  }
  return total < MAX_MS ? sign * total : undefined;
}

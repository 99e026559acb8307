/**
 * Measures ways of doing the same thing, turn by turn: the speed of a shared machine drifts, ratios within one run
 * do not.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** A way to do a thing. */
export interface Way {
  name: string;
  /** Does it once. What it gives back is not looked at. */
  run(): unknown;
  /** Prepares a turn; its time does not count. */
  before?(): unknown;
  /** Clears up after a turn; its time does not count. */
  after?(): unknown;
}

/** A figure that is to be met: one way against another. */
export interface Figure {
  name: string;
  /** What was measured of the one and of the other, in the same unit; less is better. */
  value: number;
  against: number;
  /** The ratio that may not be exceeded. */
  limit: number;
  /** The ratio that would be good. */
  goal?: number;
}

/** Options of {@link interleave}. */
export interface InterleaveOptions {
  /** How many times each way has its turn. */
  rounds: number;
  /** How often a way runs in one turn. Default 1. */
  repeat?: number;
  /** Turns of each way before the first that counts. Default a tenth of the rounds, at least 3. */
  warmUp?: number;
}

/** The median time of one run of each way, in microseconds, in their order. The ways take turns, now this one first,
 * now that one. */
export async function interleave(
  ways: readonly Way[],
  { rounds, repeat = 1, warmUp = Math.max(3, Math.ceil(rounds / 10)) }: InterleaveOptions,
): Promise<number[]> {
  const times = ways.map((): number[] => []);
  for (let round = -warmUp; round < rounds; round++) {
    for (let turn = 0; turn < ways.length; turn++) {
      const at = (turn + round + warmUp) % ways.length;
      const way = ways[at];
      if (!way) continue;
      await way.before?.();
      const start = process.hrtime.bigint();
      for (let run = 0; run < repeat; run++) {
        const result = way.run();
        if (result instanceof Promise) await result;
      }
      const time = Number(process.hrtime.bigint() - start) / 1000 / repeat;
      await way.after?.();
      if (round >= 0) times[at]?.push(time);
    }
  }
  return times.map(median);
}

/** The middle of some numbers; NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

/**
 * Prints figures as a table, and makes the process fail if one is over its limit by more than the margin, which is
 * `--margin 0.25` of the limit unless it is given.
 */
export function report(figures: readonly Figure[]): void {
  const { values } = parseArgs({ options: { margin: { type: "string", default: "0.25" } }, strict: false });
  const margin = Number(values.margin);
  for (const { name, value, against, limit, goal } of figures) {
    const ratio = value / against;
    const met =
      ratio <= limit ? "met" : ratio <= limit * (1 + margin) ? "within the margin" : "OVER THE LIMIT";
    // A figure that could not be measured is not met.
    if (!(ratio <= limit * (1 + margin))) process.exitCode = 1;
    const wish = goal === undefined ? "" : `, goal ${goal.toFixed(2)}${ratio <= goal ? " met" : ""}`;
    console.log(`${name}: ${ratio.toFixed(2)} (limit ${limit.toFixed(2)} ${met}${wish})`);
  }
}

/** A time in microseconds for people. */
export function formatTime(microseconds: number): string {
  return microseconds < 1000 ? `${microseconds.toFixed(1)} us` : `${(microseconds / 1000).toFixed(2)} ms`;
}

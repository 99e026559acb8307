/**
 * How a watch is to go about it.
 *
 * @module
 */
import { delay as realDelay, type SignalOptions } from "../../core/signal.ts";
import type { Delay } from "./sample-stats.ts";

/** How a watch polls. */
export interface WatchPollOptions {
  /** Time between two lists in milliseconds, 1 to 2147483647. Default 1000. */
  intervalMs?: number | undefined;
  /**
   * Does not ask for events at all. Default false. Needed beside a kubelet with events on containerd before 2.0 and
   * CRI-O before 1.28: there each event reaches one listener only, and the kubelet would miss what the watch gets.
   */
  always?: boolean | undefined;
}

/** Options of {@link watchContainers}. */
export interface WatchContainersOptions extends SignalOptions {
  /** Polls where the runtime has no events. Without it that is an error. */
  poll?: WatchPollOptions | undefined;
  /** Time between two lists while events come, in milliseconds; Infinity for none. Default 300000 (5 minutes). */
  resyncMs?: number | undefined;
  /** Time from the beginning of listening to the list that makes sure, in milliseconds. Default 1000. */
  settleMs?: number | undefined;
  /** Deadline for each list in milliseconds. The stream of events has none. Default 30000. */
  timeoutMs?: number | undefined;
  /** Events that may wait for a slow reader; with more of them, or 32 MiB, the watch lists anew. Default 1024. */
  maxEvents?: number | undefined;
  /** Pause after a lost connection: it doubles with each failure from `initialMs` (100) to `maxMs` (5000). */
  backoff?: { initialMs?: number | undefined; maxMs?: number | undefined } | undefined;
  /** Failures in a row after which the error is passed on. Default Infinity. */
  maxRetries?: number | undefined;
  /** How time passes. Default: as the clock runs. */
  delay?: Delay | undefined;
  /** Milliseconds on a clock that never goes back. Default: since the process began. */
  now?: (() => number) | undefined;
  /** A number from 0 to 1 that shortens the pause by up to a half, so that clients do not return all at once. */
  random?: (() => number) | undefined;
}

/** The options with their defaults. */
export interface WatchSettings {
  readonly poll: { readonly intervalMs: number; readonly always: boolean } | undefined;
  readonly resyncMs: number;
  readonly settleMs: number;
  readonly timeoutMs: number;
  readonly maxEvents: number;
  readonly initialMs: number;
  readonly maxMs: number;
  readonly maxRetries: number;
  readonly delay: Delay;
  readonly now: () => number;
  readonly random: () => number;
}

const MAX_MS = 2 ** 31 - 1;

/** The options with their defaults. Throws a `RangeError` for a number that none of them can have. */
export function resolveWatchOptions(options: WatchContainersOptions): WatchSettings {
  const {
    poll,
    backoff = {},
    delay = realDelay,
    now = () => performance.now(),
    random = Math.random,
  } = options;
  const { resyncMs = 300_000, settleMs = 1000, timeoutMs = 30_000, maxEvents = 1024 } = options;
  const { maxRetries = Number.POSITIVE_INFINITY } = options;
  const { initialMs = 100, maxMs = 5000 } = backoff;
  const intervalMs = poll?.intervalMs ?? 1000;
  for (const [name, ms] of Object.entries({ settleMs, timeoutMs, initialMs, maxMs, intervalMs })) {
    if (!(ms >= 1 && ms <= MAX_MS)) throw new RangeError(`${name} must be from 1 to ${MAX_MS}, got ${ms}`);
  }
  if (!(resyncMs >= 1)) throw new RangeError(`resyncMs must be 1 or more, got ${resyncMs}`);
  if (!(maxRetries >= 0)) throw new RangeError(`maxRetries must be 0 or more, got ${maxRetries}`);
  if (!Number.isSafeInteger(maxEvents) || maxEvents < 1) {
    throw new RangeError(`maxEvents must be a whole number of 1 or more, got ${maxEvents}`);
  }
  const polling = poll ? { intervalMs, always: poll.always ?? false } : undefined;
  const times = { resyncMs, settleMs, timeoutMs, initialMs, maxMs };
  return { poll: polling, ...times, maxEvents, maxRetries, delay, now, random };
}

/**
 * From an RPC that gives out a streaming URL to the open stream.
 *
 * @module
 */
import { joinSignals, type SignalOptions } from "../../core/signal.ts";
import type { CriCallOptions } from "../call.ts";
import { CriError } from "../errors.ts";
import type { RuntimeFunctions } from "../runtime.ts";
import type { StreamTlsOptions } from "./dial.ts";
import type { StreamTransport } from "./wire.ts";

/** A connection whose runtime streams. */
export interface StreamingRuntime {
  readonly runtime: Pick<RuntimeFunctions, "exec" | "attach" | "portForward">;
  /** The endpoint, whose own host may be dialled if it is a TCP endpoint. */
  readonly endpoint?: string | undefined;
}

/** What everything has in common that opens streams. */
export interface StreamOpeningOptions extends CriCallOptions {
  /** How the streaming server is verified. To be given only if it uses TLS: a URL in plain text is refused then. */
  tls?: StreamTlsOptions | undefined;
  /**
   * Hosts besides loopback addresses to which the runtime's URL may lead, as `host` or `host:port`. Default: none.
   */
  allowHosts?: readonly string[] | undefined;
  /** Longest time in milliseconds from the call until the stream is open, 1 to 2147483647. Default 30000. */
  openTimeoutMs?: number | undefined;
  /** Time between two pings in milliseconds; 0 for none. Default 5000. */
  pingIntervalMs?: number | undefined;
  /**
   * How long nothing may be heard, in milliseconds, before the connection counts as lost. Time in which the other side
   * may not have read what was written, or in which nothing is read here, does not count. Default 61000.
   */
  pingTimeoutMs?: number | undefined;
  /** About how many bytes of each stream are held before the connection is read no further. Default 256 KiB (262144). */
  bufferBytes?: number | undefined;
}

/** HTTP statuses that say that this way of opening is not known, and nothing has begun. */
const OTHER_WAY: readonly number[] = [400, 403, 405, 426, 501];

const DEFAULT_OPEN_TIMEOUT_MS = 30_000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs an opening with a signal that aborts with the caller's, or when the time is over.
 *
 * @throws {CriError} `ERR_CRI_DEADLINE_EXCEEDED` when it is.
 */
export async function withinOpenTimeout<T>(
  {
    signal,
    openTimeoutMs = DEFAULT_OPEN_TIMEOUT_MS,
  }: SignalOptions & Pick<StreamOpeningOptions, "openTimeoutMs">,
  open: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  assertMilliseconds("openTimeoutMs", openTimeoutMs, 1);
  signal?.throwIfAborted();
  const over = new AbortController();
  const timer = setTimeout(
    () =>
      over.abort(
        new CriError(
          "ERR_CRI_DEADLINE_EXCEEDED",
          `the stream is not open after ${openTimeoutMs} milliseconds`,
        ),
      ),
    openTimeoutMs,
  );
  try {
    return await open(joinSignals(signal, over.signal) ?? over.signal);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Opens by the first transport that the server does not refuse as unknown. Each try begins with a new RPC, since a URL
 * is good for one.
 */
export async function openByFirst<T>(
  transports: readonly StreamTransport[],
  open: (transport: StreamTransport) => Promise<T>,
): Promise<T> {
  for (const transport of transports.slice(0, -1)) {
    try {
      return await open(transport);
    } catch (error) {
      const refused = error instanceof CriError && error.code === "ERR_CRI_UPGRADE_REFUSED";
      if (!refused || !OTHER_WAY.includes(error.statusCode ?? 0)) throw error;
    }
  }
  const last = transports.at(-1);
  if (last === undefined) throw new RangeError("no transport is left");
  return open(last);
}

/** The options of the RPC, under the signal of the opening. */
export function callOptions({ timeoutMs, metadata }: CriCallOptions, signal: AbortSignal): CriCallOptions {
  return { timeoutMs, metadata, signal };
}

/** How the connection is kept, with its defaults. */
export function keepingOptions(options: StreamOpeningOptions): {
  pingIntervalMs: number;
  pingTimeoutMs: number;
  bufferBytes: number;
} {
  const { pingIntervalMs = 5000, pingTimeoutMs = 61_000, bufferBytes = 256 * 1024 } = options;
  assertMilliseconds("pingIntervalMs", pingIntervalMs, 0);
  assertMilliseconds("pingTimeoutMs", pingTimeoutMs, 1);
  if (!Number.isSafeInteger(bufferBytes) || bufferBytes < 1) {
    throw new RangeError(`bufferBytes must be a whole number from 1, got ${bufferBytes}`);
  }
  return { pingIntervalMs, pingTimeoutMs, bufferBytes };
}

function assertMilliseconds(name: string, value: number, min: number): void {
  if (!(value >= min && value <= MAX_TIMER_MS)) {
    throw new RangeError(`${name} must be from ${min} to ${MAX_TIMER_MS}, got ${value}`);
  }
}

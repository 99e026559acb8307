/**
 * When a request is repeated, and after which wait.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3}
 * @module
 */
import { delay, type SignalOptions } from "../core/signal.ts";
import { OciError } from "./errors.ts";

/** How failed requests are repeated. */
export interface RetryPolicy {
  /** Tries altogether, the first one included. Default 5. */
  attempts?: number | undefined;
  /** Longest wait before the second try, in milliseconds; doubles with each further one. Default 500. */
  baseMs?: number | undefined;
  /** Longest wait of all, in milliseconds. Default 30000. */
  maxMs?: number | undefined;
  /** Longest wait that a server may ask for, in milliseconds; more fails at once. Default 60000. */
  maxRetryAfterMs?: number | undefined;
}

/** A policy with every default filled in. */
export type ResolvedRetryPolicy = { [K in keyof RetryPolicy]-?: number };

/** Statuses of answers that another try may change. */
const TRANSIENT_STATUSES: readonly number[] = [408, 429, 500, 502, 503, 504];

/** Errors of connections that another try may change; a refused connection or an unknown name are not. */
const TRANSIENT_CAUSES: readonly string[] = [
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  // A connection that was to be closed after the answer, and was closed within it.
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_SOCKET",
];

/** Fills in the defaults. Throws a `RangeError` for a number that is none. */
export function resolveRetryPolicy(policy: RetryPolicy = {}): ResolvedRetryPolicy {
  const { attempts = 5, baseMs = 500, maxMs = 30_000, maxRetryAfterMs = 60_000 } = policy;
  const resolved = { attempts, baseMs, maxMs, maxRetryAfterMs };
  for (const [name, value] of Object.entries(resolved)) {
    if (!Number.isSafeInteger(value) || value < (name === "attempts" ? 1 : 0)) {
      throw new RangeError(`retry.${name} must be a whole number, got ${value}`);
    }
  }
  return resolved;
}

/** Whether another try may succeed where this error came up. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof OciError)) return false;
  if (error.code === "ERR_OCI_NETWORK") return TRANSIENT_CAUSES.includes(causeCode(error));
  return error.statusCode !== undefined && TRANSIENT_STATUSES.includes(error.statusCode);
}

function causeCode(error: Error): string {
  const { cause } = error;
  if (typeof cause !== "object" || cause === null || !("code" in cause)) return "";
  return String(cause.code);
}

/**
 * The wait that a `Retry-After` header asks for, in milliseconds: seconds, or a date. Nothing for another text.
 *
 * A date that has passed asks for no wait.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^[0-9]{1,10}$/.test(text)) return Number(text) * 1000;
  // Only the three forms of HTTP dates begin with a day's name; Date.parse alone takes much more.
  if (!/^[A-Z][a-z]{2,8},? /.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The wait before try number `attempt` (from 2), at random between nothing and a bound that doubles. */
export function backoffMs(
  attempt: number,
  policy: ResolvedRetryPolicy,
  random: () => number = Math.random,
): number {
  const bound = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(attempt - 2, 40));
  return Math.round(random() * bound);
}

/** Options of {@link withRetries}. */
export interface RetryOptions extends SignalOptions {
  policy: ResolvedRetryPolicy;
}

/**
 * Runs a request until it succeeds, fails for good, or the tries are used up; then its last error comes out.
 *
 * A server that asks for a longer wait than the policy allows is not asked again.
 */
export async function withRetries<T>(run: () => Promise<T>, { policy, signal }: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt >= policy.attempts || signal?.aborted || !isTransient(error)) throw error;
      const asked = error instanceof OciError ? error.retryAfterMs : undefined;
      if (asked !== undefined && asked > policy.maxRetryAfterMs) throw error;
      await delay(Math.max(asked ?? 0, backoffMs(attempt + 1, policy)), { signal });
    }
  }
}

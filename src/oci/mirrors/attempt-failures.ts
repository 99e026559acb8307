/**
 * Failures of attempts: which lead to the next one, and which of them is told in the end.
 *
 * @module
 */
import { CoreError, isLadingError } from "../../core/errors.ts";
import { messageOf } from "../../core/message-of.ts";
import { OciError } from "../errors.ts";
import type { PullAttempt } from "./pull-sources.ts";

/** An attempt that failed. */
export interface AttemptFailure {
  attempt: PullAttempt;
  error: unknown;
}

/** Codes of Node and OpenSSL where the other side speaks no TLS, or does not finish its handshake. */
const NOT_TLS: readonly string[] = [
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_HTTP_REQUEST",
  "EPROTO",
  "UND_ERR_CONNECT_TIMEOUT",
];

/** Failures that another place does not mend: of the caller, of the client, and of the configuration itself. */
const FINAL: readonly string[] = ["ERR_DIGEST_INVALID", "ERR_OCI_CLOSED", "ERR_OCI_CONFIG_INVALID"];

/** Whether the next place may be asked: after any failure but a final one, and not after an abort. */
export function mayFallThrough(error: unknown, signal: AbortSignal | undefined): boolean {
  if (signal?.aborted || !isLadingError(error)) return false;
  return !FINAL.includes(error.code);
}

/** Whether a failure over TLS lets plain HTTP be tried, where the configuration allows it. */
export function mayUsePlainHttp({ httpFallback, url }: PullAttempt, error: unknown): boolean {
  if (!(error instanceof OciError) || error.code !== "ERR_OCI_NETWORK") return false;
  if (httpFallback === "any-failure") return true;
  if (httpFallback === "never") return false;
  const code = causeCode(error);
  if (code === "ECONNREFUSED") return new URL(url).port === "";
  return NOT_TLS.includes(code);
}

function causeCode({ cause }: Error): string {
  return typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
}

/**
 * The error that stands for all: a refusal goes before "not found", and that before the absence of an answer; of the
 * same kind the first. So does containerd choose.
 *
 * It names the others in its message, and has all as an `AggregateError` for `cause`, in the order of the attempts.
 * A content that is not what was asked for is given as it is.
 */
export function failureOf(failures: readonly AttemptFailure[]): unknown {
  let told = failures[0];
  for (const failure of failures) {
    if (!told || rank(failure.error) > rank(told.error)) told = failure;
  }
  if (!told) return new OciError("ERR_OCI_NOT_FOUND", "nothing was asked");
  const { error } = told;
  if (failures.length < 2 || !(error instanceof OciError)) return error;
  const others = failures.filter((failure) => failure !== told).map(({ error }) => messageOf(error));
  const { code, message, statusCode, errors, method, url, retryAfterMs } = error;
  return new OciError(code, `${message} (other places failed too: ${others.join("; ")})`, {
    cause: new AggregateError(failures.map((failure) => failure.error)),
    statusCode,
    errors: [...errors],
    method,
    url,
    retryAfterMs,
  });
}

function rank(error: unknown): number {
  // Content that is not what was asked for must not be covered by another mirror's silence.
  if (error instanceof CoreError) return 3;
  if (!(error instanceof OciError)) return 0;
  if (error.code === "ERR_OCI_NOT_FOUND") return 1;
  return error.code === "ERR_OCI_NETWORK" ? 0 : 2;
}

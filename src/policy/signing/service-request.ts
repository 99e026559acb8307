/**
 * Requests to signing services: JSON over HTTPS, bounded, without redirects, repeated where a failure may pass.
 *
 * Identity tokens go into these requests: they are sent to the address that the caller gave and to no other, and no
 * error names them.
 *
 * @module
 */
import { collectBytes } from "../../core/bytes.ts";
import { isLadingError } from "../../core/errors.ts";
import { messageOf } from "../../core/message-of.ts";
import { delay, type SignalOptions } from "../../core/signal.ts";
import { type JsonNode, parseJson } from "../../core/strict-json.ts";
import { PolicyError } from "../errors.ts";
import { quote } from "../quote.ts";

/** Options of a client of a signing service. */
export interface SigningServiceOptions {
  /** Where the service is: HTTPS, or HTTP on the loopback interface. What the protocol asks for is put after it. */
  url: string | URL;
  /** Makes the requests. Default: the one of the JavaScript runtime. */
  fetch?: typeof globalThis.fetch | undefined;
  /** How often a request is repeated that failed in a way that may pass. Default 2. */
  retries?: number | undefined;
}

/** A service, with every default filled in. */
export interface SigningService {
  readonly base: URL;
  readonly fetch: typeof globalThis.fetch;
  readonly retries: number;
}

/** An answer of one of the accepted statuses. */
export interface ServiceAnswer {
  readonly status: number;
  readonly location: string | undefined;
  /** The body, which must be JSON; absent for an empty one. */
  readonly body: JsonNode | undefined;
}

const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_SHOWN = 256;
const FIRST_DELAY_MS = 200;
const MAX_RETRIES = 10;
const PASSING: readonly number[] = [408, 429, 500, 502, 503, 504];

/**
 * The service at an address.
 *
 * @throws {TypeError} for an address that is none, has user information, or would send tokens in the clear.
 */
export function signingService({
  url,
  fetch = globalThis.fetch,
  retries = 2,
}: SigningServiceOptions): SigningService {
  const base = new URL(url);
  if (base.username !== "" || base.password !== "")
    throw new TypeError("user information in a service's URL");
  const isLoopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(base.hostname);
  if (base.protocol !== "https:" && !(base.protocol === "http:" && isLoopback)) {
    throw new TypeError(`a signing service must be reached by HTTPS: ${base.origin}`);
  }
  if (!Number.isSafeInteger(retries) || retries < 0 || retries > MAX_RETRIES) {
    throw new RangeError(`retries must be a whole number from 0 to ${MAX_RETRIES}, got ${retries}`);
  }
  base.search = "";
  base.hash = "";
  return { base, fetch, retries };
}

/** What is asked. */
export interface ServiceRequest extends SignalOptions {
  method: "GET" | "POST";
  /** Put after the service's path. */
  path: string;
  body?: unknown;
  /** Statuses that are an answer; others are a failure. */
  accept: readonly number[];
}

/**
 * Asks a service.
 *
 * @throws {PolicyError} `ERR_POLICY_SIGNING_SERVICE` for other statuses, with the service's own message; for a
 * connection that fails, a redirect, and a body that is too long or no JSON.
 */
export async function requestService(
  service: SigningService,
  request: ServiceRequest,
): Promise<ServiceAnswer> {
  const { signal } = request;
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await requestOnce(service, request);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Passing)) throw error;
      if (attempt >= service.retries) throw error.failure;
      await delay(FIRST_DELAY_MS * 2 ** attempt * (0.5 + Math.random()), { signal });
    }
  }
}

/** A failure that may pass. Never leaves this file. */
class Passing extends Error {
  readonly failure: PolicyError;
  constructor(failure: PolicyError) {
    super(failure.message);
    this.failure = failure;
  }
}

async function requestOnce(
  { base, fetch }: SigningService,
  { method, path, body, accept, signal }: ServiceRequest,
): Promise<ServiceAnswer> {
  const url = new URL(base.pathname.replace(/\/$/, "") + path, base);
  const place = `${method} ${url.origin}${url.pathname}`;
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      redirect: "manual",
      headers: {
        Accept: "application/json",
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (cause) {
    signal?.throwIfAborted();
    const detail = cause instanceof Error && cause.cause !== undefined ? `: ${messageOf(cause.cause)}` : "";
    throw new Passing(failed(`${place}: ${messageOf(cause)}${detail}`, cause));
  }
  const text = await readBody(response, place, signal);
  if (!accept.includes(response.status)) {
    const failure = failed(`${place}: status ${response.status}${reasonOf(text)}`);
    throw PASSING.includes(response.status) ? new Passing(failure) : failure;
  }
  const location = response.headers.get("location") ?? undefined;
  return { status: response.status, location, body: readJson(text, place) };
}

async function readBody(
  { body }: Response,
  place: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (!body) return new Uint8Array(0);
  try {
    return await collectBytes(body, { maxBytes: MAX_ANSWER_BYTES, signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const failure = failed(`${place}: ${messageOf(cause)}`, cause);
    throw isLadingError(cause) ? failure : new Passing(failure);
  }
}

function readJson(text: Uint8Array, place: string): JsonNode | undefined {
  if (text.byteLength === 0) return undefined;
  try {
    return parseJson(text, { maxBytes: MAX_ANSWER_BYTES });
  } catch (cause) {
    if (!isLadingError(cause)) throw cause;
    throw failed(`${place}: ${cause.message}`, cause);
  }
}

/** What a service says about a failure: its `message` where it answers JSON, else the text. */
function reasonOf(text: Uint8Array): string {
  if (text.byteLength === 0) return "";
  let shown = Buffer.from(text).toString("utf8");
  try {
    const node = parseJson(text, { maxBytes: MAX_ANSWER_BYTES });
    const message = node.kind === "object" && node.members.find(({ key }) => key === "message")?.value;
    if (message && message.kind === "string") shown = message.value;
  } catch (error) {
    if (!isLadingError(error)) throw error;
  }
  return `: ${quote(shown.slice(0, MAX_SHOWN))}`;
}

/** A service that does not do its part. */
export function failed(message: string, cause?: unknown): PolicyError {
  return new PolicyError("ERR_POLICY_SIGNING_SERVICE", message, cause === undefined ? {} : { cause });
}

/** Runs a reader of an answer; what it throws comes out as a failure of the service. */
export function readAnswer<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!isLadingError(cause) || cause.code === "ERR_POLICY_SIGNER") throw cause;
    throw failed(`${what}: ${cause.message}`, cause);
  }
}

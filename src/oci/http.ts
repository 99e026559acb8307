/**
 * One HTTP request and its answer: nothing is followed, repeated, decoded or authorised here.
 *
 * @module
 */
import type { IncomingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import type { ByteStream } from "../core/bytes.ts";
import { isLadingError } from "../core/errors.ts";
import { type BodyPace, paced } from "./body-pace.ts";
import { dispatchRequest } from "./dispatch.ts";
import { OciError } from "./errors.ts";
import type { HttpBody } from "./http-body.ts";
import { observed } from "./request-events.ts";
import { displayUrl } from "./url.ts";

/** A request to one URL. */
export interface HttpRequest {
  dispatcher: Dispatcher;
  /** Whether the dispatcher is lading's own, and none that a caller gave. */
  ownConnection: boolean;
  method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  url: URL;
  headers: Readonly<Record<string, string | string[]>>;
  /** A stream is sent with the `Content-Length` of `headers`. */
  body?: Uint8Array | ByteStream | undefined;
  signal?: AbortSignal | undefined;
  /** Longest silence before the head of an answer, in milliseconds. */
  headersTimeoutMs: number;
  /** Longest silence within a body, in milliseconds. */
  bodyTimeoutMs: number;
  /** Slowest pace of a body, on the average of `bodyTimeoutMs` of waiting for it; 0 for none. */
  minBytesPerSecond: number;
}

/** An answer. Its body must be read to the end, or {@link discardBody} called. */
export interface HttpAnswer {
  readonly method: string;
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: HttpBody;
  /** How fast {@link readBody} has the body come; absent: at any pace. */
  readonly pace?: BodyPace;
}

const MAX_DISCARD_BYTES = 64 * 1024;
const MAX_DISCARD_MS = 2000;

/**
 * Sends a request and gives back the head of its answer.
 *
 * @throws {OciError} `ERR_OCI_NETWORK` when there is no answer.
 */
export function sendRequest(request: HttpRequest): Promise<HttpAnswer> {
  return observed(request, () => send(request));
}

async function send(request: HttpRequest): Promise<HttpAnswer> {
  const { dispatcher, ownConnection, method, url, headers, body, signal } = request;
  const { headersTimeoutMs, bodyTimeoutMs, minBytesPerSecond } = request;
  signal?.throwIfAborted();
  const source: { failure?: { error: unknown } } = {};
  const content =
    body === undefined || body instanceof Uint8Array
      ? body
      : Readable.from(watched(body, source), { objectMode: false });
  try {
    const answer = await dispatchRequest(dispatcher, {
      options: {
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: { ...headers },
        body: content ?? null,
        // Without this a connection serves no other request after a HEAD.
        reset: false,
        headersTimeout: headersTimeoutMs,
        bodyTimeout: bodyTimeoutMs,
      },
      signal,
      ownConnection,
    });
    const head = { method, url, ...answer };
    return minBytesPerSecond > 0 ? { ...head, pace: { minBytesPerSecond, windowMs: bodyTimeoutMs } } : head;
  } catch (error) {
    throw source.failure ? source.failure.error : requestError(error, request);
  }
}

/** Passes a stream on, and remembers its failure: that is the caller's, not the network's. */
async function* watched(
  body: ByteStream,
  source: { failure?: { error: unknown } },
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* body;
  } catch (error) {
    source.failure = { error };
    throw error;
  }
}

/** The bytes of an answer's body; a connection that breaks, or a body too slow, is `ERR_OCI_NETWORK`. */
export async function* readBody(
  answer: HttpAnswer,
  signal?: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* answer.pace ? paced(answer.body, answer.pace) : answer.body;
  } catch (error) {
    throw requestError(error, { method: answer.method, url: answer.url, signal });
  }
}

function requestError(
  error: unknown,
  { method, url, signal }: Pick<HttpRequest, "url" | "signal"> & { method: string },
): unknown {
  if (signal?.aborted) return signal.reason;
  // An error of ours came out of a look-up, or ended the client.
  if (isLadingError(error)) return error;
  const reason =
    error instanceof Error ? error.message || String((error as { code?: unknown }).code) : String(error);
  const shown = displayUrl(url);
  return new OciError("ERR_OCI_NETWORK", `${method} ${shown}: ${reason}`, {
    cause: error,
    method,
    url: shown,
  });
}

/** Value of a header; of several lines the first. */
export function headerOf({ headers }: Pick<HttpAnswer, "headers">, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** All lines of a header. */
export function headerLines({ headers }: Pick<HttpAnswer, "headers">, name: string): string[] {
  const value = headers[name];
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** Lets go of an answer: reads on where little is left, so that the connection can serve again, else breaks it. */
export async function discardBody(answer: HttpAnswer): Promise<void> {
  const { body, method } = answer;
  const length = Number(headerOf(answer, "content-length") ?? Number.NaN);
  if (method === "HEAD" || length <= MAX_DISCARD_BYTES) {
    const timer = setTimeout(() => body.destroy(), MAX_DISCARD_MS);
    try {
      let left = MAX_DISCARD_BYTES;
      for await (const chunk of body) {
        left -= chunk.byteLength;
        if (left < 0) break;
      }
    } catch {
      // The connection broke: there is nothing left to keep.
    } finally {
      clearTimeout(timer);
    }
  }
  body.destroy();
}

/**
 * A request through a dispatcher of undici, without a Node stream for the answer.
 *
 * @module
 */
import { channel } from "node:diagnostics_channel";
import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { type BodyFeed, createBody, type HttpBody } from "./http-body.ts";
import { detach } from "./owned-memory.ts";

/** What {@link dispatchRequest} sends. */
export interface DispatchedRequest {
  options: Dispatcher.DispatchOptions & { body: Uint8Array | Readable | null };
  signal?: AbortSignal | undefined;
  /** Whether the dispatcher is lading's own, so that nobody else looks at the memory that bytes arrive in. */
  ownConnection: boolean;
}

/** The head of an answer, with its body. */
export interface DispatchedAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: HttpBody;
}

/** Reads of a socket that are smaller lie in memory that others may share. */
const MIN_DETACHED_BYTES = 4096;

/** Whoever listens here is given the chunks as well. */
const chunkListeners = channel("undici:request:bodyChunkReceived");

/** Settles with the first answer that is no interim one; rejects with what undici says, or the signal's reason. */
export function dispatchRequest(
  dispatcher: Dispatcher,
  { options, signal, ownConnection }: DispatchedRequest,
): Promise<DispatchedAnswer> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let feed: BodyFeed | undefined;
    const onAbort = (): void => {
      feed?.abort(signal?.reason);
      controller?.abort(signal?.reason);
    };
    const ignoreSignal = (): void => signal?.removeEventListener("abort", onAbort);
    const fail = (error: unknown): void => {
      if (feed) feed.fail(error);
      else {
        ignoreSignal();
        // The failure of the request is the news, whatever becomes of what was to be sent.
        if (options.body && "destroy" in options.body) options.body.on("error", () => {}).destroy();
        reject(error);
      }
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      dispatcher.dispatch(options, {
        onRequestStart(given) {
          controller = given;
          if (signal?.aborted) given.abort(signal.reason);
        },
        onResponseStart(given, status, headers) {
          if (status < 200) return;
          feed = createBody({
            declaredLength: lengthOf(options.method, headers),
            pause: () => given.pause(),
            resume: () => given.resume(),
            leave: () => given.abort(new Error("the rest of the answer is not wanted")),
          });
          feed.body.onClose(ignoreSignal);
          resolve({ status, headers, body: feed.body });
        },
        onResponseData(given, chunk) {
          feed?.add(chunk);
          if (ownConnection && !given.paused) giveBackRead(chunk);
        },
        onResponseEnd: () => feed?.end(),
        onResponseError: (_, error) => fail(error),
      });
    } catch (error) {
      fail(error);
    }
  });
}

/** The length that a head declares for the body behind it. */
function lengthOf(method: string, headers: IncomingHttpHeaders): number | undefined {
  const text = headers["content-length"];
  if (method === "HEAD") return 0;
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

/**
 * Gives back the memory of one read of a socket, if it held this chunk and nothing else: nothing of it is left to look at
 * then. While a connection is paused undici still does.
 */
function giveBackRead(chunk: Uint8Array): void {
  const { buffer, byteLength } = chunk;
  if (byteLength < MIN_DETACHED_BYTES || byteLength !== buffer.byteLength) return;
  if (buffer instanceof ArrayBuffer && !chunkListeners.hasSubscribers) detach(buffer);
}

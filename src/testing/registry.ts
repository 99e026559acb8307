/**
 * A container registry inside the process, on a loopback port: for tests of whatever talks to a registry.
 *
 * It keeps to the distribution specification 1.1 (push in one request, in two and in chunks, mounts, ranges,
 * tags, referrers, deletion), or does as an older registry does, and keeps everything in memory. Told to, it
 * misbehaves.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md}
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { collectBytes } from "../core/bytes.ts";
import { isLadingError } from "../core/errors.ts";
import { basicGuard, bearerGuard, openGuard, type RegistryGuard } from "./registry-auth.ts";
import { emptyContent } from "./registry-content.ts";
import { listen } from "./registry-listener.ts";
import { type RegistryLoader, registryLoader } from "./registry-load.ts";
import {
  createMisbehaviours,
  type InjectedMisbehaviour,
  type RegistryMisbehaviour,
} from "./registry-misbehaviour.ts";
import { commonHeaders, routeSettings, type StartRegistryOptions } from "./registry-options.ts";
import { rateLimiter } from "./registry-rate-limit.ts";
import { errorReply, type RegistryReply, type RegistryRequest } from "./registry-reply.ts";
import { answerRequest } from "./registry-routes.ts";
import { replySender } from "./registry-send.ts";
import { answerDishonestly } from "./registry-strike.ts";

export type { StartRegistryOptions } from "./registry-options.ts";

/** One line of the log. */
export interface RegistryLogEntry {
  method: string;
  /** Path and query as sent. */
  url: string;
  headers: Readonly<IncomingMessage["headers"]>;
  /** Length of the request's body in bytes. */
  bodyBytes: number;
  /** 0 where the connection broke before an answer was sent. */
  status: number;
  /** Number of the connection that it came on, from 1. */
  connection: number;
  /** Address and port that it came from. */
  from: string;
}

/** A registry that is running. */
export interface TestRegistry extends RegistryLoader {
  /** Host and port as in a reference: `127.0.0.1:40123`, `[::1]:40123`. */
  readonly host: string;
  /** Scheme, host and port. */
  readonly url: string;
  /** Requests in order of their arrival, the last 10000. */
  readonly requests: readonly RegistryLogEntry[];
  /** Connections that are open now, and that were ever made. */
  readonly connections: { readonly open: number; readonly made: number };
  /** Makes requests go wrong. */
  misbehave(misbehaviour: RegistryMisbehaviour): InjectedMisbehaviour;
  /** Makes every token that was issued so far invalid, identity tokens that were handed out included. */
  revokeTokens(): void;
  /** Stops listening, breaks open connections, and drops the content. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

const MAX_LOG = 10_000;

/**
 * Starts a registry on a free loopback port.
 *
 * It must be closed; until then it keeps the process alive. Any number can run at a time.
 */
export async function startRegistry(options: StartRegistryOptions = {}): Promise<TestRegistry> {
  const { host: address = "127.0.0.1", tls, auth, intercept, alter } = options;
  const requests: RegistryLogEntry[] = [];
  const content = emptyContent();
  const misbehaviours = createMisbehaviours();
  const limiter = rateLimiter(options.rateLimit);
  const send = replySender(options.bytesPerSecond);
  const listener = await listen({ address, tls, onRequest: serve });
  const { host, url, connections } = listener;
  const guard: RegistryGuard =
    auth === undefined ? openGuard() : auth.kind === "basic" ? basicGuard(auth) : bearerGuard(auth, url);
  const settings = routeSettings(options, url);
  const always = commonHeaders(options, settings);

  async function serve(
    incoming: IncomingMessage,
    response: ServerResponse,
    connection: number,
  ): Promise<void> {
    const { method = "", headers, socket } = incoming;
    const { pathname, searchParams } = new URL(incoming.url ?? "", "http://localhost");
    const entry: RegistryLogEntry = {
      method,
      url: incoming.url ?? "",
      headers,
      bodyBytes: 0,
      status: 0,
      connection,
      from: `${socket.remoteAddress}:${socket.remotePort}`,
    };
    requests.push(entry);
    if (requests.length > MAX_LOG) requests.shift();
    let request: RegistryRequest = {
      method,
      path: pathname,
      query: searchParams,
      headers,
      body: new Uint8Array(),
      connection,
    };
    const struck = misbehaviours.strike(request);
    let tooLarge = false;
    if (!struck?.misbehaviour.beforeBody) {
      const body = await readBody(incoming, settings.maxBlobBytes);
      tooLarge = body === undefined;
      request = { ...request, body: body ?? new Uint8Array() };
      entry.bodyBytes = request.body.byteLength;
    }
    const honest = (asked: RegistryRequest): Promise<RegistryReply> => answer(asked, tooLarge);
    if (struck) {
      entry.status = await answerDishonestly({ struck, incoming, request, honest });
      return;
    }
    const reply = await honest(request);
    entry.status = reply.status;
    await send(response, method, reply);
  }

  async function answer(request: RegistryRequest, tooLarge: boolean): Promise<RegistryReply> {
    let reply = await intercept?.(request);
    if (!reply) {
      const own = tooLarge
        ? errorReply(413, "SIZE_INVALID", "the body is too large")
        : (limiter.refuse(request) ?? answerRequest(content, guard, request, settings));
      reply = { ...own, headers: { ...always, ...limiter.headers(request), ...own.headers } };
    }
    return alter ? alter(request, reply) : reply;
  }

  const close = async (): Promise<void> => {
    await listener.close();
    content.repositories.clear();
    content.uploads.clear();
  };
  return {
    host,
    url,
    requests,
    connections,
    ...registryLoader(content),
    misbehave: (misbehaviour) => misbehaviours.add(misbehaviour),
    revokeTokens: () => guard.revokeTokens(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The body, or nothing where it is longer than the limit; the rest is then thrown away. */
async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    return await collectBytes(incoming, { maxBytes });
  } catch (error) {
    if (isLadingError(error)) return undefined;
    throw error;
  }
}

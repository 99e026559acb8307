/**
 * Requests to registries: authorised, redirected and repeated by one set of rules.
 *
 * @module
 */
import type { LookupFunction } from "node:net";
import type { SecureContextOptions } from "node:tls";
import type { Agent, Dispatcher } from "undici";
import { assertLimit, type ByteStream } from "../core/bytes.ts";
import { type AccessRequest, createAuth } from "./auth.ts";
import { type CredentialsSource, toCredentialsFunction } from "./credentials.ts";
import { answerError } from "./error-answer.ts";
import { OciError } from "./errors.ts";
import { type AgentOptions, guardedAgent, registryAgent } from "./guarded-agent.ts";
import {
  discardBody,
  type HttpAnswer,
  type HttpRequest,
  headerLines,
  headerOf,
  sendRequest,
} from "./http.ts";
import { originLimit } from "./origin-limit.ts";
import { parseRateLimit, type RateLimit } from "./rate-limit.ts";
import { type RetryPolicy, resolveRetryPolicy, withRetries } from "./retry.ts";
import { checkRedirect, type TrustOrigin } from "./trust.ts";
import { type PlainHttp, registryUrl } from "./url.ts";
import { parseWarning } from "./warning.ts";

/** How registries are reached. */
export interface ClientOptions {
  /** Who the caller is, by host. Looked up only after a registry asked, and its token server was checked. */
  credentials?: CredentialsSource | undefined;
  /**
   * Hosts to be reached over plain HTTP. Default none, apart from loopback addresses with a port other than 443;
   * a function can give false for these.
   */
  plainHttp?: PlainHttp | undefined;
  /** The caller's word on other origins that a registry names. Default: the rules of lading alone. */
  trustOrigin?: TrustOrigin | undefined;
  /**
   * Makes every connection, in place of lading's own. Which addresses names resolve to is then not checked, and
   * `lookup`, `tls`, `connectTimeoutMs` and `maxHeaderBytes` have no effect. It is not closed by lading.
   */
  dispatcher?: Dispatcher | undefined;
  /** Resolves host names. Default `dns.lookup`. */
  lookup?: LookupFunction | undefined;
  /** Certificate authorities, and the client certificate for registries, in PEM. */
  tls?: Pick<SecureContextOptions, "ca" | "cert" | "key"> | undefined;
  /** How failed requests are repeated. */
  retry?: RetryPolicy | undefined;
  /** Value of the `User-Agent` header. Default `lading`. */
  userAgent?: string | undefined;
  /** Longest time to connect, in milliseconds. Default 30000. */
  connectTimeoutMs?: number | undefined;
  /** Longest silence before the head of an answer, in milliseconds. Default 30000. */
  headersTimeoutMs?: number | undefined;
  /** Longest silence within a body, in milliseconds. Default 60000. */
  bodyTimeoutMs?: number | undefined;
  /**
   * Slowest pace of a body, in bytes a second on the average of `bodyTimeoutMs`; a slower one is a failure that may pass,
   * and taken up again. Only waiting for the registry counts, not what the reader does meanwhile. 0 lets a registry send
   * as slowly as it likes, and hold a pull for ever. Default 512.
   */
  minBytesPerSecond?: number | undefined;
  /** Longest head of an answer, in bytes. Default 65536. */
  maxHeaderBytes?: number | undefined;
  /** Told of each warning that a registry attaches, once a text. An error it throws fails the request. */
  onWarning?: ((text: string, host: string) => void) | undefined;
  /**
   * Told of each answer that says what rate of requests the registry allows. An error it throws fails the request.
   */
  onRateLimit?: ((limit: RateLimit, host: string) => void) | undefined;
  /**
   * Requests to one origin that are under way at a time. More wait; where none ends for a second, one more is let through, so
   * that bodies which are held open cannot stop everything. Default 6.
   */
  maxRequestsPerOrigin?: number | undefined;
  /** The time in milliseconds since 1970, for the expiry of tokens. Default `Date.now`. */
  now?: (() => number) | undefined;
}

/** One request to a registry. */
export interface ClientRequest extends AccessRequest {
  method: HttpRequest["method"];
  /** On the registry's origin, or an upload location that was checked. */
  url: URL;
  headers?: Readonly<Record<string, string>> | undefined;
  body?: Uint8Array | ByteStream | undefined;
  /** Statuses that are a success. */
  accept: readonly number[];
  /** Whether the request may be sent again after a failure that may pass. Default: for GET and HEAD. */
  repeatable?: boolean | undefined;
}

/** Talks to registries. */
export interface Client {
  /** The answer to a request, with one of the statuses that are accepted. */
  request(request: ClientRequest): Promise<HttpAnswer>;
  /** Scheme, host and port of a domain's registry. */
  urlOf(domain: string): URL;
  readonly trustOrigin: TrustOrigin | undefined;
  /** Whether every connection is lading's own, and none of a dispatcher that the caller gave. */
  readonly ownConnections: boolean;
  readonly now: () => number;
  close(): Promise<void>;
}

const MAX_REDIRECTS = 10;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
/** A challenge is answered at most this often: for the first token, and for one with a wider scope. */
const MAX_ANSWERS = 2;
const MAX_KNOWN_WARNINGS = 1000;

/** Makes a client. Connections are made when needed, and stay open for a while until it is closed. */
export function createClient(options: ClientOptions = {}): Client {
  const { plainHttp, trustOrigin, dispatcher, now = Date.now, userAgent = "lading" } = options;
  const { onWarning, onRateLimit, maxRequestsPerOrigin = 6 } = options;
  const { headersTimeoutMs = 30_000, bodyTimeoutMs = 60_000, minBytesPerSecond = 512 } = options;
  const { connectTimeoutMs = 30_000, maxHeaderBytes = 65_536, lookup, tls } = options;
  for (const [name, value] of Object.entries({
    headersTimeoutMs,
    bodyTimeoutMs,
    minBytesPerSecond,
    connectTimeoutMs,
    maxHeaderBytes,
  })) {
    assertLimit(value, name);
  }
  assertLimit(maxRequestsPerOrigin - 1, "maxRequestsPerOrigin less one");
  const limit = originLimit(maxRequestsPerOrigin);
  const policy = resolveRetryPolicy(options.retry);
  const agentOptions: AgentOptions = { lookup, tls, connectTimeoutMs, maxHeaderBytes };
  const agents = new Map<string, Agent>();
  const warned = new Set<string>();
  let closed = false;

  const auth = createAuth({
    credentials: toCredentialsFunction(options.credentials),
    allowsHttp: (host) => registryUrl(host, plainHttp).protocol === "http:",
    trustOrigin,
    now,
    send: ({ method, url, headers, body }, realm, access, signal) => {
      const { registry, endpoint } = access;
      // The same server over the same kind of connection; others get neither its headers nor its certificate.
      const own = endpoint !== undefined && url.origin === registry.origin;
      const kind = own ? "registry" : realm.trusted ? "trusted" : "guarded";
      const all = own ? { ...withoutName(endpoint.headers, "authorization"), ...headers } : headers;
      return send(kind, access, { method, url, headers: all, body, signal });
    },
  });

  return {
    trustOrigin,
    ownConnections: dispatcher === undefined,
    now,
    urlOf: (domain) => registryUrl(domain, plainHttp),
    async request(request) {
      const { method, signal } = request;
      const repeatable = request.repeatable ?? (method === "GET" || method === "HEAD");
      if (!repeatable) return authorised(request);
      return withRetries(() => authorised(request), { policy, signal });
    },
    async close() {
      closed = true;
      await Promise.all([...agents.values()].map((agent) => agent.destroy(closedError())));
      agents.clear();
    },
  };

  /** One try: the request with what authorises it, and again after each challenge that can be answered. */
  async function authorised(request: ClientRequest): Promise<HttpAnswer> {
    const { signal, body } = request;
    const resendable = body === undefined || body instanceof Uint8Array;
    let authorization = onOwnOrigin(request) ? await auth.authorize(request) : undefined;
    for (let answers = 0; ; answers++) {
      const { answer, own } = await followed(request, authorization);
      if (request.accept.includes(answer.status)) return answer;
      const lines = own ? headerLines(answer, "www-authenticate") : [];
      const challenged = answer.status === 401 || (answer.status === 403 && lines.some(wantsOtherScope));
      const error = await answerError(answer, { signal, now });
      if (!challenged || !resendable || answers >= MAX_ANSWERS) throw error;
      const next = await auth.answer(request, lines, { authorization, fresh: answers > 0 });
      if (next === undefined) throw error;
      authorization = next;
    }
  }

  /** Sends a request and follows where reads are redirected to. */
  async function followed(
    request: ClientRequest,
    authorization: string | undefined,
  ): Promise<{ answer: HttpAnswer; own: boolean }> {
    const { method, registry, body, signal } = request;
    let { url } = request;
    // Once a chain has left the registry nothing that is meant for the registry is sent any more.
    let own = onOwnOrigin(request);
    let agent: AgentKind = own ? "registry" : "trusted";
    for (let hops = 0; ; hops++) {
      const configured = own ? (request.endpoint?.headers ?? {}) : {};
      const headers: Record<string, string | string[]> = {
        "User-Agent": userAgent,
        "Accept-Encoding": "identity",
        ...request.headers,
      };
      for (const [name, value] of Object.entries(configured)) setHeader(headers, name, value);
      if (own && authorization !== undefined) setHeader(headers, "Authorization", authorization);
      const answer = await send(agent, request, { method, url, headers, body, signal });
      if (own) await tell(answer, request.domain);
      if (!REDIRECTS.includes(answer.status)) return { answer, own };
      await discardBody(answer);
      const refuse = (why: string): OciError =>
        new OciError("ERR_OCI_REDIRECT_REFUSED", `${registry.origin}: ${why}`, { statusCode: answer.status });
      if (method !== "GET" && method !== "HEAD") throw refuse(`a ${method} is redirected`);
      if (hops >= MAX_REDIRECTS) throw refuse(`more than ${MAX_REDIRECTS} redirects`);
      const next = checkRedirect(headerOf(answer, "location"), url, { registry, trustOrigin });
      own &&= next.url.origin === registry.origin;
      agent = own ? "registry" : next.trusted ? "trusted" : "guarded";
      url = next.url;
    }
  }

  async function send(
    kind: AgentKind,
    place: Pick<AccessRequest, "registry" | "endpoint">,
    request: Pick<HttpRequest, "method" | "url" | "headers" | "body" | "signal">,
  ): Promise<HttpAnswer> {
    if (closed) throw closedError();
    const release = await limit.acquire(request.url.origin, request.signal);
    try {
      if (closed) throw closedError();
      const agent = agentFor(kind, place);
      const answer = await sendRequest({
        ...request,
        dispatcher: agent,
        ownConnection: dispatcher === undefined,
        headersTimeoutMs,
        bodyTimeoutMs,
        minBytesPerSecond,
      });
      answer.body.onClose(release);
      return answer;
    } catch (error) {
      release();
      throw error;
    }
  }

  function agentFor(
    kind: AgentKind,
    { registry, endpoint }: Pick<AccessRequest, "registry" | "endpoint">,
  ): Dispatcher {
    if (dispatcher) return dispatcher;
    // A connection that was allowed for one registry must not serve another one.
    const place = endpoint?.tls || endpoint?.connectTimeoutMs !== undefined ? ` ${endpoint.key}` : "";
    const key = `${kind}${place}${kind === "guarded" ? ` ${registry.hostname}` : ""}`;
    const existing = agents.get(key);
    if (existing) return existing;
    const own: AgentOptions = {
      ...agentOptions,
      tls: endpoint?.tls ?? tls,
      connectTimeoutMs: endpoint?.connectTimeoutMs ?? connectTimeoutMs,
    };
    const elsewhere: AgentOptions = { ...own, tls: own.tls?.ca ? { ca: own.tls.ca } : undefined };
    const made =
      kind === "guarded"
        ? guardedAgent(registry, elsewhere)
        : registryAgent(kind === "registry" ? own : elsewhere);
    agents.set(key, made);
    return made;
  }

  /** Tells the caller what an answer says beside its content. */
  async function tell(answer: HttpAnswer, host: string): Promise<void> {
    try {
      const rate = onRateLimit && parseRateLimit(answer.headers);
      if (rate) onRateLimit(rate, host);
      warn(answer, host);
    } catch (error) {
      await discardBody(answer);
      throw error;
    }
  }

  function warn(answer: HttpAnswer, host: string): void {
    if (!onWarning || warned.size >= MAX_KNOWN_WARNINGS) return;
    for (const line of headerLines(answer, "warning")) {
      const text = parseWarning(line)?.text;
      const key = `${host} ${text}`;
      if (text === undefined || warned.has(key)) continue;
      warned.add(key);
      onWarning(text, host);
    }
  }
}

/** Where a connection may go: to the registry, to whom the caller trusts, or to public addresses. */
type AgentKind = "registry" | "trusted" | "guarded";

function onOwnOrigin({ url, registry }: ClientRequest): boolean {
  return url.origin === registry.origin;
}

/** Sets a header in place of one whose name differs in case only. */
function setHeader(headers: Record<string, string | string[]>, name: string, value: string | string[]): void {
  for (const other of Object.keys(headers)) {
    if (other.toLowerCase() === name.toLowerCase()) delete headers[other];
  }
  headers[name] = value;
}

function withoutName(
  headers: Readonly<Record<string, string | string[]>>,
  name: string,
): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(headers).filter(([other]) => other !== name));
}

function wantsOtherScope(line: string): boolean {
  return /\berror="?insufficient_scope\b/i.test(line);
}

function closedError(): OciError {
  return new OciError("ERR_OCI_CLOSED", "the registry client is closed");
}

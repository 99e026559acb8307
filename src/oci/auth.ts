/**
 * Being let in by registries: the only place where an `Authorization` header comes from.
 *
 * Every path goes the same way: the registry's own challenge, the check of its token server, then the caller's
 * credentials, then one token for all who wait for it.
 *
 * @module
 */
import { type Challenge, parseChallenges } from "./challenge.ts";
import { basicAuthorization, type Credentials, type CredentialsFunction } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import { OciError } from "./errors.ts";
import { singleFlight } from "./flight.ts";
import { mergeScopes, splitScopes } from "./scope.ts";
import { requestToken, type SendTokenRequest } from "./token.ts";
import { type CheckedRealm, checkRealm, type TrustOrigin } from "./trust.ts";

/** What is to be done where. */
export interface AccessRequest {
  /** Scheme, host and port of the registry. */
  registry: URL;
  /** Host as references name it. */
  domain: string;
  /** Where requests go, if not to the domain's own registry. Its tokens are kept apart. */
  endpoint?: Endpoint | undefined;
  /** Path of the repository. */
  repository: string;
  scopes: readonly string[];
  signal?: AbortSignal | undefined;
}

/** What {@link createAuth} needs. */
export interface AuthContext {
  credentials: CredentialsFunction;
  allowsHttp: (host: string) => boolean;
  trustOrigin?: TrustOrigin | undefined;
  now: () => number;
  /** Sends to a checked token server, over connections that check addresses unless it is trusted. */
  send: (
    request: Parameters<SendTokenRequest>[0],
    realm: CheckedRealm,
    access: AccessRequest,
    signal: AbortSignal,
  ) => ReturnType<SendTokenRequest>;
}

/** Gives out values of the `Authorization` header. */
export interface Auth {
  /** The header for a first try: known only after an earlier challenge of the same registry. */
  authorize(access: AccessRequest): Promise<string | undefined>;
  /**
   * The header that answers a challenge, or nothing where there is no other than the one that was rejected.
   *
   * `challenges` are the lines of `WWW-Authenticate`.
   */
  answer(
    access: AccessRequest,
    challenges: readonly string[],
    rejected: Rejected,
  ): Promise<string | undefined>;
}

/** What a request was sent with when it was challenged. */
export interface Rejected {
  authorization: string | undefined;
  /** Whether it was got for this request: asking for the same again would bring nothing better. */
  fresh: boolean;
}

interface CachedToken {
  authorization: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

const MAX_CACHED_TOKENS = 1000;
/** A token is not used in the last tenth of its life, nor in the last ten seconds, whichever is shorter. */
const EXPIRY_MARGIN_MS = 10_000;

/** Makes the authority over `Authorization` headers; its caches last as long as it does. */
export function createAuth({ credentials, allowsHttp, trustOrigin, now, send }: AuthContext): Auth {
  const challenges = new Map<string, Challenge>();
  const tokens = new Map<string, CachedToken>();
  const flights = singleFlight<string | undefined>();

  return {
    async authorize(access) {
      const challenge = challenges.get(placeKey(access));
      return challenge && respond(access, challenge, { authorization: undefined, fresh: false });
    },
    async answer(access, lines, rejected) {
      const usable = parseChallenges(lines).find(isUsable);
      if (!usable) return undefined;
      // The scope of a challenge is for one request: later ones ask for their own.
      const { scope, ...params } = usable.params;
      challenges.set(placeKey(access), { scheme: usable.scheme, params });
      const scopes = mergeScopes([...access.scopes, ...splitScopes(scope)]);
      return respond({ ...access, scopes }, usable, rejected);
    },
  };

  async function respond(
    access: AccessRequest,
    challenge: Challenge,
    rejected: Rejected,
  ): Promise<string | undefined> {
    const authorization =
      challenge.scheme === "basic"
        ? await basic(access, rejected)
        : await bearer(access, challenge, rejected);
    return authorization === rejected.authorization ? undefined : authorization;
  }

  async function basic(access: AccessRequest, rejected: Rejected): Promise<string | undefined> {
    const key = cacheKey(access, "basic", undefined, []);
    return cachedOr(key, rejected, access.signal, async (signal) => {
      const found = await credentials(access.domain, { repository: access.repository, signal });
      if (found?.kind !== "password") return undefined;
      const authorization = basicAuthorization(found.username, found.password);
      if (authorization !== undefined) keep(key, { authorization, expiresAt: Number.POSITIVE_INFINITY });
      return authorization;
    });
  }

  async function bearer(
    access: AccessRequest,
    { params }: Challenge,
    rejected: Rejected,
  ): Promise<string | undefined> {
    const { registry, domain, repository, scopes } = access;
    const { realm = "", service } = params;
    const merged = mergeScopes(scopes);
    const key = cacheKey(access, realm, service, merged);
    return cachedOr(key, rejected, access.signal, async (signal) => {
      const checked = checkRealm(realm, { registry, allowsHttp, trustOrigin });
      const found = await credentials(domain, { repository, signal });
      if (found?.kind === "registry-token") return `Bearer ${found.token}`;
      assertRelated(checked, registry, found);
      const asked = now();
      const answer = await requestToken(
        { realm: checked.url, service, scopes: merged, credentials: found, signal },
        (request) => send(request, checked, access, signal),
      );
      const lifeMs = answer.expiresInSeconds * 1000;
      const authorization = `Bearer ${answer.token}`;
      keep(key, { authorization, expiresAt: asked + lifeMs - Math.min(EXPIRY_MARGIN_MS, lifeMs / 10) });
      return authorization;
    });
  }

  /** What is cached, unless it has expired or was rejected; else the result of the one run for this key. */
  async function cachedOr(
    key: string,
    { authorization, fresh }: Rejected,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<string | undefined>,
  ): Promise<string | undefined> {
    const cached = tokens.get(key);
    const refused = cached !== undefined && cached.authorization === authorization;
    if (refused && fresh) return undefined;
    if (cached && !refused && cached.expiresAt > now()) return cached.authorization;
    tokens.delete(key);
    return flights.run(key, work, signal);
  }

  function keep(key: string, token: CachedToken): void {
    tokens.set(key, token);
    const [oldest] = tokens.keys();
    if (tokens.size > MAX_CACHED_TOKENS && oldest !== undefined) tokens.delete(oldest);
  }
}

/** Credentials go to no token server that has nothing to do with the registry; anonymous requests may. */
function assertRelated({ related, url }: CheckedRealm, registry: URL, found: Credentials | undefined): void {
  if (related || !found) return;
  throw new OciError(
    "ERR_OCI_REALM_REFUSED",
    `${registry.origin} names ${url.origin} as token server: credentials go there only if trustOrigin allows it`,
  );
}

function isUsable({ scheme, params }: Challenge): boolean {
  return scheme === "basic" || (scheme === "bearer" && (params["realm"] ?? "") !== "");
}

/** The credentials of a token are those of the repository, so the repository stands for them in the key. */
function cacheKey(
  access: AccessRequest,
  realm: string,
  service: string | undefined,
  scopes: readonly string[],
): string {
  return JSON.stringify([placeKey(access), access.domain, access.repository, realm, service ?? null, scopes]);
}

function placeKey({ registry, endpoint }: AccessRequest): string {
  return endpoint ? `${registry.origin} ${endpoint.key}` : registry.origin;
}

/**
 * Who may do what in the in-process registry: Basic, and Bearer with a token server of its own.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { errorReply, jsonReply, type RegistryReply, type RegistryRequest } from "./registry-reply.ts";

/** Names with their passwords. */
export type RegistryUsers = Readonly<Record<string, string>>;

/** Every request needs a user name and password. */
export interface BasicRegistryAuth {
  kind: "basic";
  users: RegistryUsers;
}

/** Every request needs a token of the registry's token server, `/token` on the same port. */
export interface BearerRegistryAuth {
  kind: "bearer";
  users: RegistryUsers;
  /** Identity (refresh) tokens with the user that each stands for. Default none. */
  identityTokens?: Readonly<Record<string, string>> | undefined;
  /** Which actions a user, or nobody, may do on a repository. Default: a user all, nobody none. */
  allow?: ((user: string | undefined, repository: string, action: string) => boolean) | undefined;
  /** Lifetime of a token in seconds. Default 300. */
  expiresInSeconds?: number | undefined;
  /** Methods that the token server takes; another one is answered 405. Default both. */
  methods?: readonly ("GET" | "POST")[] | undefined;
  /** The realm of the challenge, in place of the own token server. */
  realm?: string | undefined;
  /** The time in milliseconds, for the expiry. Default `Date.now`. */
  now?: (() => number) | undefined;
}

/** How the registry knows its callers. */
export type RegistryAuth = BasicRegistryAuth | BearerRegistryAuth;

/** What a request needs. */
export interface NeededAccess {
  /** `repository`, or `registry` for the catalog. Absent where being known is enough. */
  type?: "repository" | "registry" | undefined;
  name: string;
  actions: readonly string[];
}

/** Decides about requests. */
export interface RegistryGuard {
  /** The answer that refuses a request, or nothing for one that may go on. */
  refuse(request: RegistryRequest, needed: NeededAccess): RegistryReply | undefined;
  /** Whether the caller of a request has further access. */
  may(request: RegistryRequest, needed: NeededAccess): boolean;
  /** Answers the token server's path. */
  issue(request: RegistryRequest): RegistryReply;
  /** Makes every token that was issued so far invalid. */
  revokeTokens(): void;
}

interface IssuedToken {
  scopes: Map<string, ReadonlySet<string>>;
  expiresAt: number;
}

const MAX_TOKENS = 10_000;

/** The service that the registry is to its token server. */
export const SERVICE = "lading-testing";

/** A guard that lets everything pass. */
export function openGuard(): RegistryGuard {
  return {
    refuse: () => undefined,
    may: () => true,
    issue: () => errorReply(404, "UNSUPPORTED", "no token server"),
    revokeTokens: () => {},
  };
}

/** A guard that asks for a user name and password. */
export function basicGuard({ users }: BasicRegistryAuth): RegistryGuard {
  const may = (request: RegistryRequest): boolean => basicUser(request, users) !== undefined;
  return {
    ...openGuard(),
    may,
    refuse: (request) =>
      may(request) ? undefined : unauthorized(`Basic realm="${SERVICE}", charset="UTF-8"`),
  };
}

/** A guard that asks for tokens, and issues them. `origin` is the scheme, host and port of the registry. */
export function bearerGuard(auth: BearerRegistryAuth, origin: string): RegistryGuard {
  const {
    users,
    identityTokens = {},
    expiresInSeconds = 300,
    methods = ["GET", "POST"],
    now = Date.now,
  } = auth;
  const allow = auth.allow ?? ((user) => user !== undefined);
  const realm = auth.realm ?? `${origin}/token`;
  const issued = new Map<string, IssuedToken>();
  /** Identity tokens that were handed out, with their users. */
  const refreshable = new Map<string, string>();

  const tokenOf = ({ headers }: RegistryRequest): IssuedToken | undefined => {
    const [, text] = /^Bearer (\S+)$/i.exec(headers.authorization ?? "") ?? [];
    const token = text === undefined ? undefined : issued.get(text);
    return token && token.expiresAt > now() ? token : undefined;
  };
  const covers = (token: IssuedToken | undefined, { type, name, actions }: NeededAccess): boolean => {
    if (!token) return false;
    if (!type) return true;
    const granted = token.scopes.get(`${type}:${name}`);
    return actions.every((action) => granted?.has(action) || granted?.has("*"));
  };

  return {
    may: (request, needed) => covers(tokenOf(request), needed),
    refuse(request, needed) {
      const token = tokenOf(request);
      if (covers(token, needed)) return undefined;
      const scope = needed.type ? `,scope="${needed.type}:${needed.name}:${needed.actions.join(",")}"` : "";
      const reason = token ? "insufficient_scope" : "invalid_token";
      const error = request.headers.authorization === undefined ? "" : `,error="${reason}"`;
      return unauthorized(`Bearer realm="${realm}",service="${SERVICE}"${scope}${error}`);
    },
    issue(request) {
      if (!methods.some((method) => method === request.method)) {
        return errorReply(405, "UNSUPPORTED", `${request.method} of a token`);
      }
      const form =
        request.method === "POST" ? new URLSearchParams(Buffer.from(request.body).toString()) : request.query;
      const who = request.method === "POST" ? formUser(form) : queryUser(request);
      if (who === "unknown") return unauthorized(`Basic realm="${SERVICE}"`);
      if (form.get("service") !== SERVICE) return errorReply(400, "UNSUPPORTED", "another service");
      if (issued.size >= MAX_TOKENS) issued.clear();
      const token = randomUUID();
      const scopes = grant(form.getAll("scope"), who.user);
      issued.set(token, { scopes, expiresAt: now() + expiresInSeconds * 1000 });
      const answer = { token, access_token: token, expires_in: expiresInSeconds };
      const offline = form.get("offline_token") === "true" || form.get("access_type") === "offline";
      if (!offline || who.user === undefined) return jsonReply(200, answer);
      if (refreshable.size >= MAX_TOKENS) refreshable.clear();
      const refreshToken = randomUUID();
      refreshable.set(refreshToken, who.user);
      return jsonReply(200, { ...answer, refresh_token: refreshToken });
    },
    revokeTokens() {
      issued.clear();
      refreshable.clear();
    },
  };

  function queryUser(request: RegistryRequest): { user: string | undefined } | "unknown" {
    if (request.headers.authorization === undefined) return { user: undefined };
    const user = basicUser(request, users);
    return user === undefined ? "unknown" : { user };
  }

  function formUser(form: URLSearchParams): { user: string } | "unknown" {
    const name = form.get("username") ?? "";
    const type = form.get("grant_type");
    if (type === "password" && own(users, name) === form.get("password")) return { user: name };
    const refreshToken = form.get("refresh_token") ?? "";
    const known = own(identityTokens, refreshToken) ?? refreshable.get(refreshToken);
    const user = type === "refresh_token" ? known : undefined;
    return user === undefined ? "unknown" : { user };
  }

  function grant(scopes: readonly string[], user: string | undefined): Map<string, Set<string>> {
    const granted = new Map<string, Set<string>>();
    for (const scope of scopes.flatMap((text) => text.split(" "))) {
      const last = scope.lastIndexOf(":");
      const first = scope.indexOf(":");
      if (first === last) continue;
      const resource = scope.slice(0, last);
      const actions = scope.slice(last + 1).split(",");
      const name = scope.slice(first + 1, last);
      const allowed = actions.filter((action) => allow(user, name, action));
      granted.set(resource, new Set([...(granted.get(resource) ?? []), ...allowed]));
    }
    return granted;
  }
}

function basicUser({ headers }: RegistryRequest, users: RegistryUsers): string | undefined {
  const [, encoded] = /^Basic ([A-Za-z0-9+/]+=*)$/i.exec(headers.authorization ?? "") ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  const name = text.slice(0, colon);
  return colon > 0 && own(users, name) === text.slice(colon + 1) ? name : undefined;
}

function own(record: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function unauthorized(challenge: string): RegistryReply {
  return errorReply(401, "UNAUTHORIZED", "authentication required", { "WWW-Authenticate": challenge });
}

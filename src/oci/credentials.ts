/**
 * What a caller can give to be let in.
 *
 * @module
 */
import type { SignalOptions } from "../core/signal.ts";

/** A user name with its password or access token. */
export interface PasswordCredentials {
  kind: "password";
  username: string;
  password: string;
}

/** A long-lived token that a token server exchanges for short-lived ones. */
export interface IdentityTokenCredentials {
  kind: "identity-token";
  token: string;
  /** Sent with the token to servers that know no exchange; without it there is no such second try. */
  username?: string | undefined;
}

/** A token that the registry itself takes. */
export interface RegistryTokenCredentials {
  kind: "registry-token";
  token: string;
}

/** Any of them. */
export type Credentials = PasswordCredentials | IdentityTokenCredentials | RegistryTokenCredentials;

/** What credentials are asked for. */
export interface CredentialsRequest extends SignalOptions {
  /** Path of the repository below the host, such as `library/busybox`. */
  repository: string;
}

/** Finds the credentials for a host as references name it: `docker.io`, `127.0.0.1:5000`. */
export type CredentialsFunction = (
  host: string,
  request: CredentialsRequest,
) => Credentials | undefined | Promise<Credentials | undefined>;

/** A function, or the credentials by host. */
export type CredentialsSource = CredentialsFunction | Readonly<Record<string, Credentials>>;

/** The source as a function. */
export function toCredentialsFunction(source: CredentialsSource | undefined): CredentialsFunction {
  if (typeof source === "function") return source;
  return (host) => (source && Object.hasOwn(source, host) ? source[host] : undefined);
}

/**
 * The value of an `Authorization` header for a user name and password, in UTF-8; nothing for an empty one of
 * them, or for a user name that the scheme cannot carry.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7617#section-2}
 */
export function basicAuthorization(username: string, password: string): string | undefined {
  if (username === "" || password === "" || username.includes(":")) return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}

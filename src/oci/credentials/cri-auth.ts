/**
 * Credentials in the fields of the container runtime interface, and back.
 *
 * @see {@link https://github.com/kubernetes/cri-api/blob/v0.36.0/pkg/apis/runtime/v1/api.proto}
 * @module
 */
import { parseReference } from "../../core/reference.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { Credentials, CredentialsFunction } from "../credentials.ts";
import { OciError } from "../errors.ts";
import { parseBasicPair } from "./basic-pair.ts";

/** The fields of `AuthConfig`; an empty one counts as absent. */
export interface CriAuth {
  username?: string;
  password?: string;
  /** base64 of `user:password`. */
  auth?: string;
  /** URL of the registry that they are for; absent: whichever the image is in. */
  serverAddress?: string;
  identityToken?: string;
  registryToken?: string;
}

/**
 * The credentials as fields of `AuthConfig`.
 *
 * The user name of an identity token is left out: containerd would take it for a password then. containerd ignores a
 * registry token.
 */
export function toCriAuth(credentials: Credentials): CriAuth {
  switch (credentials.kind) {
    case "password":
      return { username: credentials.username, password: credentials.password };
    case "identity-token":
      return { identityToken: credentials.token };
    case "registry-token":
      return { registryToken: credentials.token };
  }
}

/**
 * What containerd makes of the fields for a host: user name and password, else the identity token, else `auth`;
 * undefined if there is none of them, or if `serverAddress` is no URL with this host. A registry token is used last of all, which
 * containerd does not.
 *
 * @param host With its port, as it is dialled: Docker Hub is `registry-1.docker.io`.
 * @throws {OciError} `ERR_OCI_AUTH_FILE_INVALID` for an `auth` that is not base64 of `user:password`; it is
 * not repeated.
 */
export function fromCriAuth(fields: CriAuth, host: string): Credentials | undefined {
  const { username, password = "", auth, serverAddress, identityToken, registryToken } = fields;
  if (serverAddress && urlHost(serverAddress) !== host) return undefined;
  if (username) return { kind: "password", username, password };
  if (identityToken) return { kind: "identity-token", token: identityToken };
  if (auth) {
    const pair = parseBasicPair(auth);
    if (pair.kind === "pair") {
      return { kind: "password", username: pair.username, password: pair.password };
    }
    throw new OciError("ERR_OCI_AUTH_FILE_INVALID", `auth is not base64 of user:password: ${pair.reason}`);
  }
  return registryToken ? { kind: "registry-token", token: registryToken } : undefined;
}

/**
 * A function for `pullImage` of `lading/cri` that gives the credentials for an image, such as those of
 * `loadCredentials()`.
 *
 * It rejects with a `CoreError` `ERR_REFERENCE_INVALID` for an image that is no reference, and with what `credentials`
 * rejects with. Familiar names are completed as Docker does; the runtime may take them for another image.
 */
export function criCredentials(
  credentials: CredentialsFunction,
): (image: string, options?: SignalOptions) => Promise<CriAuth | undefined> {
  return async (image, { signal } = {}) => {
    signal?.throwIfAborted();
    const { domain, path } = parseReference(image);
    const found = await credentials(domain, { repository: path, signal });
    return found && toCriAuth(found);
  };
}

/** The host of a URL, with its port as it is written; empty for a text without one, such as a bare host. */
function urlHost(text: string): string {
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(text)?.[1] ?? "";
  return authority.slice(authority.lastIndexOf("@") + 1);
}

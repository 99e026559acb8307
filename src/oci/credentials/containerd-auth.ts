/**
 * Credentials in containerd's own configuration, as versions before 2.3 read them.
 *
 * ```toml
 * [plugins."io.containerd.grpc.v1.cri".registry.configs."registry.example:5000".auth]
 *   username = "…"
 *   password = "…"
 *   auth = "…"            # base64 of user:password
 *   identitytoken = "…"
 * ```
 *
 * @see {@link https://github.com/containerd/containerd/blob/v1.7.28/docs/cri/registry.md#configure-registry-credentials}
 * @module
 */
import type { CredentialsFunction } from "../credentials.ts";
import { OciError } from "../errors.ts";
import { normaliseAuthHost } from "./auth-key.ts";
import { type CriAuth, fromCriAuth } from "./cri-auth.ts";

const FIELDS = {
  username: "username",
  password: "password",
  auth: "auth",
  identitytoken: "identityToken",
} as const;

/**
 * The credentials of the table `registry.configs` as a function for `createRegistry`.
 *
 * They are by host and port, exactly as written; those of Docker Hub stand under the host that is dialled,
 * `registry-1.docker.io`. The function rejects with an `OciError` `ERR_OCI_AUTH_FILE_INVALID` for an `auth` that is not
 * base64 of `user:password`.
 *
 * @param configs The table as a TOML parser gives it: plain data. Other settings in it are not looked at.
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID` for a table or text that is of another type; no value is repeated.
 */
export function containerdCredentials(configs: Readonly<Record<string, unknown>>): CredentialsFunction {
  const byHost = new Map<string, CriAuth>();
  for (const [host, config] of Object.entries(tableOf(configs, "configs"))) {
    const { auth } = tableOf(config, host);
    if (auth !== undefined) byHost.set(host, readAuth(auth, host));
  }
  return (domain) => {
    const host = normaliseAuthHost(domain) === "index.docker.io" ? "registry-1.docker.io" : domain;
    const auth = byHost.get(host);
    return auth && fromCriAuth(auth, host);
  };
}

function readAuth(value: unknown, host: string): CriAuth {
  const table = tableOf(value, `${host}.auth`);
  const auth: CriAuth = {};
  for (const [key, field] of Object.entries(FIELDS)) {
    const text = Object.hasOwn(table, key) ? table[key] : undefined;
    if (text === undefined) continue;
    if (typeof text !== "string") throw configError(`${host}.auth.${key}`, "a text");
    auth[field] = text;
  }
  return auth;
}

function tableOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw configError(name, "a table");
}

function configError(name: string, wanted: string): OciError {
  return new OciError("ERR_OCI_CONFIG_INVALID", `registry.configs: ${JSON.stringify(name)} is not ${wanted}`);
}

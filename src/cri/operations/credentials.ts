/**
 * Credentials for pulls, from the forms in which crictl takes them.
 *
 * Nothing here reads a file: credential files of Docker and Podman are an affair of `lading/oci`.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { CriError } from "../errors.ts";
import { type AuthConfig, AuthConfigSchema } from "../gen/runtime/v1/api_pb.ts";

/** What {@link parseAuth} takes: the values of crictl's `--creds` and `--auth`. */
export interface AuthTexts {
  /** `USER[:PASSWORD]`; empty or absent: none. */
  creds?: string | undefined;
  /** base64 of `USER:PASSWORD`, handed to the runtime as it is; empty or absent: none. */
  auth?: string | undefined;
}

/**
 * The credentials in `USER[:PASSWORD]`, split at the first colon.
 *
 * @throws {CriError} `ERR_CRI_CREDENTIALS_INVALID` for an empty text or an empty user. The text is not repeated.
 */
export function parseCreds(text: string): AuthConfig {
  if (text === "") throw new CriError("ERR_CRI_CREDENTIALS_INVALID", "the credentials are empty");
  const colon = text.indexOf(":");
  const username = colon < 0 ? text : text.slice(0, colon);
  if (username === "") throw new CriError("ERR_CRI_CREDENTIALS_INVALID", "the credentials have no user");
  return create(AuthConfigSchema, { username, password: colon < 0 ? "" : text.slice(colon + 1) });
}

/**
 * The credentials that crictl's two options give, undefined if neither is set.
 *
 * `auth` is not decoded: what the runtime makes of it is the runtime's affair.
 *
 * @throws {CriError} `ERR_CRI_CREDENTIALS_INVALID` if both are set, and as {@link parseCreds}.
 */
export function parseAuth({ creds = "", auth = "" }: AuthTexts): AuthConfig | undefined {
  if (creds !== "" && auth !== "") {
    throw new CriError("ERR_CRI_CREDENTIALS_INVALID", "creds and auth are both set");
  }
  if (creds !== "") return parseCreds(creds);
  return auth === "" ? undefined : create(AuthConfigSchema, { auth });
}

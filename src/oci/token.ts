/**
 * One token from a token server.
 *
 * @see {@link https://distribution.github.io/distribution/spec/auth/token/}
 * @see {@link https://distribution.github.io/distribution/spec/auth/oauth/}
 * @module
 */
import { collectBytes } from "../core/bytes.ts";
import { basicAuthorization, type Credentials } from "./credentials.ts";
import { answerError } from "./error-answer.ts";
import { OciError } from "./errors.ts";
import { discardBody, type HttpAnswer, type HttpRequest, readBody } from "./http.ts";
import { parseTokenAnswer, type TokenAnswer } from "./token-answer.ts";
import { displayUrl } from "./url.ts";

/** Sends one request to the token server; follows nothing. */
export type SendTokenRequest = (
  request: Pick<HttpRequest, "method" | "url" | "headers" | "body">,
) => Promise<HttpAnswer>;

/** What a token is asked for. */
export interface TokenRequest {
  /** Checked: see `checkRealm`. */
  realm: URL;
  service: string | undefined;
  scopes: readonly string[];
  /** Absent: an anonymous token. */
  credentials: Exclude<Credentials, { kind: "registry-token" }> | undefined;
  signal: AbortSignal;
}

const CLIENT_ID = "lading";
const MAX_TOKEN_ANSWER_BYTES = 1024 * 1024;
/** A server that knows only the other way of asking answers so. */
const OTHER_WAY: readonly number[] = [404, 405];
/** What it may also answer to a grant that it does not know. */
const UNKNOWN_GRANT: readonly number[] = [400, 401];

/**
 * Asks a token server: by GET with a password or anonymously, by POST with an identity token.
 *
 * Where the server does not know that way (404 or 405; of an identity token also 400 or 401, as containerd has it) the other
 * one is tried once: POST with `grant_type=password`, GET with user name and identity token.
 *
 * @throws {OciError} `ERR_OCI_TOKEN_INVALID`, `ERR_OCI_REDIRECT_REFUSED`; else as the status says.
 */
export async function requestToken(request: TokenRequest, send: SendTokenRequest): Promise<TokenAnswer> {
  const { credentials } = request;
  if (!credentials) return read(await send(byGet(request, undefined)), request.signal);
  const [first, second] =
    credentials.kind === "password"
      ? [
          byGet(request, basicAuthorization(credentials.username, credentials.password)),
          byPost(request, {
            grant_type: "password",
            username: credentials.username,
            password: credentials.password,
          }),
        ]
      : [
          byPost(request, { grant_type: "refresh_token", refresh_token: credentials.token }),
          credentials.username
            ? byGet(request, basicAuthorization(credentials.username, credentials.token))
            : undefined,
        ];
  const answer = await send(first);
  const unknown = credentials.kind === "password" ? OTHER_WAY : [...OTHER_WAY, ...UNKNOWN_GRANT];
  if (!second || !unknown.includes(answer.status)) return read(answer, request.signal);
  await discardBody(answer);
  return read(await send(second), request.signal);
}

type TokenCall = Parameters<SendTokenRequest>[0];

function byGet({ realm, service, scopes }: TokenRequest, authorization: string | undefined): TokenCall {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.append("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  const headers: Record<string, string> = { Accept: "application/json" };
  if (authorization !== undefined) headers["Authorization"] = authorization;
  return { method: "GET", url, headers };
}

function byPost({ realm, service, scopes }: TokenRequest, grant: Record<string, string>): TokenCall {
  const form = new URLSearchParams({ ...grant, client_id: CLIENT_ID });
  if (service !== undefined) form.append("service", service);
  if (scopes.length > 0) form.append("scope", scopes.join(" "));
  const headers = { Accept: "application/json", "Content-Type": "application/x-www-form-urlencoded" };
  return { method: "POST", url: realm, headers, body: Buffer.from(form.toString()) };
}

async function read(answer: HttpAnswer, signal: AbortSignal): Promise<TokenAnswer> {
  if (answer.status >= 300 && answer.status < 400) {
    await discardBody(answer);
    const message = `token server ${displayUrl(answer.url)} redirects, which is not followed`;
    throw new OciError("ERR_OCI_REDIRECT_REFUSED", message, { statusCode: answer.status });
  }
  if (answer.status !== 200) throw await answerError(answer, { signal });
  return parseTokenAnswer(
    await collectBytes(readBody(answer, signal), { maxBytes: MAX_TOKEN_ANSWER_BYTES, signal }),
  );
}

/**
 * Answers of token servers.
 *
 * @see {@link https://distribution.github.io/distribution/spec/auth/token/}
 * @module
 */
import { isLadingError } from "../core/errors.ts";
import { type JsonNode, members, parseJson } from "../core/strict-json.ts";
import { OciError } from "./errors.ts";

/** A token and how long it lasts. */
export interface TokenAnswer {
  /** Safe to put into a header as it is. */
  token: string;
  /** From the time of the answer, in seconds. 60 where the server does not say. */
  expiresInSeconds: number;
  /** A longer-lived token to get others with, where the server hands one out. */
  refreshToken?: string;
}

const DEFAULT_EXPIRY_SECONDS = 60;
const MAX_TOKEN_ANSWER_BYTES = 1024 * 1024;

/**
 * Reads a token server's JSON answer; `access_token` is preferred over `token`.
 *
 * Unknown members are ignored. The text of the token never appears in an error.
 *
 * @throws {OciError} `ERR_OCI_TOKEN_INVALID` for anything without a usable token.
 */
export function parseTokenAnswer(body: Uint8Array | string): TokenAnswer {
  const found = new Map<string, JsonNode>();
  try {
    const tree = parseJson(body, { maxBytes: MAX_TOKEN_ANSWER_BYTES, maxDepth: 16 });
    for (const { key, value } of members(tree)) found.set(key, value);
  } catch (error) {
    if (!isLadingError(error)) throw error;
    throw new OciError("ERR_OCI_TOKEN_INVALID", `token answer: ${error.code}`);
  }
  const token = textOf(found.get("access_token")) || textOf(found.get("token"));
  if (!token) throw new OciError("ERR_OCI_TOKEN_INVALID", "token answer without a token");
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new OciError("ERR_OCI_TOKEN_INVALID", "token answer with a token that no header can hold");
  }
  const expiry = found.get("expires_in");
  const seconds = expiry?.kind === "number" ? Number(expiry.text) : Number.NaN;
  const answer: TokenAnswer = {
    token,
    expiresInSeconds: seconds > 0 && Number.isFinite(seconds) ? seconds : DEFAULT_EXPIRY_SECONDS,
  };
  const refreshToken = textOf(found.get("refresh_token"));
  if (refreshToken) answer.refreshToken = refreshToken;
  return answer;
}

function textOf(node: JsonNode | undefined): string {
  return node?.kind === "string" ? node.value : "";
}

/**
 * Identity tokens: what an OpenID provider says about who signs. Only the name that they carry is looked at here;
 * it is for the authority to verify them.
 *
 * @see {@link https://openid.net/specs/openid-connect-core-1_0.html#IDToken}
 * @module
 */
import { isLadingError } from "../../core/errors.ts";
import { type JsonNode, members, parseJson, stringOf } from "../../core/strict-json.ts";
import { decodeBase64Url } from "../base64.ts";
import { PolicyError } from "../errors.ts";

const MAX_TOKEN_LENGTH = 64 * 1024;

/**
 * The name that the key's owner must sign to show that the key is theirs: the e-mail address where there is one, which
 * must be a verified one, else the subject.
 *
 * @throws {PolicyError} `ERR_POLICY_SIGNER` for a text that is no such token. The message does not hold any of it.
 * @see {@link https://github.com/sigstore/fulcio/blob/v1.7.1/docs/oidc.md}
 */
export function tokenSubject(token: string): string {
  const claims = readClaims(token);
  const email = textClaim(claims, "email");
  if (email !== undefined) {
    const verified = claims.get("email_verified");
    if (
      verified?.kind === "boolean" ? verified.value : verified?.kind === "string" && verified.value === "true"
    ) {
      return email;
    }
    throw unfit("its e-mail address is not verified");
  }
  const subject = textClaim(claims, "sub");
  if (subject !== undefined) return subject;
  throw unfit("it names nobody");
}

function readClaims(token: string): Map<string, JsonNode> {
  if (typeof token !== "string" || token.length > MAX_TOKEN_LENGTH) throw unfit("it is no text, or too long");
  const [header, payload, signature, ...more] = token.split(".");
  if (!header || !payload || !signature || more.length > 0) throw unfit("it does not have three parts");
  const bytes = decodeBase64Url(payload);
  if (!bytes) throw unfit("its payload is no base64url");
  try {
    const node = parseJson(bytes, { maxBytes: MAX_TOKEN_LENGTH });
    return new Map(members(node).map(({ key, value }) => [key, value]));
  } catch (error) {
    // Neither the message nor the cause may carry a part of the token.
    if (!isLadingError(error)) throw error;
    throw unfit("its payload is no JSON object");
  }
}

function textClaim(claims: ReadonlyMap<string, JsonNode>, name: string): string | undefined {
  const node = claims.get(name);
  if (node === undefined || node.kind === "null") return undefined;
  if (node.kind !== "string") throw unfit(`its claim ${name} is no text`);
  return stringOf(node) || undefined;
}

function unfit(why: string): PolicyError {
  return new PolicyError("ERR_POLICY_SIGNER", `the identity token cannot be used: ${why}`);
}

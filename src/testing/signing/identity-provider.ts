/**
 * An OpenID provider for tests: signs identity tokens, and knows its own.
 *
 * @see {@link https://openid.net/specs/openid-connect-core-1_0.html#IDToken}
 * @module
 */
import { sign, verify } from "node:crypto";
import { DEFAULT_OIDC_ISSUER } from "../authorities.ts";
import { mintKey, publicKeyPem } from "../certificates.ts";

/** Options of {@link createIdentityProvider}. */
export interface IdentityProviderOptions {
  /** Its name, as certificates repeat it. Default {@link DEFAULT_OIDC_ISSUER}. */
  issuer?: string | undefined;
  /** The present time in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined;
}

/** What tokens say, besides the name. */
export type TokenClaims = Readonly<Record<string, unknown>>;

/** Signs identity tokens. */
export interface IdentityProvider {
  readonly issuer: string;
  /** A token for a verified e-mail address, good for ten minutes. Claims replace those that would stand there. */
  token(email: string, claims?: TokenClaims): string;
  /** The claims of a token of this provider that is good now and meant for sigstore, or nothing. */
  verify(token: string): TokenClaims | undefined;
}

const LIFE_S = 600;
const AUDIENCE = "sigstore";

/** A provider with a key of its own. */
export function createIdentityProvider(options: IdentityProviderOptions = {}): IdentityProvider {
  const { issuer = DEFAULT_OIDC_ISSUER, now = Date.now } = options;
  const key = mintKey();
  const seconds = (): number => Math.floor(now() / 1000);
  return {
    issuer,
    token(email, claims = {}) {
      const header = encode({ alg: "ES256", typ: "JWT" });
      const payload = encode({
        iss: issuer,
        aud: AUDIENCE,
        sub: email,
        email,
        email_verified: true,
        iat: seconds(),
        exp: seconds() + LIFE_S,
        ...claims,
      });
      const signed = Buffer.from(`${header}.${payload}`);
      const signature = sign("sha256", signed, { key, dsaEncoding: "ieee-p1363" });
      return `${header}.${payload}.${signature.toString("base64url")}`;
    },
    verify(token) {
      const [header = "", payload = "", signature = ""] = token.split(".");
      const signed = Buffer.from(`${header}.${payload}`);
      const publicKey = { key: publicKeyPem(key), dsaEncoding: "ieee-p1363" as const };
      if (!verify("sha256", signed, publicKey, Buffer.from(signature, "base64url"))) return undefined;
      const claims: Record<string, unknown> = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
      const isMeant = claims["iss"] === issuer && claims["aud"] === AUDIENCE;
      return isMeant && Number(claims["exp"]) > seconds() ? claims : undefined;
    },
  };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

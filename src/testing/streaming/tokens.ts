/**
 * Tokens of URLs: each stands for a request, once and for a while.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { CriError } from "../../cri/index.ts";

/** Options of {@link createTokens}. */
export interface TokenOptions {
  /** How long a token is good, in milliseconds. */
  lifeMs: number;
  /** How many unused tokens there may be. */
  max: number;
  /** The time in milliseconds. */
  now(): number;
}

/** Requests by their tokens. */
export interface Tokens<T> {
  /** @throws {CriError} `ERR_CRI_RESOURCE_EXHAUSTED` if there are too many that have been neither used nor expired. */
  issue(value: T, token?: string): string;
  /** What a token stands for; undefined for one that is used, expired or unknown. It is used up by this. */
  take(token: string): T | undefined;
}

/** An empty table of tokens. */
export function createTokens<T>({ lifeMs, max, now }: TokenOptions): Tokens<T> {
  const issued = new Map<string, { value: T; expires: number }>();
  const dropExpired = () => {
    for (const [token, { expires }] of issued) if (expires <= now()) issued.delete(token);
  };
  return {
    issue(value, token = randomBytes(6).toString("base64url")) {
      dropExpired();
      if (issued.size >= max) {
        const text = "maximum number of in-flight requests exceeded";
        throw new CriError("ERR_CRI_RESOURCE_EXHAUSTED", text, { details: text });
      }
      issued.set(token, { value, expires: now() + lifeMs });
      return token;
    },
    take(token) {
      dropExpired();
      const found = issued.get(token);
      issued.delete(token);
      return found?.value;
    },
  };
}

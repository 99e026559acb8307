/**
 * What registries say about the rate of requests that they allow.
 *
 * @see {@link https://docs.docker.com/docker-hub/usage/pulls/}
 * @see {@link https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10}
 * @module
 */
import { type HttpAnswer, headerLines, headerOf } from "./http.ts";

/** A limit as a registry told it with an answer. Fields that it did not tell are absent. */
export interface RateLimit {
  /** Requests, or pulls, that are allowed in a window. */
  limit?: number;
  /** What is left of them. */
  remaining?: number;
  /** Length of the window, in seconds. */
  windowSeconds?: number;
  /** When more is allowed, in seconds from now. */
  resetSeconds?: number;
  /** Whose requests are counted: an address or an account, as Docker Hub tells it. */
  source?: string;
}

/**
 * The limit that the headers of an answer tell, or nothing where they tell none.
 *
 * Read are `RateLimit-Limit`, `-Remaining` and `-Reset` (a number, perhaps with `;w=` seconds), the same with `X-` before
 * them, `RateLimit` with `r` and `t`, `RateLimit-Policy` with `q` and `w`, and `Docker-RateLimit-Source`. Other texts count
 * for nothing. Of several policies the first one is taken.
 */
export function parseRateLimit(headers: HttpAnswer["headers"]): RateLimit | undefined {
  const of = (name: string): string | undefined =>
    headerOf({ headers }, name) ?? headerOf({ headers }, `x-${name}`);
  const found: RateLimit = {};
  const set = (key: Exclude<keyof RateLimit, "source">, value: number | undefined): void => {
    if (value !== undefined) found[key] ??= value;
  };
  for (const [name, key] of [
    ["ratelimit-limit", "limit"],
    ["ratelimit-remaining", "remaining"],
  ] as const) {
    const text = of(name)?.split(",", 1)[0];
    set(key, leadingNumber(text));
    set("windowSeconds", parameter(text, "w"));
  }
  set("resetSeconds", leadingNumber(of("ratelimit-reset")));
  const [current] = headerLines({ headers }, "ratelimit");
  set("remaining", parameter(current?.split(",", 1)[0], "r"));
  set("resetSeconds", parameter(current?.split(",", 1)[0], "t"));
  const [policy] = headerLines({ headers }, "ratelimit-policy");
  set("limit", parameter(policy?.split(",", 1)[0], "q"));
  set("windowSeconds", parameter(policy?.split(",", 1)[0], "w"));
  if (Object.keys(found).length === 0) return undefined;
  const source = headerOf({ headers }, "docker-ratelimit-source");
  if (source !== undefined && /^[\x21-\x7e]{1,256}$/.test(source)) found.source = source;
  return found;
}

function leadingNumber(text: string | undefined): number | undefined {
  return numberOf(/^[ \t]*([0-9]{1,15})[ \t]*(?:;|$)/.exec(text ?? "")?.[1]);
}

function parameter(text: string | undefined, name: "w" | "r" | "t" | "q"): number | undefined {
  for (const part of (text ?? "").split(";").slice(1)) {
    const [, key, value] = /^[ \t]*([a-z]+)=([0-9]{1,15})[ \t]*$/.exec(part) ?? [];
    if (key === name) return numberOf(value);
  }
  return undefined;
}

function numberOf(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}

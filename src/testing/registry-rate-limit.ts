/**
 * A limit on reads of manifests, with the headers that Docker Hub tells it by.
 *
 * @module
 */
import { errorReply, type RegistryReply, type RegistryRequest } from "./registry-reply.ts";

/** How many manifests may be read in which time. */
export interface RegistryRateLimit {
  /** Reads of manifests; `HEAD` does not count. */
  limit: number;
  windowSeconds: number;
  /** The time in milliseconds. Default `Date.now`. */
  now?: (() => number) | undefined;
}

/** Applies a limit to answers. */
export interface RateLimiter {
  /** The answer that refuses a request, or nothing for one that may go on. */
  refuse(request: RegistryRequest): RegistryReply | undefined;
  /** The headers for the answer to a request. */
  headers(request: RegistryRequest): Record<string, string>;
}

/** A limiter whose window begins with its first request; without a limit it lets everything pass. */
export function rateLimiter(options: RegistryRateLimit | undefined): RateLimiter {
  if (!options) return { refuse: () => undefined, headers: () => ({}) };
  const { limit, windowSeconds, now = Date.now } = options;
  let used = 0;
  let endsAt = Number.NEGATIVE_INFINITY;
  const headers = ({ path }: RegistryRequest): Record<string, string> =>
    isManifest(path)
      ? {
          "RateLimit-Limit": `${limit};w=${windowSeconds}`,
          "RateLimit-Remaining": `${Math.max(0, limit - used)};w=${windowSeconds}`,
          "Docker-RateLimit-Source": "127.0.0.1",
        }
      : {};
  return {
    headers,
    refuse(request) {
      if (request.method !== "GET" || !isManifest(request.path)) return undefined;
      const time = now();
      if (time >= endsAt) {
        used = 0;
        endsAt = time + windowSeconds * 1000;
      }
      if (used >= limit) {
        const wait = String(Math.max(1, Math.ceil((endsAt - time) / 1000)));
        return errorReply(429, "TOOMANYREQUESTS", "the limit of reads is reached", { "Retry-After": wait });
      }
      used++;
      return undefined;
    },
  };
}

function isManifest(path: string): boolean {
  return /^\/v2\/.+\/manifests\/[^/]+$/.test(path);
}

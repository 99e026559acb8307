/**
 * What an in-process registry can be told to do wrong, and which requests it meets.
 *
 * @module
 */
import type { RegistryReply, RegistryRequest } from "./registry-reply.ts";

/** A text, or what makes it out of the request and how many were met before it. */
export type MisbehaviourText = string | ((request: RegistryRequest, met: number) => string);

/**
 * Something that a registry is to do wrong. All that is given happens together: first whom it meets, then waits,
 * then the answer, its head, its body, and how these go over the wire.
 *
 * Without `status`, `redirectTo`, `realm`, `retryAfter` and `reply` the answer is the honest one, and a push that
 * it belongs to is stored.
 */
export interface RegistryMisbehaviour {
  /** Method of the requests that it meets. Default: every one. */
  method?: string | readonly string[] | undefined;
  /** What the path of the requests holds, or matches. Default: every one. */
  path?: string | RegExp | undefined;
  /** How many such requests go by unharmed before. Default 0. */
  skip?: number | undefined;
  /** How many requests it meets. Default: every one until it is undone. */
  times?: number | undefined;

  /** Acts as soon as the request's head is there, and never reads its body. */
  beforeBody?: boolean | undefined;
  /** Waits so many milliseconds before. */
  delayMs?: number | undefined;
  /** Never answers, until the client gives up. */
  never?: boolean | undefined;
  /** Ends the connection in place of an answer: orderly, or with a reset. */
  disconnect?: "end" | "reset" | undefined;

  /** Answers for another reference of the repository: the n-th request for the n-th of these, round and round. */
  flipTo?: readonly string[] | undefined;
  /** Reads the request as if it had no `Range`: the whole is answered to it. */
  ignoreRange?: boolean | undefined;
  /** Answers with this status and an error document; the request has no effect. */
  status?: number | undefined;
  /** Asks to come back after so many seconds, or at a date; status 429 unless another is given. */
  retryAfter?: number | Date | undefined;
  /** Redirects there; status 307 unless another is given. */
  redirectTo?: MisbehaviourText | undefined;
  /** Asks for a token of this server; status 401 unless another is given. */
  realm?: string | undefined;
  /** Answers so. */
  reply?: ((request: RegistryRequest, met: number) => RegistryReply) | undefined;

  /** Headers in place of those of the answer; several values are several lines, null takes a header away. */
  headers?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
  /** Says that the list goes on there. */
  nextPage?: MisbehaviourText | undefined;

  /** A body in place of the answer's. */
  body?: Uint8Array | string | undefined;
  /** Turns over the lowest bit of the byte at this place of the body, if it has one. */
  corruptAt?: number | undefined;
  /** Compresses the body and says so, whatever the client accepts. */
  gzip?: boolean | undefined;
  /** So many spaces after the body, which most JSON readers pass over; `Infinity` for a body without end. */
  extraBytes?: number | undefined;

  /** This `Content-Length`, whatever is sent. */
  declaredLength?: number | undefined;
  /** Sends the body in chunks; together with `declaredLength` the head says both. */
  chunked?: boolean | undefined;
  /** Ends the connection after so many bytes of the body, with the head that the whole has. */
  cutAt?: number | undefined;
  /** Whether `cutAt` ends the connection orderly or with a reset. Default `"end"`. */
  cutBy?: "end" | "reset" | undefined;
  /** Falls silent after so many bytes of the body, until the client gives up. */
  stallAt?: number | undefined;
  /** Sends the head and the body so slowly, a byte at least at a time. */
  bytesPerSecond?: number | undefined;
}

/** A misbehaviour that was asked for. */
export interface InjectedMisbehaviour {
  /** How many requests it has met. */
  readonly met: number;
  /** Ends it. Answers that are under way go on as they are. */
  undo(): void;
}

/** A misbehaviour that has met a request. */
export interface StruckMisbehaviour {
  misbehaviour: RegistryMisbehaviour;
  /** How many requests it met before. */
  before: number;
}

/** The misbehaviours of a registry. */
export interface MisbehaviourList {
  add(misbehaviour: RegistryMisbehaviour): InjectedMisbehaviour;
  /** What is to go wrong with a request: the oldest misbehaviour that still meets it. */
  strike(request: Pick<RegistryRequest, "method" | "path">): StruckMisbehaviour | undefined;
}

/** A list without misbehaviours. */
export function createMisbehaviours(): MisbehaviourList {
  const entries = new Set<{ misbehaviour: RegistryMisbehaviour; seen: number; met: number }>();
  return {
    add(misbehaviour) {
      const entry = { misbehaviour, seen: 0, met: 0 };
      entries.add(entry);
      return {
        get met() {
          return entry.met;
        },
        undo: () => void entries.delete(entry),
      };
    },
    strike(request) {
      for (const entry of entries) {
        const { misbehaviour } = entry;
        if (!meets(misbehaviour, request)) continue;
        if (entry.seen++ < (misbehaviour.skip ?? 0)) continue;
        const before = entry.met++;
        if (entry.met === misbehaviour.times) entries.delete(entry);
        return { misbehaviour, before };
      }
      return undefined;
    },
  };
}

function meets(
  { method, path }: RegistryMisbehaviour,
  request: Pick<RegistryRequest, "method" | "path">,
): boolean {
  const methods = typeof method === "string" ? [method] : method;
  if (methods && !methods.includes(request.method)) return false;
  if (path === undefined) return true;
  // A search does not move with the "g" flag, as a test would.
  return typeof path === "string" ? request.path.includes(path) : request.path.search(path) >= 0;
}

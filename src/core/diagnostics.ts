/**
 * What lading tells of its work while it is at it, over channels of `node:diagnostics_channel`.
 *
 * Where nobody listens nothing is made. Events are frozen plain data, and hold no credentials, headers or bodies.
 *
 * @see {@link https://nodejs.org/docs/latest-v24.x/api/diagnostics_channel.html}
 * @module
 */
import { type Channel, channel } from "node:diagnostics_channel";

/** A request to a registry, a token server or a store of signatures, at the head of its answer. */
export interface RegistryRequestEvent {
  readonly method: string;
  /** Without user information, query and fragment. */
  readonly url: string;
  /** Absent where there was no answer. */
  readonly status?: number;
  /** Code of the error, such as `ERR_OCI_NETWORK`; `ABORT` for an abort. Absent where there was an answer. */
  readonly code?: string;
  /** From sending it to the head of the answer, in milliseconds. */
  readonly durationMs: number;
}

/** A look into a cache of verdicts. */
export interface PolicyCacheEvent {
  readonly kind: "hit" | "miss" | "failed";
  /** Absent where the cache failed. */
  readonly reference?: string;
  /** Absent where the cache failed. */
  readonly digest?: string;
  /** What failed. */
  readonly operation?: "get" | "set";
}

/** A decision of a verifier: one for each call, also for those that share one piece of work. */
export interface PolicyDecisionEvent {
  /** `undecided`: no verdict could be reached, and the image must not be used. */
  readonly kind: "allowed" | "rejected" | "undecided";
  readonly reference: string;
  /** Of the image that was decided on; absent where none was. */
  readonly digest?: string;
  /** `default`, or the scope of the policy; absent where none was looked for. */
  readonly scope?: string;
  /** Why it was rejected. */
  readonly reason?: string;
  /** Code of the error, such as `ERR_POLICY_MANIFEST`; `ABORT` for an abort. */
  readonly code?: string;
  readonly durationMs: number;
}

/** Events by name of their channel. */
export interface DiagnosticsEvents {
  readonly "lading:registry:request": RegistryRequestEvent;
  readonly "lading:policy:cache": PolicyCacheEvent;
  readonly "lading:policy:decision": PolicyDecisionEvent;
}

/** Names of the channels. */
export const DIAGNOSTICS_CHANNELS: readonly (keyof DiagnosticsEvents)[] = [
  "lading:registry:request",
  "lading:policy:cache",
  "lading:policy:decision",
];

const channels = new Map<string, Channel>(DIAGNOSTICS_CHANNELS.map((name) => [name, channel(name)]));

/** Whether anybody listens. */
export function isObserved(name: keyof DiagnosticsEvents): boolean {
  return channels.get(name)?.hasSubscribers === true;
}

/** Tells those who listen, if there are any. */
export function publish<Name extends keyof DiagnosticsEvents>(
  name: Name,
  make: () => DiagnosticsEvents[Name],
): void {
  if (isObserved(name)) channels.get(name)?.publish(Object.freeze(make()));
}

/** The code that stands for an error in events. */
export function eventCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "ABORT";
}

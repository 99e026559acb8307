/**
 * Conditional requests to the in-process registry.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-13}
 * @module
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Digest } from "../core/digest.ts";
import { errorReply, type RegistryReply } from "./registry-reply.ts";

/** The entity tag of content. */
export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

/** The answer to a read of what the client has already, if it says so. */
export function notModified(headers: IncomingHttpHeaders, digest: Digest): RegistryReply | undefined {
  const known = headers["if-none-match"];
  if (known === undefined || !namesTag(known, digest)) return undefined;
  return { status: 304, headers: { ETag: entityTag(digest), "Docker-Content-Digest": digest } };
}

/** The answer to a write whose conditions do not hold; `current` is what it would replace. */
export function preconditionFailed(
  headers: IncomingHttpHeaders,
  current: Digest | undefined,
): RegistryReply | undefined {
  const must = headers["if-match"];
  const mustNot = headers["if-none-match"];
  const missed = must !== undefined && (current === undefined || !namesTag(must, current));
  const met = mustNot !== undefined && current !== undefined && namesTag(mustNot, current);
  return missed || met ? errorReply(412, "DENIED", "a condition of the request does not hold") : undefined;
}

/** Whether a range is to be answered: only if the content is still the one that the client has a part of. */
export function rangeHolds({ "if-range": known }: IncomingHttpHeaders, digest: Digest): boolean {
  return known === undefined || known === entityTag(digest);
}

function namesTag(list: string, digest: Digest): boolean {
  const tags = list.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes("*") || tags.includes(entityTag(digest));
}

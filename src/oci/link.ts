/**
 * The next page of a list, from the `Link` header.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8288#section-3}
 * @module
 */
import { OciError } from "./errors.ts";

const TARGET = /[ \t,]*<([^<>]*)>/y;
const PARAM =
  /[ \t]*;[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*(?:=[ \t]*(?:"((?:[^"\\]|\\[\s\S])*)"|([^\s,;"]*)))?)?/y;
const REST = /[ \t,]*$/y;

/**
 * The URL that a `Link` header names as `rel="next"`, or nothing where the list ends.
 *
 * Relative targets are resolved against the URL that was requested. A target on another origin is refused:
 * following it would let one registry steer requests, and credentials, to any host.
 *
 * @throws {OciError} `ERR_OCI_LINK_REFUSED` for another origin or a target with user information.
 * @throws {OciError} `ERR_OCI_HEADER_INVALID` for a header outside its grammar.
 */
export function nextPage(
  link: string | readonly string[] | undefined,
  requestUrl: string | URL,
): URL | undefined {
  const header = typeof link === "string" || link === undefined ? (link ?? "") : link.join(", ");
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match) at = pattern.lastIndex;
    return match;
  };

  while (!take(REST)) {
    const target = take(TARGET)?.[1];
    if (target === undefined) throw invalid(header);
    let relation: string | undefined;
    for (let param = take(PARAM); param; param = take(PARAM)) {
      // Only the first "rel" of a link counts.
      if (param[1]?.toLowerCase() === "rel") relation ??= param[2] ?? param[3] ?? "";
    }
    if (!/^[ \t]*(?:,|$)/.test(header.slice(at))) throw invalid(header);
    if (
      relation
        ?.toLowerCase()
        .split(/[ \t]+/)
        .includes("next")
    )
      return sameOrigin(target, requestUrl);
  }
  return undefined;
}

function sameOrigin(target: string, requestUrl: string | URL): URL {
  const base = new URL(requestUrl);
  if (!URL.canParse(target, base.href)) throw invalid(target);
  const next = new URL(target, base);
  if (next.origin !== base.origin || next.username !== "" || next.password !== "") {
    throw new OciError("ERR_OCI_LINK_REFUSED", `next page of ${base.origin} on ${next.origin}`);
  }
  next.hash = "";
  return next;
}

function invalid(header: string): OciError {
  return new OciError(
    "ERR_OCI_HEADER_INVALID",
    `malformed Link header ${JSON.stringify(header.slice(0, 128))}`,
  );
}

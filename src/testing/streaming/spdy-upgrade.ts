/**
 * The upgrade to SPDY/3.1, and the agreement on what is spoken inside.
 *
 * @see {@link https://github.com/kubernetes/streaming/blob/v0.36.0/pkg/httpstream/httpstream.go}
 * @module
 */
import type { IncomingMessage } from "node:http";
import { type HttpAnswer, textAnswer } from "./http-answer.ts";

/** What runtimes speak inside SPDY for exec and attach, and for port-forward. */
export const SPDY_PROTOCOLS: Readonly<Record<"exec" | "attach" | "portforward", readonly string[]>> = {
  exec: ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"],
  attach: ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"],
  portforward: ["portforward.k8s.io"],
};

const VERSION_FIELD = "X-Stream-Protocol-Version";

/** The protocols that a request offers, in its order. */
export function offeredProtocols(request: IncomingMessage): string[] {
  const values = request.headersDistinct[VERSION_FIELD.toLowerCase()] ?? [];
  return values
    .flatMap((value) => value.split(","))
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** The protocol that is agreed upon, or the refusal. */
export function agreeOnSpdy(
  request: IncomingMessage,
  known: readonly string[],
): { protocol: string } | { refusal: HttpAnswer } {
  const offered = offeredProtocols(request);
  if (offered.length === 0) {
    return { refusal: textAnswer(400, `unable to upgrade: ${VERSION_FIELD} is required`) };
  }
  const protocol = offered.find((name) => known.includes(name));
  if (protocol === undefined) {
    const text = `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(" ")}], server accepts [${known.join(" ")}]`;
    return { refusal: textAnswer(403, text, { "X-Accepted-Stream-Protocol-Versions": known }) };
  }
  const { connection = "", upgrade = "" } = request.headers;
  if (!connection.toLowerCase().includes("upgrade") || !upgrade.toLowerCase().includes("spdy/3.1")) {
    const text = "unable to upgrade: missing upgrade headers in request";
    return { refusal: textAnswer(400, text, { [VERSION_FIELD]: protocol }) };
  }
  return { protocol };
}

/** The header fields of the upgrade. */
export function spdyUpgradeFields(protocol: string): string[] {
  return ["Connection: Upgrade", "Upgrade: SPDY/3.1", `${VERSION_FIELD}: ${protocol}`];
}

/**
 * What a streaming server does with a request: it finds what the token stands for and starts the session.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { AttachRequest, ExecRequest, PortForwardRequest } from "../../cri/index.ts";
import { type HttpAnswer, sendUpgrade, textAnswer } from "./http-answer.ts";
import { sessionOverSpdy, sessionOverWebSocket, type Upgraded } from "./sessions.ts";
import { agreeOnSpdy, offeredProtocols, SPDY_PROTOCOLS, spdyUpgradeFields } from "./spdy-upgrade.ts";
import {
  chooseSubprotocol,
  EXEC_SUBPROTOCOLS,
  PORT_FORWARD_SUBPROTOCOLS,
  type Subprotocol,
  V5_SUBPROTOCOL,
} from "./subprotocols.ts";
import type {
  StartStreamingServerOptions,
  StreamingFaults,
  StreamingKind,
  StreamingLogEntry,
} from "./types.ts";
import {
  handshakeFault,
  isWebSocketRequest,
  offeredSubprotocols,
  upgradeFields,
} from "./websocket-upgrade.ts";

/** What a token stands for. */
export type PendingRequest =
  | { kind: "exec"; request: ExecRequest }
  | { kind: "attach"; request: AttachRequest }
  | { kind: "portforward"; request: PortForwardRequest };

/** A request to the server, and what belongs to it. */
export interface StreamingVisit {
  incoming: IncomingMessage;
  /** The connection; undefined where the request asks for no upgrade. */
  connection: { socket: Duplex; head: Uint8Array } | undefined;
  entry: StreamingLogEntry;
  /** What a token stands for; it is used up by this. */
  take(token: string): PendingRequest | undefined;
}

/** What becomes of a request: an answer, a session, or nothing at all. */
export type VisitOutcome = { answer: HttpAnswer } | { session: Promise<void> } | { silence: true };

const PLAIN = { "Content-Type": "text/plain; charset=utf-8" };

/** Finds what becomes of a request. An upgrade has been sent when a session comes back. */
export function serveVisit(visit: StreamingVisit, options: StartStreamingServerOptions): VisitOutcome {
  const { incoming, entry } = visit;
  const [, kind, token] = /^\/(exec|attach|portforward)\/([^/?]+)(?:\?|$)/.exec(incoming.url ?? "") ?? [];
  if (kind === undefined || token === undefined) {
    return { answer: { status: 404, headers: PLAIN, body: "404: Page Not Found" } };
  }
  if (incoming.method !== "GET" && incoming.method !== "POST") {
    const headers = { Allow: "GET, POST", ...PLAIN };
    return { answer: { status: 405, headers, body: "405: Method Not Allowed" } };
  }
  const asked = isWebSocketRequest(incoming);
  entry.offered = asked ? offeredSubprotocols(incoming) : offeredProtocols(incoming);
  if (isConmon(kind, options)) {
    // conmon-rs looks at the handshake before the token.
    const fault = asked ? handshakeFault(incoming) : notWebSocket(incoming);
    if (fault) return { answer: fault };
  }
  const pending = visit.take(token);
  if (pending?.kind !== kind) return { answer: textAnswer(404, "404 page not found") };
  const transport = asked && options.websocket !== "none" ? "websocket" : "spdy";
  const faults = options.faults?.({ ...pending, transport }) ?? {};
  if (faults.noAnswer) return { silence: true };
  if (faults.refuse) return { answer: refusal(faults.refuse) };
  return transport === "websocket"
    ? serveWebSocket(visit, pending, options, faults)
    : serveSpdyRequest(visit, pending, options, faults);
}

function serveWebSocket(
  { incoming, connection, entry }: StreamingVisit,
  pending: PendingRequest,
  options: StartStreamingServerOptions,
  faults: StreamingFaults,
): VisitOutcome {
  const fault = handshakeFault(incoming);
  if (fault || !connection) return { answer: fault ?? { status: 400, bare: true } };
  const conmon = isConmon(pending.kind, options);
  const subprotocol = chooseSubprotocol(entry.offered, knownSubprotocols(pending.kind, options));
  // conmon-rs takes an offer that it does not know for none, and answers without a protocol.
  if (!subprotocol && !conmon) return { answer: { status: 403, bare: true } };
  const upgraded = accept(connection, entry, subprotocol?.name ?? "", faults);
  sendUpgrade(connection.socket, upgradeFields(incoming, subprotocol?.name));
  if (faults.garbage) return silenceAfter(connection.socket, faults.garbage);
  return { session: sessionOverWebSocket(upgraded, conmon ? "conmon-rs" : subprotocol, pending, options) };
}

function serveSpdyRequest(
  { incoming, connection, entry }: StreamingVisit,
  pending: PendingRequest,
  options: StartStreamingServerOptions,
  faults: StreamingFaults,
): VisitOutcome {
  if (options.spdy === false) {
    return { answer: { status: 400, bare: true, body: "not websocket protocol" } };
  }
  const agreed = agreeOnSpdy(incoming, SPDY_PROTOCOLS[pending.kind]);
  if ("refusal" in agreed) return { answer: agreed.refusal };
  if (!connection) {
    return { answer: textAnswer(400, "unable to upgrade: missing upgrade headers in request") };
  }
  const upgraded = accept(connection, entry, agreed.protocol, faults);
  sendUpgrade(connection.socket, spdyUpgradeFields(agreed.protocol));
  if (faults.garbage) return silenceAfter(connection.socket, faults.garbage);
  return { session: sessionOverSpdy(upgraded, agreed.protocol, pending, options) };
}

function accept(
  { socket, head }: NonNullable<StreamingVisit["connection"]>,
  entry: StreamingLogEntry,
  protocol: string,
  faults: StreamingFaults,
): Upgraded {
  entry.status = 101;
  entry.protocol = protocol;
  socket.on("error", () => {});
  const onFragment = () => {
    entry.fragments++;
  };
  return { socket, head, faults, onFragment };
}

function silenceAfter(socket: Duplex, bytes: Uint8Array): VisitOutcome {
  socket.write(bytes);
  socket.resume();
  return { silence: true };
}

function refusal({ status, body = "", location }: NonNullable<StreamingFaults["refuse"]>): HttpAnswer {
  return { status, body, ...(location === undefined ? {} : { headers: { Location: location } }) };
}

function isConmon(kind: string, { websocket }: StartStreamingServerOptions): boolean {
  return websocket === "conmon-rs" && kind !== "portforward";
}

function knownSubprotocols(
  kind: StreamingKind,
  { websocket }: StartStreamingServerOptions,
): readonly Subprotocol[] {
  if (kind === "portforward") return PORT_FORWARD_SUBPROTOCOLS;
  if (websocket === "conmon-rs") return [V5_SUBPROTOCOL];
  return websocket === "v5" ? [...EXEC_SUBPROTOCOLS, V5_SUBPROTOCOL] : EXEC_SUBPROTOCOLS;
}

function notWebSocket({ method }: IncomingMessage): HttpAnswer {
  return method === "GET"
    ? textAnswer(400, "Connection header did not include 'upgrade'")
    : textAnswer(405, "Request method must be `GET`");
}

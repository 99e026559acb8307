/**
 * Why a runtime cannot be used, or that it can.
 *
 * @module
 */
import type { SignalOptions } from "../core/signal.ts";
import { assertCallOptions } from "./call.ts";
import { openSocket } from "./channel.ts";
import { type ConnectCriOptions, type CriConnection, connectCri } from "./connect.ts";
import { type CriFacts, type CriState, type CriStateText, describeCriState } from "./diagnosis.ts";
import { type CriEndpoint, parseCriEndpoint } from "./endpoint.ts";
import { type Greeting, greet, lookAtSocketFile } from "./endpoint-look.ts";
import { CriError } from "./errors.ts";
import { type CriTls, tlsSettings } from "./tls.ts";

/** Options of {@link diagnoseCri}. */
export interface DiagnoseCriOptions
  extends SignalOptions,
    Pick<ConnectCriOptions, "allowTcp" | "tls" | "maxReceiveBytes"> {
  /** Longest time in milliseconds for each answer that is awaited. Default 2000, as in crictl. */
  timeoutMs?: number | undefined;
}

/** A state, in words too. */
export type CriDiagnosis = CriState & CriStateText;

const DEFAULT_TIMEOUT_MS = 2000;

/**
 * In which state the runtime at an endpoint is: one `kind` for each, with words for people and what was learnt.
 *
 * It asks `Version` and `Status` and changes nothing. It is the state of a moment: between two looks of one
 * diagnosis the runtime may have gone on. Whatever the endpoint does is an answer: an error is thrown only for
 * options that no call can have, and at an abort, which rejects with `signal.reason`.
 *
 * @throws {TypeError} for `tls` with certificates or keys that cannot be used.
 * @throws {RangeError} for a `timeoutMs` or `maxReceiveBytes` that can be none.
 */
export async function diagnoseCri(endpoint: string, options: DiagnoseCriOptions = {}): Promise<CriDiagnosis> {
  const state = await stateOf(endpoint, options);
  return { ...state, ...describeCriState(state, endpoint) };
}

async function stateOf(text: string, options: DiagnoseCriOptions): Promise<CriState> {
  const { allowTcp, tls, maxReceiveBytes, signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  assertCallOptions({ timeoutMs });
  signal?.throwIfAborted();
  let endpoint: CriEndpoint;
  try {
    const platform = process.platform === "win32" ? "windows" : "unix";
    endpoint = parseCriEndpoint(text, { platform, allowTcp, tls: tls !== undefined });
  } catch (error) {
    if (error instanceof CriError) return { kind: "endpoint-refused", error };
    throw error;
  }
  const way: Way = { endpoint, tls: tls && tlsSettings(endpoint, tls), timeoutMs, signal };
  let cri: CriConnection;
  try {
    cri = await connectCri({
      endpoint: text,
      connectTimeoutMs: timeoutMs,
      allowTcp,
      tls,
      maxReceiveBytes,
      signal,
    });
  } catch (error) {
    if (error instanceof CriError) return await whyNoConnection(error, way);
    throw error;
  }
  try {
    return await stateOfConnected(cri, way);
  } finally {
    await cri.close();
  }
}

/** How an endpoint is looked at. */
interface Way extends SignalOptions {
  endpoint: CriEndpoint;
  tls: CriTls | undefined;
  timeoutMs: number;
}

async function stateOfConnected(cri: CriConnection, { timeoutMs, signal }: Way): Promise<CriState> {
  const { version, apiVersion } = cri;
  const bare: CriFacts = { version, apiVersion, conditions: [], runtimeHandlers: [] };
  let facts: CriFacts;
  try {
    const { status, runtimeHandlers } = await cri.runtime.status({}, { timeoutMs, signal });
    facts = { ...bare, conditions: status?.conditions ?? [], runtimeHandlers };
  } catch (error) {
    if (!(error instanceof CriError)) throw error;
    if (error.code === "ERR_CRI_DEADLINE_EXCEEDED") {
      return { kind: "no-answer", stage: "status", timeoutMs, facts: bare };
    }
    if (isInitializing(error)) return { kind: "initializing", error, facts: bare };
    return { kind: "failed", error, facts: bare };
  }
  if (apiVersion === "v1alpha2") return { kind: "v1alpha2-only", facts };
  for (const [type, kind] of CONDITIONS) {
    // A condition that is not there is not fulfilled.
    const condition = facts.conditions.find((each) => each.type === type);
    if (condition?.status) continue;
    const { reason = "", message = `the runtime does not say ${type}` } = condition ?? {};
    return { kind, reason, detail: message, facts };
  }
  return { kind: "ready", facts };
}

const CONDITIONS = [
  ["RuntimeReady", "runtime-not-ready"],
  ["NetworkReady", "network-not-ready"],
] as const;

function isInitializing({ code, details }: CriError): boolean {
  return code === "ERR_CRI_UNAVAILABLE" && /\bnot (?:yet )?initialized\b/.test(details);
}

async function whyNoConnection(error: CriError, way: Way): Promise<CriState> {
  switch (error.code) {
    case "ERR_CRI_NO_SERVICE":
      // An HTTP/2 server that is none of gRPC answers with a status of HTTP.
      if (/^Received HTTP status code [0-9]+/.test(error.details)) {
        return { kind: "not-grpc", seen: error.details, error };
      }
      return { kind: "no-cri-service", error };
    case "ERR_CRI_DEADLINE_EXCEEDED": {
      const { kind, ...greeting } = await greetingOf(way);
      if (kind === "other" && "seen" in greeting) return { kind: "not-grpc", seen: greeting.seen, error };
      return {
        kind: "no-answer",
        stage: kind === "http2" ? "version" : "connection",
        timeoutMs: way.timeoutMs,
      };
    }
    case "ERR_CRI_UNAVAILABLE":
      if (isInitializing(error)) return { kind: "initializing", error };
      return error.systemCode === undefined ? await whyNoSession(error, way) : await whyNoSocket(error, way);
    default:
      return { kind: "failed", error };
  }
}

/** A socket can be opened, and there was no session of HTTP/2, or one that did not last. */
async function whyNoSession(error: CriError, way: Way): Promise<CriState> {
  const greeting = await greetingOf(way);
  if (greeting.kind === "other") return { kind: "not-grpc", seen: greeting.seen, error };
  if (greeting.kind === "closed") return { kind: "not-grpc", seen: "", error };
  return { kind: "failed", error };
}

/** No socket could be opened. */
async function whyNoSocket(error: CriError, { endpoint, tls }: Way): Promise<CriState> {
  const { systemCode } = error;
  if (endpoint.protocol === "unix") {
    const found = await lookAtSocketFile(endpoint.address);
    if (found.kind === "absent") return { kind: "socket-absent", missing: found.missing };
    if (found.kind === "other") return { kind: "not-a-socket", file: found.file, type: found.type };
    if (found.kind === "hidden") return { kind: "permission-denied", file: found.folder, error };
    if (systemCode === "EACCES" || systemCode === "EPERM") {
      return { kind: "permission-denied", file: found.kind === "socket" ? found.file : undefined, error };
    }
  }
  switch (systemCode) {
    case "ENOENT":
      return { kind: "socket-absent", missing: endpoint.address };
    case "EACCES":
    case "EPERM":
      return { kind: "permission-denied", file: undefined, error };
    case "ECONNREFUSED":
      return { kind: "no-listener", error };
    case "ECONNRESET":
    case "EPIPE":
      return tls ? { kind: "tls-refused", error } : { kind: "not-grpc", seen: "", error };
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "ETIMEDOUT":
      return { kind: "failed", error };
    default:
      return tls ? { kind: "tls-refused", error } : { kind: "failed", error };
  }
}

function greetingOf({ endpoint, tls, timeoutMs, signal }: Way): Promise<Greeting> {
  return greet(openSocket(endpoint, tls), Math.min(timeoutMs, 1000), { signal });
}

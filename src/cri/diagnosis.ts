/**
 * The states in which a runtime can be found, and what to do about each.
 *
 * @module
 */
import type { CriApiVersion } from "./call.ts";
import type { CriFileAccess } from "./endpoint-look.ts";
import type { CriError } from "./errors.ts";
import type { RuntimeCondition, RuntimeHandler, VersionResponse } from "./gen/runtime/v1/api_pb.ts";

/** What a runtime said of itself. */
export interface CriFacts {
  version: VersionResponse;
  /** The package that it serves. */
  apiVersion: CriApiVersion;
  /** Empty if it was not asked, or did not answer. */
  conditions: readonly RuntimeCondition[];
  /** Names and features of the runtime handlers; empty for a runtime from before CRI 0.30. */
  runtimeHandlers: readonly RuntimeHandler[];
}

/** The states in which a runtime can be found; `F` is set where the runtime has answered. */
export type CriState =
  /** The text is no endpoint, or not one that this platform or these options use. */
  | { kind: "endpoint-refused"; error: CriError }
  /** There is no socket; `missing` is the highest path that is not there. */
  | { kind: "socket-absent"; missing: string }
  /** Something else is at the path, such as a `"regular file"`. */
  | { kind: "not-a-socket"; file: CriFileAccess; type: string }
  /** This process may not open the socket, or may not search the folder that is named. */
  | { kind: "permission-denied"; file: CriFileAccess | undefined; error: CriError }
  /** The socket, or the port, is there and nobody listens. */
  | { kind: "no-listener"; error: CriError }
  /** What listens is not who it should be, or does not take this client's certificate. */
  | { kind: "tls-refused"; error: CriError }
  /** No answer in time: none at all, none but that of HTTP/2, or none to `Status` after one to `Version`. */
  | { kind: "no-answer"; stage: "connection" | "version" | "status"; timeoutMs: number; facts?: CriFacts }
  /** What listens speaks something else; `seen` is what it said first, empty if it closed the connection. */
  | { kind: "not-grpc"; seen: string; error: CriError }
  /** It speaks gRPC and does not serve the interface, as containerd does not while its CRI plugin is off. */
  | { kind: "no-cri-service"; error: CriError }
  /** It serves runtime.v1alpha2 alone: lading works with it, and the kubelet and crictl since 1.26 do not. */
  | { kind: "v1alpha2-only"; facts: CriFacts }
  /** The server listens and is not ready to answer yet. */
  | { kind: "initializing"; error: CriError; facts?: CriFacts }
  /** The condition RuntimeReady is not true. */
  | { kind: "runtime-not-ready"; reason: string; detail: string; facts: CriFacts }
  /** The condition NetworkReady is not true, and RuntimeReady is. */
  | { kind: "network-not-ready"; reason: string; detail: string; facts: CriFacts }
  /** It serves runtime.v1 and says that it is ready. */
  | { kind: "ready"; facts: CriFacts }
  /** Any other failure of `Version` or `Status`. */
  | { kind: "failed"; error: CriError; facts?: CriFacts };

/** A state in words. */
export interface CriStateText {
  /** What was found, for people. */
  message: string;
  /** What to do about it, for people; empty where there is nothing to do. */
  hint: string;
}

/** The words for a state. `endpoint` is as it was given. */
export function describeCriState(state: CriState, endpoint: string): CriStateText {
  const where = JSON.stringify(endpoint.replace(/\/\/[^/]*@/, "//").slice(0, 200));
  switch (state.kind) {
    case "endpoint-refused":
      return {
        message: state.error.message,
        hint: "Give an endpoint such as unix:///run/containerd/containerd.sock.",
      };
    case "socket-absent":
      return {
        message: `There is no socket at ${where}: ${state.missing} does not exist.`,
        hint: "Start the runtime, or give the path of its socket: it is in the runtime's configuration.",
      };
    case "not-a-socket":
      return {
        message: `At ${where} is a ${state.type}, not a socket.`,
        hint: "Give the path of the runtime's socket. A container may have made a folder by mounting the path.",
      };
    case "permission-denied":
      return permissionText(where, state.file);
    case "no-listener":
      return {
        message: `Nobody listens at ${where}.`,
        hint: "The runtime has ended and left its socket, or is restarting: look at its state and its log.",
      };
    case "tls-refused":
      return {
        message: `The TLS handshake with ${where} failed: ${state.error.systemCode ?? state.error.message}.`,
        hint: "Check the authority, the name in the server's certificate, its time, and the client's certificate.",
      };
    case "no-answer":
      return noAnswerText(where, state.stage, state.timeoutMs);
    case "not-grpc":
      return {
        message: `What listens at ${where} does not speak gRPC: ${
          state.seen === "" ? "it closes the connection" : `it says ${JSON.stringify(state.seen)}`
        }.`,
        hint: "This is the socket of something else: give that of the runtime.",
      };
    case "no-cri-service":
      return {
        message: `${where} speaks gRPC but does not serve CRI: ${state.error.details}.`,
        hint:
          "With containerd, take cri (io.containerd.grpc.v1.cri) out of disabled_plugins in its configuration, " +
          "restart it, and look in its log for a CRI plugin that failed to load.",
      };
    case "v1alpha2-only":
      return {
        message: `${where} serves CRI v1alpha2 only, which the kubelet and crictl have not used since 1.26.`,
        hint: "Upgrade the runtime: containerd serves v1 since 1.6, CRI-O since 1.20.",
      };
    case "initializing":
      return {
        message: `The runtime at ${where} is still starting: ${state.error.details}.`,
        hint: "Wait and try again. If it stays so, the log of the runtime says what it is waiting for.",
      };
    case "runtime-not-ready":
      return {
        message: `The runtime at ${where} is not ready: ${wordsOf(state.reason, state.detail)}.`,
        hint: "Look at the log of the runtime.",
      };
    case "network-not-ready":
      return {
        message: `The network of the runtime at ${where} is not ready: ${wordsOf(state.reason, state.detail)}.`,
        hint: "Install a network add-on: it puts a CNI configuration where the runtime looks, often /etc/cni/net.d.",
      };
    case "ready":
      return { message: `The runtime at ${where} is ready: ${nameOf(state.facts)}.`, hint: "" };
    case "failed":
      return {
        message: `The runtime at ${where} fails: ${state.error.message}.`,
        hint: "Look at the log of the runtime.",
      };
  }
}

function permissionText(where: string, file: CriFileAccess | undefined): CriStateText {
  if (!file) {
    return {
      message: `${where} may not be opened by this process.`,
      hint: "Run as the owner of the socket.",
    };
  }
  const owner = `it belongs to user ${file.uid} and group ${file.gid}, mode ${file.mode}`;
  return {
    message: `${where} may not be opened by this process: ${file.path} does not let it in; ${owner}.`,
    hint: `Run as user ${file.uid}, or as a member of group ${file.gid} if its mode lets the group in.`,
  };
}

function noAnswerText(where: string, stage: "connection" | "version" | "status", ms: number): CriStateText {
  const what =
    stage === "connection" ? "says nothing" : `speaks HTTP/2 but does not answer ${capitalised(stage)}`;
  return {
    message: `What listens at ${where} ${what} within ${ms} ms.`,
    hint: "The runtime hangs or the machine is overloaded: allow more time, and look at the log of the runtime.",
  };
}

function capitalised(stage: string): string {
  return stage.slice(0, 1).toUpperCase() + stage.slice(1);
}

function wordsOf(reason: string, detail: string): string {
  return [reason, detail].filter((part) => part !== "").join(": ") || "it gives no reason";
}

function nameOf({ version, apiVersion }: CriFacts): string {
  return `${version.runtimeName} ${version.runtimeVersion}, CRI ${apiVersion}`;
}

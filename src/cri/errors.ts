/**
 * Errors of runtimes and of the way to them.
 *
 * A runtime answers with one of the gRPC statuses, and each has a code here. Most failures of containerd and
 * CRI-O are `UNKNOWN` with a text: match on `ERR_CRI_NOT_FOUND`, `ERR_CRI_UNIMPLEMENTED`,
 * `ERR_CRI_UNAVAILABLE`, `ERR_CRI_DEADLINE_EXCEEDED`, `ERR_CRI_RESOURCE_EXHAUSTED` and `ERR_CRI_CANCELLED`,
 * and on `reason`; do not expect runtimes to agree on the others.
 *
 * @module
 */
import { LadingError, type LadingErrorOptions } from "../core/errors.ts";

/** Codes of {@link CriError}. */
export type CriErrorCode =
  /** gRPC 1: the runtime, or something between, gave the call up. An abort by the caller is never this. */
  | "ERR_CRI_CANCELLED"
  /** gRPC 2, or a number that gRPC does not define: the runtime failed; see `reason` and `details`. */
  | "ERR_CRI_UNKNOWN"
  /** gRPC 3: the runtime does not take the request. */
  | "ERR_CRI_INVALID_ARGUMENT"
  /** gRPC 4: `timeoutMs` is over, or a limit of the runtime's own. */
  | "ERR_CRI_DEADLINE_EXCEEDED"
  /** gRPC 5: no such sandbox, container, image or command. */
  | "ERR_CRI_NOT_FOUND"
  /** gRPC 6. */
  | "ERR_CRI_ALREADY_EXISTS"
  /** gRPC 7. For a socket that may not be opened see `ERR_CRI_UNAVAILABLE` and `systemCode`. */
  | "ERR_CRI_PERMISSION_DENIED"
  /** gRPC 8: a message over a size limit, of the client or the runtime, or too many streaming sessions. */
  | "ERR_CRI_RESOURCE_EXHAUSTED"
  /** gRPC 9. */
  | "ERR_CRI_FAILED_PRECONDITION"
  /** gRPC 10. */
  | "ERR_CRI_ABORTED"
  /** gRPC 11. */
  | "ERR_CRI_OUT_OF_RANGE"
  /** gRPC 12, or gRPC 2 with the text that runtimes use for it: the runtime does not have this function. */
  | "ERR_CRI_UNIMPLEMENTED"
  /** gRPC 13: the runtime failed, or what it sent is not gRPC. */
  | "ERR_CRI_INTERNAL"
  /** gRPC 14: no connection, or the runtime is still starting; `systemCode` says why, where that is known. */
  | "ERR_CRI_UNAVAILABLE"
  /** gRPC 15. */
  | "ERR_CRI_DATA_LOSS"
  /** gRPC 16. */
  | "ERR_CRI_UNAUTHENTICATED"
  /** The endpoint speaks gRPC but serves neither runtime.v1 nor runtime.v1alpha2. */
  | "ERR_CRI_NO_SERVICE"
  /** The answer is not a message of its type, or lacks what the interface requires in it. */
  | "ERR_CRI_INVALID_RESPONSE"
  /** The connection was closed with `close()`. */
  | "ERR_CRI_CLOSED"
  /** A text is not an endpoint. */
  | "ERR_CRI_ENDPOINT_INVALID"
  /** An endpoint of a kind that this system, or this connection, does not use. */
  | "ERR_CRI_ENDPOINT_UNSUPPORTED"
  /** No endpoint is set, and no default socket answers. */
  | "ERR_CRI_NO_ENDPOINT"
  /** Verbose information of a status is absent or not what runtimes put there. */
  | "ERR_CRI_INFO_INVALID"
  /** A text of crictl's configuration, or of a Pod or container configuration, that cannot be used. */
  | "ERR_CRI_CONFIG_INVALID"
  /** Credentials in a form that is none. */
  | "ERR_CRI_CREDENTIALS_INVALID"
  /** A filter, a point in time, or another part of a query that cannot be read. */
  | "ERR_CRI_QUERY_INVALID"
  /** A pod or container that runs was to be removed without force. */
  | "ERR_CRI_STILL_RUNNING"
  /** The time that a command may take is over, in whichever form the runtime says it. */
  | "ERR_CRI_EXEC_TIMEOUT"
  /** The command, or the attaching to it, could not be started or carried on. */
  | "ERR_CRI_EXEC_FAILED"
  /** A port of the pod could not be reached, or the forwarding broke off. */
  | "ERR_CRI_PORT_FORWARD_FAILED"
  /** The URL of a streaming session is none, or leads to a host that is not allowed. */
  | "ERR_CRI_STREAM_URL_REFUSED"
  /** The streaming server refused the upgrade; `statusCode` is the HTTP status. */
  | "ERR_CRI_UPGRADE_REFUSED"
  /** The streaming server does not keep to the protocol. */
  | "ERR_CRI_STREAM_PROTOCOL"
  /** A streaming session ended without an outcome: what became of the command is unknown. */
  | "ERR_CRI_CONNECTION_LOST"
  /** The end of stdin cannot be told over the protocol of the session. */
  | "ERR_CRI_STDIN_END_UNSUPPORTED"
  /** A container has no log, or its file is not there. */
  | "ERR_CRI_LOG_NOT_FOUND"
  /** The path of a log leads out of the folder of its pod. */
  | "ERR_CRI_LOG_PATH_REFUSED"
  /** The file of a log cannot be opened, read or removed; `systemCode` says why. */
  | "ERR_CRI_LOG_UNREADABLE"
  /** A log is neither in CRI's nor in Docker's JSON form, or a line of it is over the limit. */
  | "ERR_CRI_LOG_INVALID"
  /** The runtime took no new sample between two readings. */
  | "ERR_CRI_STATS_UNCHANGED"
  /** The runtime ends the stream of events at once: it is configured not to send any. */
  | "ERR_CRI_EVENTS_DISABLED";

/** Names that runtimes put in front of a message, since gRPC has no status for them. */
export type CriErrorReason =
  /** PullImage: the registry could not be reached. */
  | "RegistryUnavailable"
  /** PullImage, CreateContainer: the policy rejects the image. */
  | "SignatureValidationFailed"
  /** CreateContainer: a mount cannot be made recursively read-only. */
  | "RROUnsupported"
  /** CreateContainer: an image volume cannot be mounted. */
  | "ImageVolumeMountFailed";

/** Names of the gRPC statuses that are errors. */
export type GrpcStatusName =
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/** The gRPC status of a call, as it came. */
export interface GrpcStatus {
  /** 1 to 16; another number if the runtime sent one. */
  number: number;
  /** `"UNKNOWN"` for a number that gRPC does not define. */
  name: GrpcStatusName;
}

/** What is wrong at a place in a configuration. */
export interface ConfigProblem {
  /** JSONPath of the value (RFC 9535 normalized path), such as `$['linux']['securityContext']`. */
  path: string;
  /** Line, counted from 1. */
  line: number;
  /** Column in bytes, counted from 1. */
  column: number;
  /** For people; it may change. */
  message: string;
}

/** What a {@link CriError} may carry. */
export interface CriErrorOptions extends LadingErrorOptions {
  status?: GrpcStatus;
  reason?: CriErrorReason;
  details?: string;
  method?: string;
  systemCode?: string;
  statusCode?: number;
  problems?: readonly ConfigProblem[];
  cleanUpErrors?: readonly unknown[];
}

/**
 * An error of `lading/cri`.
 *
 * Credentials of the request are in none of its fields: where a runtime repeats one in its text, it is replaced
 * by `[redacted]`.
 */
export class CriError extends LadingError {
  readonly code: CriErrorCode;
  /** The gRPC status, where one was the reason. */
  readonly status?: GrpcStatus;
  /** The name that the runtime put in front of its message, if it is one that the interface knows. */
  readonly reason?: CriErrorReason;
  /** The text of the runtime, or of the gRPC client, as it came; empty where there was none. */
  readonly details: string;
  /** The RPC, such as `RuntimeService/ContainerStatus`. */
  readonly method?: string;
  /** Why a socket or file could not be opened, such as `ENOENT`, `EACCES` or `ECONNREFUSED`, where that is known. */
  readonly systemCode?: string;
  /** The HTTP status of a refused upgrade. */
  readonly statusCode?: number;
  /** Everything that is wrong with a configuration, in the order of its text. */
  readonly problems?: readonly ConfigProblem[];
  /** What failed in undoing what had been made before this error. */
  readonly cleanUpErrors?: readonly unknown[];

  constructor(code: CriErrorCode, message: string, options: CriErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.details = options.details ?? "";
    if (options.status) this.status = options.status;
    if (options.reason) this.reason = options.reason;
    if (options.method !== undefined) this.method = options.method;
    if (options.systemCode !== undefined) this.systemCode = options.systemCode;
    if (options.statusCode !== undefined) this.statusCode = options.statusCode;
    if (options.problems) this.problems = options.problems;
    if (options.cleanUpErrors) this.cleanUpErrors = options.cleanUpErrors;
  }
}

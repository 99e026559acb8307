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
  /** Verbose information of a status is absent or not what runtimes put there. */
  | "ERR_CRI_INFO_INVALID";

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

/** What a {@link CriError} may carry. */
export interface CriErrorOptions extends LadingErrorOptions {
  status?: GrpcStatus;
  reason?: CriErrorReason;
  details?: string;
  method?: string;
  systemCode?: string;
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
  /** Why the socket could not be opened, such as `ENOENT`, `EACCES` or `ECONNREFUSED`, where that is known. */
  readonly systemCode?: string;

  constructor(code: CriErrorCode, message: string, options: CriErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.details = options.details ?? "";
    if (options.status) this.status = options.status;
    if (options.reason) this.reason = options.reason;
    if (options.method !== undefined) this.method = options.method;
    if (options.systemCode !== undefined) this.systemCode = options.systemCode;
  }
}

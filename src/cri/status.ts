/**
 * From the outcome of a gRPC call to an error, and back.
 *
 * @see {@link https://grpc.io/docs/guides/status-codes/}
 * @module
 */
import { CriError, type CriErrorCode, type CriErrorReason, type GrpcStatusName } from "./errors.ts";

/** The statuses by number, and the codes that stand for them. */
const STATUSES: ReadonlyMap<number, readonly [GrpcStatusName, CriErrorCode]> = new Map([
  [1, ["CANCELLED", "ERR_CRI_CANCELLED"]],
  [2, ["UNKNOWN", "ERR_CRI_UNKNOWN"]],
  [3, ["INVALID_ARGUMENT", "ERR_CRI_INVALID_ARGUMENT"]],
  [4, ["DEADLINE_EXCEEDED", "ERR_CRI_DEADLINE_EXCEEDED"]],
  [5, ["NOT_FOUND", "ERR_CRI_NOT_FOUND"]],
  [6, ["ALREADY_EXISTS", "ERR_CRI_ALREADY_EXISTS"]],
  [7, ["PERMISSION_DENIED", "ERR_CRI_PERMISSION_DENIED"]],
  [8, ["RESOURCE_EXHAUSTED", "ERR_CRI_RESOURCE_EXHAUSTED"]],
  [9, ["FAILED_PRECONDITION", "ERR_CRI_FAILED_PRECONDITION"]],
  [10, ["ABORTED", "ERR_CRI_ABORTED"]],
  [11, ["OUT_OF_RANGE", "ERR_CRI_OUT_OF_RANGE"]],
  [12, ["UNIMPLEMENTED", "ERR_CRI_UNIMPLEMENTED"]],
  [13, ["INTERNAL", "ERR_CRI_INTERNAL"]],
  [14, ["UNAVAILABLE", "ERR_CRI_UNAVAILABLE"]],
  [15, ["DATA_LOSS", "ERR_CRI_DATA_LOSS"]],
  [16, ["UNAUTHENTICATED", "ERR_CRI_UNAUTHENTICATED"]],
]);

const REASONS: ReadonlySet<string> = new Set<CriErrorReason>([
  "RegistryUnavailable",
  "SignatureValidationFailed",
  "RROUnsupported",
  "ImageVolumeMountFailed",
]);

/** How runtimes say with status UNKNOWN that they lack a function: containerd, and CRI-O without CRIU. */
const NOT_IMPLEMENTED = /(?:^|: )(?:not implemented(?: yet)?|checkpoint\/restore support not available)$/;

/** The outcome of a failed call. */
export interface FailedCall {
  /** The RPC, such as `RuntimeService/ContainerStatus`. */
  method: string;
  /** Values that must not be seen; see {@link redactSecrets}. */
  secrets: readonly string[];
}

/**
 * The error for what a gRPC call failed with.
 *
 * With secrets in the request the original error is not kept as `cause`: its text and its trailers are the
 * runtime's and may repeat them.
 */
export function toCriError(error: unknown, { method, secrets }: FailedCall): CriError {
  if (error instanceof CriError) return error;
  const { number, text } = outcomeOf(error);
  const [name, statusCode] = STATUSES.get(number) ?? ["UNKNOWN", "ERR_CRI_UNKNOWN"];
  const details = redactSecrets(text, secrets);
  const reason = reasonOf(text);
  // Runtimes do not always use the status for a function that they lack.
  const code = number === 2 && NOT_IMPLEMENTED.test(text) ? "ERR_CRI_UNIMPLEMENTED" : statusCode;
  return new CriError(code, `${method}: ${name}${details && `: ${details}`}`, {
    status: { number, name },
    ...(reason ? { reason } : {}),
    details,
    method,
    ...(secrets.length === 0 ? { cause: error } : {}),
  });
}

function outcomeOf(error: unknown): { number: number; text: string } {
  if (!(error instanceof Error)) return { number: 2, text: String(error) };
  const { code, details } = error as { code?: unknown; details?: unknown };
  return {
    number: typeof code === "number" ? code : 2,
    text: typeof details === "string" ? details : error.message,
  };
}

/** The name in front of a message, if it is one of the closed list of the interface. */
export function reasonOf(message: string): CriErrorReason | undefined {
  const name = /^([A-Z][A-Za-z]+)(?:: |$)/.exec(message)?.[1];
  return name !== undefined && REASONS.has(name) ? (name as CriErrorReason) : undefined;
}

/** The text with every occurrence of a secret replaced. Longer secrets go first; empty ones do not count. */
export function redactSecrets(text: string, secrets: readonly string[]): string {
  const parts = secrets.filter((secret) => secret !== "").sort((a, b) => b.length - a.length);
  if (parts.length === 0) return text;
  const pattern = parts.map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|");
  return text.replaceAll(new RegExp(pattern, "g"), "[redacted]");
}

/** The number of the gRPC status that a code stands for: 2 (UNKNOWN) for a code that no status has. */
export function statusNumberOf(code: string): number {
  for (const [number, [, statusCode]] of STATUSES) if (statusCode === code) return number;
  return 2;
}

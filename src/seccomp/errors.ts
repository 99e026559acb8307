/**
 * Errors of seccomp profiles.
 *
 * @module
 */
import { type JsonPosition, LadingError, type LadingErrorOptions } from "../core/errors.ts";
import type { ProfileProblem } from "./schema.ts";

/** Codes of {@link SeccompError}. */
export type SeccompErrorCode =
  /** A profile is not one complete JSON value. */
  | "ERR_SECCOMP_SYNTAX"
  /** A value in a profile has another type than its field, or a number is out of range. */
  | "ERR_SECCOMP_TYPE"
  /** A profile or recording has more bytes than the limit, or a profile more rules. */
  | "ERR_SECCOMP_TOO_LARGE"
  /** A profile has problems that an engine would pass over and strict reading does not. */
  | "ERR_SECCOMP_STRICT"
  /** A profile gives two fields that exclude each other: `architectures` and `archMap`, or `name` and `names`. */
  | "ERR_SECCOMP_FIELD_CONFLICT"
  /** A profile names an errno that the engine does not know. */
  | "ERR_SECCOMP_UNKNOWN_ERRNO"
  /** A `minKernel` or a kernel release is malformed. */
  | "ERR_SECCOMP_KERNEL_VERSION"
  /** The node's configuration names an annotation that CRI-O does not know. */
  | "ERR_SECCOMP_ALLOWED_ANNOTATION"
  /** A requested profile is not a valid one: unknown type, or a path that is missing, absolute or leads up. */
  | "ERR_SECCOMP_PROFILE_REQUEST"
  /** The node has seccomp switched off and the request needs it. */
  | "ERR_SECCOMP_DISABLED"
  /** A reference, manifest or layer is not what the runtime accepts as a profile artifact. */
  | "ERR_SECCOMP_ARTIFACT"
  /** No runtime can load the filter: unknown action, operator, flag or architecture, or a bad argument index. */
  | "ERR_SECCOMP_FILTER_INVALID"
  /** Two rules contradict each other, so that no runtime can load the filter. */
  | "ERR_SECCOMP_RULE_CONFLICT"
  /** A system call has no number on the architecture, or no such name is known. */
  | "ERR_SECCOMP_UNKNOWN_SYSCALL"
  /** A BPF program is none that the kernel takes for a filter, or has instructions that no runtime makes. */
  | "ERR_SECCOMP_PROGRAM"
  /** Valid, but outside what lading can decide exactly, such as an architecture without a table of calls. */
  | "ERR_SECCOMP_UNSUPPORTED";

/** What a {@link SeccompError} may carry. */
export interface SeccompErrorOptions extends LadingErrorOptions {
  /** Where in the profile the error lies. */
  position?: JsonPosition | undefined;
  /** All that is wrong, in the order of the text. */
  problems?: readonly ProfileProblem[] | undefined;
}

/**
 * An error of `lading/seccomp`.
 *
 * Where a docstring says so, the message equals what CRI-O, Docker or containerd print.
 */
export class SeccompError extends LadingError {
  readonly code: SeccompErrorCode;
  /** Where in the profile the error lies; set when a JSON text is the reason. */
  readonly position?: JsonPosition;
  /** All that is wrong, in the order of the text; set for `ERR_SECCOMP_STRICT`. */
  readonly problems?: readonly ProfileProblem[];

  constructor(code: SeccompErrorCode, message: string, options: SeccompErrorOptions = {}) {
    super(message, options);
    this.code = code;
    if (options.position) this.position = options.position;
    if (options.problems) this.problems = options.problems;
  }
}

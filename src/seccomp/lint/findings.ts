/**
 * What a check of a profile finds.
 *
 * @module
 */
import type { JsonPosition } from "../../core/errors.ts";

/**
 * How much a finding matters. `error`: the container does not start, or the profile does not do what it says.
 * `warning`: it most likely does not do what its author means. `info`: worth knowing.
 */
export type ProfileLintSeverity = "error" | "warning" | "info";

/** Something about a profile that its author should know. */
export interface ProfileFinding {
  readonly code: ProfileLintCode;
  readonly severity: ProfileLintSeverity;
  /** Where it stands, or the nearest place that the text has. */
  readonly position: JsonPosition;
  /** For people; may change between versions. */
  readonly message: string;
}

/** What can be found in a profile. */
export type ProfileLintCode =
  // What the reader of the file does not read.
  /** `archMap`, `includes`, `excludes` or `name`, where only the runtime-spec object is read: rules become unconditional. */
  | "extended-member"
  /** `errno` or `defaultErrno`, which the reader ignores: the call fails with another errno. */
  | "errno-name-ignored"
  /** `minKernel`, which the reader ignores: the rule counts on every kernel. */
  | "min-kernel-ignored"
  /** A member that nothing reads. */
  | "unknown-member"
  /** Anything else that strict reading refuses. */
  | "not-strict"
  // What it amounts to.
  /** It is no filter: the container may make every call. */
  | "unconfined"
  /** It is a filter that lets every call through. */
  | "stops-nothing"
  /** Calls that no rule names are let through, also those of kernels to come. */
  | "allow-by-default"
  /** The engine cannot convert it: the container is not created. */
  | "not-converted"
  /** No runtime can load the filter. */
  | "filter-invalid"
  /** More than clusters take from artifacts: 1 MiB, 128 rules. */
  | "artifact-limit"
  // Rules.
  /** Two rules for a call contradict each other: the container does not start. */
  | "rule-conflict"
  /** A rule has no effect, since another one for the call has no conditions. */
  | "rule-without-effect"
  /** An argument stands twice in a rule, which makes all its conditions alternatives. */
  | "repeated-argument"
  /** The rule does what happens by default; runtimes leave it out, and some checks refuse it. */
  | "equals-default"
  /** No architecture has a call of this name; runtimes leave it out. */
  | "unknown-syscall"
  /** The rule names no call. */
  | "no-names"
  /** An errno on an action that has none, which crun refuses. */
  | "errno-without-use"
  /** An errno above 4094, which libseccomp refuses, or of more than 16 bits, of which the low ones count. */
  | "errno-too-large"
  /** A number that programs reading JSON into doubles change. */
  | "unsafe-number"
  /** A notification that runtimes refuse: by default, or for `write`. */
  | "notify-refused"
  /** A listener or a notification, which profiles from artifacts must not have. */
  | "notify-in-artifact"
  // What is missing.
  /** A relative of the architecture is not covered: its calls kill the thread. */
  | "compat-architecture-missing"
  /** An architecture that the node's processes do not have. */
  | "architecture-unneeded"
  /** A call that a container cannot start or end without. */
  | "startup-call-missing";

/** Takes a finding; `path` leads to it by names of members and indexes. */
export type ReportFinding = (
  path: readonly (string | number)[],
  code: ProfileLintCode,
  severity: ProfileLintSeverity,
  message: string,
) => void;

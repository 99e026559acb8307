/**
 * What was seen of a workload's system calls.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { assertLimit } from "../../core/bytes.ts";
import { SeccompError } from "../errors.ts";
import type { LinuxSeccompArg } from "../types.ts";

/** A call that was seen. */
export interface RecordedCall {
  readonly name: string;
  /** Conditions that its arguments met; absent where nothing is known of them. */
  readonly args?: readonly LinuxSeccompArg[];
}

/** Something in a recording that is not taken for a call. */
export interface PassedOver {
  readonly reason: /** No architecture has a call of this name or number. */
    | "unknown-call"
    /** A filter stopped or handed over the call: letting it through would undo that. */
    | "stopped"
    /** A line or object that is not as its kind is written. */
    | "malformed"
    /** The profile builds on another one, which is not read. */
    | "base-profile";
  /** Its first 200 characters. */
  readonly text: string;
  /** Line, counted from 1, of a text of lines. */
  readonly line?: number;
}

/** Calls of a workload, as one source gives them. */
export interface Recording {
  /** Each once for each set of conditions, in the order in which they were first seen. */
  readonly calls: readonly RecordedCall[];
  /** Architectures that calls were seen on, such as `SCMP_ARCH_X86_64`. */
  readonly architectures: readonly string[];
  readonly passedOver: readonly PassedOver[];
}

/** Options of the readers of recordings. */
export interface ReadRecordingOptions {
  /** Longest text accepted, in bytes. Default 64 MiB (67108864). */
  maxBytes?: number | undefined;
}

const MAX_SHOWN = 200;

/** Something passed over. */
export function passedOver(reason: PassedOver["reason"], text: string, line?: number): PassedOver {
  return { reason, text: text.slice(0, MAX_SHOWN), ...(line === undefined ? {} : { line }) };
}

/**
 * The lines of a text, without what ends them.
 *
 * @throws {SeccompError} `ERR_SECCOMP_TOO_LARGE`.
 */
export function linesOf(
  input: Uint8Array | string,
  { maxBytes = 64 * 1024 * 1024 }: ReadRecordingOptions,
): string[] {
  assertLimit(maxBytes);
  const length = typeof input === "string" ? Buffer.byteLength(input) : input.byteLength;
  if (length > maxBytes) {
    throw new SeccompError("ERR_SECCOMP_TOO_LARGE", `recording of more than ${maxBytes} bytes`);
  }
  return (typeof input === "string" ? input : Buffer.from(input).toString("utf8")).split(/\r?\n/);
}

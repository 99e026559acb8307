/**
 * Calls that the kernel logged: records of type 1326, as in the kernel log, auditd's file and what ausearch prints.
 *
 * @see {@link https://github.com/torvalds/linux/blob/v6.12/kernel/auditsc.c}
 * @module
 */
import { readAuditRecord } from "../audit-record.ts";
import { isSyscallName } from "../syscalls.ts";
import {
  linesOf,
  type PassedOver,
  passedOver,
  type ReadRecordingOptions,
  type Recording,
} from "./recording.ts";

/**
 * The calls in an audit log of a workload that ran under a filter with `SCMP_ACT_LOG`.
 *
 * Lines without a record of type 1326 are ignored. Only calls that were logged and let through count; those that a
 * filter stopped are in `passedOver`. Records do not tell arguments.
 *
 * Records of all processes are taken: choose the lines of one workload before. A process that may write to the log
 * that the text comes from can forge records.
 *
 * @throws {SeccompError} `ERR_SECCOMP_TOO_LARGE`.
 */
export function readAuditLog(input: Uint8Array | string, options: ReadRecordingOptions = {}): Recording {
  const names = new Set<string>();
  const architectures = new Set<string>();
  const over: PassedOver[] = [];
  for (const [at, line] of linesOf(input, options).entries()) {
    const record = readAuditRecord(line);
    if (record.kind === "other") continue;
    if (record.kind === "record" && record.action !== "SCMP_ACT_LOG") {
      over.push(passedOver("stopped", line, at + 1));
    } else if (record.kind === "malformed") {
      over.push(passedOver("malformed", line, at + 1));
    } else if (record.name === undefined || !isSyscallName(record.name)) {
      over.push(passedOver("unknown-call", line, at + 1));
    } else {
      names.add(record.name);
      architectures.add(record.arch.scmp);
    }
  }
  return {
    calls: [...names].map((name) => ({ name })),
    architectures: [...architectures],
    passedOver: over,
  };
}

/**
 * Why a call was blocked, in words, from a decision or from the kernel's log.
 *
 * @module
 */

export { parseAuditLine, type SeccompAuditEvent } from "./audit.ts";
export {
  type ExplainSyscallOptions,
  explainAuditEvent,
  explainSyscall,
  type SyscallExplanation,
  type SyscallOutcome,
} from "./outcomes.ts";
export { explainDecision } from "./words.ts";

/**
 * From recordings of a workload's system calls to a profile.
 *
 * @module
 */
export { readAuditLog } from "./audit-log.ts";
export { readOperatorProfile } from "./operator.ts";
export {
  type OperatorProfile,
  type ResolveOperatorProfileOptions,
  resolveOperatorProfile,
} from "./operator-bases.ts";
export { type ProfileFromRecordingsOptions, profileFromRecordings } from "./profile.ts";
export type { PassedOver, ReadRecordingOptions, RecordedCall, Recording } from "./recording.ts";
export { type ReadStraceSummaryOptions, readStraceSummary } from "./strace-summary.ts";

/**
 * Container logs: their format, reading, following, and the files of rotation.
 *
 * @module
 */
export type { Batches } from "./batches.ts";
export {
  type ContainerLog,
  type FindContainerLogOptions,
  findContainerLog,
  type ReadContainerLogEntriesOptions,
  type ReadLogsOptions,
  readContainerLogEntries,
  readLogs,
} from "./container-logs.ts";
export { type LogEntry, type LogStream, parseLogEntry } from "./entry.ts";
export { type JoinLogLinesOptions, joinLogLines, type LogLine, logText } from "./lines.ts";
export type { LogPlace } from "./open.ts";
export { type LogOutput, type PrintLogOptions, printLog } from "./print.ts";
export type { IsRunning } from "./probe.ts";
export {
  type ReadLogEntriesOptions,
  type ReadLogFileOptions,
  readLogEntries,
  readLogFile,
} from "./read.ts";
export { type RemoveLogFilesOptions, removeLogFiles } from "./remove.ts";
export { type ParseSinceOptions, parseSince } from "./since.ts";
export {
  createLogSplitter,
  formatLogEntry,
  type LogSplitter,
  type LogSplitterOptions,
  type SplitEntry,
} from "./write.ts";

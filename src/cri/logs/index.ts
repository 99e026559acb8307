/**
 * Container logs: their format, reading, following, and the files of rotation.
 *
 * @module
 */
export { type LogEntry, type LogStream, parseLogEntry } from "./entry.ts";
export { type ParseSinceOptions, parseSince } from "./since.ts";
export {
  createLogSplitter,
  formatLogEntry,
  type LogSplitter,
  type LogSplitterOptions,
  type SplitEntry,
} from "./write.ts";

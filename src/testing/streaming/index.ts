/**
 * The streaming servers of a runtime: exec, attach, port-forward.
 *
 * @module
 */
export { startStreamingServer } from "./start.ts";
export type {
  ExecOutcome,
  StartStreamingServerOptions,
  StreamedProcess,
  StreamingFaults,
  StreamingKind,
  StreamingLogEntry,
  StreamingRequests,
  StreamingServer,
  StreamingTls,
  StreamingUpgrade,
} from "./types.ts";

/**
 * The streaming servers of a runtime: exec, attach, port-forward.
 *
 * @module
 */
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

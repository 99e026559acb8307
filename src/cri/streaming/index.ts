/**
 * Streaming sessions: commands and terminals in containers, and connections into pods.
 *
 * @module
 */
export type { ChannelProtocolName, TerminalSize } from "./channels.ts";
export { parseDetachKeys } from "./detach-keys.ts";
export type { StreamTlsOptions } from "./dial.ts";
export { type DialPodOptions, dialPod } from "./dial-pod.ts";
export { type ForwardedPort, parseForwardedPort } from "./forwarded-port.ts";
export type { StreamingRuntime, StreamOpeningOptions } from "./opening.ts";
export {
  type ForwardedListener,
  type PortForwarding,
  type PortForwardOptions,
  portForward,
} from "./port-forward.ts";
export { attach, exec } from "./session.ts";
export type {
  AttachEnd,
  AttachSession,
  ExecEnd,
  ExecSession,
  NodeSessionStreams,
  SessionControl,
  SessionOptions,
  SessionStdin,
  SessionStreams,
  WebSessionStreams,
} from "./session-types.ts";
export type { StreamTransport } from "./wire.ts";

/**
 * The parts that need nothing else: errors, digests, references and platforms.
 *
 * Importing `lading` loads no npm package.
 *
 * @module
 */
export type { ByteStream } from "./core/bytes.ts";
export {
  DIAGNOSTICS_CHANNELS,
  type DiagnosticsEvents,
  type PolicyCacheEvent,
  type PolicyDecisionEvent,
  type RegistryRequestEvent,
} from "./core/diagnostics.ts";
export * from "./core/digest.ts";
export * from "./core/errors.ts";
export * from "./core/familiar-reference.ts";
export type { JsonValue } from "./core/json-plain.ts";
export * from "./core/oras-reference.ts";
export * from "./core/peer-platform.ts";
export * from "./core/platform.ts";
export * from "./core/platform-match.ts";
export * from "./core/reference.ts";
export type { SignalOptions } from "./core/signal.ts";

/**
 * A CRI runtime inside the test process, with every RPC, whose containers run functions.
 *
 * @module
 */
export type { InjectedFailure, RuntimeFailure } from "./failures.ts";
export { defaultImages, type KnownImage } from "./image-types.ts";
export type {
  EventsMode,
  ExecSyncTimeout,
  RuntimeFlavor,
  RuntimeStreamingOptions,
  StartCriRuntimeOptions,
} from "./options.ts";
export type {
  ProgramProcess,
  ProgramTerminalSize,
  ProgramUsage,
  RuntimeProgram,
} from "./program-types.ts";
export { defaultPrograms } from "./programs.ts";
export { type ImageFromRegistryOptions, imageFromRegistry } from "./registry-images.ts";
export type { CriRelease } from "./releases.ts";
export { type CriRuntime, type CriRuntimeCall, startCriRuntime } from "./start.ts";

/**
 * What the RPCs of the in-process runtime share.
 *
 * @module
 */
import type { Checkpoint } from "./checkpoints.ts";
import type { EventHub } from "./events.ts";
import type { ImageStore } from "./images.ts";
import type { EventsMode, ExecSyncTimeout, RuntimeFlavor, StartCriRuntimeOptions } from "./options.ts";
import type { RuntimeProgram } from "./program-types.ts";
import type { CriRelease } from "./releases.ts";
import type { RuntimeState } from "./state.ts";

/** The settings of a runtime, and what it knows. */
export interface RuntimeWorld {
  readonly flavor: RuntimeFlavor;
  readonly release: CriRelease;
  readonly programs: Readonly<Record<string, RuntimeProgram>>;
  readonly handlers: readonly string[];
  readonly eventsMode: EventsMode;
  readonly execSyncTimeout: ExecSyncTimeout;
  readonly listBatchSize: number;
  readonly podIps: (index: number) => readonly string[];
  /** Folder of the runtime's files. */
  readonly folder: string;
  readonly state: RuntimeState;
  readonly images: ImageStore;
  readonly resolveImage: StartCriRuntimeOptions["resolveImage"];
  readonly events: EventHub;
  readonly checkpoints: Map<string, Checkpoint>;
  /** Whether the network of pods is set up. */
  networkReady: boolean;
  /** Nanoseconds since 1970. */
  now(): bigint;
}

/**
 * The options of a runtime with their defaults, and a world without pods.
 *
 * @module
 */
import { createEventHub } from "./events.ts";
import { defaultImages } from "./image-types.ts";
import { createImageStore } from "./images.ts";
import { machineClock } from "./nanoseconds.ts";
import type { StartCriRuntimeOptions } from "./options.ts";
import { defaultPrograms } from "./programs.ts";
import { NEWEST_RELEASE } from "./releases.ts";
import { emptyState } from "./state.ts";
import type { RuntimeWorld } from "./world.ts";

/** A world with the images of the options and nothing else. */
export function createWorld(options: StartCriRuntimeOptions, folder: string): RuntimeWorld {
  const { flavor = "containerd", release = NEWEST_RELEASE, listBatchSize = 100 } = options;
  if (!(Number.isInteger(listBatchSize) && listBatchSize > 0)) {
    throw new RangeError(`listBatchSize must be a whole number above 0, got ${listBatchSize}`);
  }
  return {
    flavor,
    release,
    programs: { ...defaultPrograms(), ...options.programs },
    handlers: options.handlers ?? ["runc"],
    eventsMode: options.events ?? "on",
    execSyncTimeout: options.execSyncTimeout ?? (flavor === "cri-o" ? "exit-minus-one" : "deadline-exceeded"),
    listBatchSize,
    podIps: options.podIps ?? defaultPodIps,
    folder,
    state: emptyState(),
    images: createImageStore(options.images ?? defaultImages()),
    resolveImage: options.resolveImage,
    events: createEventHub(),
    checkpoints: new Map(),
    networkReady: true,
    now: options.now ?? machineClock(),
  };
}

function defaultPodIps(index: number): string[] {
  // Each address of the range but those of the network and the gateway, over and over.
  const host = (index % 65_533) + 2;
  return [`10.88.${host >> 8}.${host & 0xff}`];
}

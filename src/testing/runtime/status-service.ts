/**
 * RPCs about the runtime itself, and its events.
 *
 * @module
 */
import { CgroupDriver, CriError, type RuntimeService } from "../../cri/index.ts";
import type { ServiceHandlers } from "../../cri/serve.ts";
import { statusInfo, versionOf } from "./flavor-info.ts";
import { isAtLeast } from "./releases.ts";
import { NO_NETWORK } from "./sandboxes.ts";
import type { RuntimeWorld } from "./world.ts";

/** Handlers of the RPCs about the runtime. */
export function statusHandlers(world: RuntimeWorld): ServiceHandlers<typeof RuntimeService> {
  return {
    version: (_, { apiVersion }) => {
      const { name, version } = versionOf(world);
      return {
        version: "0.1.0",
        runtimeName: name,
        runtimeVersion: version,
        runtimeApiVersion: apiVersion,
      };
    },
    status: ({ verbose }) => ({
      status: {
        conditions: [
          { type: "RuntimeReady", status: true },
          world.networkReady
            ? { type: "NetworkReady", status: true }
            : {
                type: "NetworkReady",
                status: false,
                reason: "NetworkPluginNotReady",
                message: `Network plugin returns error: ${NO_NETWORK}`,
              },
          ...(world.flavor === "containerd" && isAtLeast(world.release, "0.31")
            ? [{ type: "ContainerdHasNoDeprecationWarnings", status: true }]
            : []),
        ],
      },
      info: verbose ? statusInfo(world) : {},
      ...(isAtLeast(world.release, "0.30") ? { runtimeHandlers: runtimeHandlers(world) } : {}),
      ...(isAtLeast(world.release, "0.31") ? { features: { supplementalGroupsPolicy: true } } : {}),
    }),
    updateRuntimeConfig: () => ({}),
    // CgroupDriver.CGROUPFS, as in the verbose information.
    runtimeConfig: () => ({ linux: { cgroupDriver: CgroupDriver.CGROUPFS } }),
    getContainerEvents: (_, { signal }) => {
      switch (world.eventsMode) {
        case "on":
          return world.events.subscribe(signal);
        case "ends-at-once":
          return [];
        case "unimplemented":
          throw new CriError("ERR_CRI_UNIMPLEMENTED", "method GetContainerEvents not implemented");
      }
    },
  };
}

/** The handlers by name; the default one comes a second time without a name. */
function runtimeHandlers({ handlers }: RuntimeWorld): {
  name: string;
  features: { recursiveReadOnlyMounts: boolean; userNamespaces: boolean };
}[] {
  const features = { recursiveReadOnlyMounts: true, userNamespaces: true };
  return ["", ...handlers].map((name) => ({ name, features }));
}

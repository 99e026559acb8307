/**
 * The server of the in-process runtime: what a restart ends and starts anew.
 *
 * @module
 */
import { type CriApiVersion, ImageService, RuntimeService } from "../../cri/index.ts";
import { type ServedCall, type ServiceHandlers, serveCri } from "../../cri/serve.ts";
import { checkpointHandlers } from "./checkpoints.ts";
import { containerHandlers } from "./containers.ts";
import { execSync } from "./exec-sync.ts";
import type { ConnectionCutter, FailureList } from "./failures.ts";
import { imageHandlers } from "./image-service.ts";
import { listen } from "./listener.ts";
import { metricsHandlers } from "./metrics.ts";
import type { StartCriRuntimeOptions } from "./options.ts";
import { hasRpc } from "./releases.ts";
import { sandboxHandlers } from "./sandboxes.ts";
import { statsHandlers } from "./stats.ts";
import { statusHandlers } from "./status-service.ts";
import { startStreams } from "./streams.ts";
import type { RuntimeWorld } from "./world.ts";

/** A server that runs. */
export interface RuntimeServer extends ConnectionCutter {
  /** Cuts all connections, ends the streaming server and removes the socket. */
  close(): Promise<void>;
}

/** What a server is started with. */
export interface StartServerOptions {
  world: RuntimeWorld;
  options: StartCriRuntimeOptions;
  /** Path of the socket. */
  path: string;
  /** Is told of every call. */
  onCall(call: ServedCall, request: unknown): void;
  faultOf: FailureList["faultOf"];
}

/** Starts a server for a world. */
export async function startServer({
  world,
  options,
  path,
  onCall,
  faultOf,
}: StartServerOptions): Promise<RuntimeServer> {
  const streams = await startStreams(world, options);
  const apiVersions: readonly CriApiVersion[] = options.apiVersions ?? ["v1"];
  const defaultMax = (world.flavor === "cri-o" ? 80 : 16) * 1024 * 1024;
  const runtime: ServiceHandlers<typeof RuntimeService> = {
    ...statusHandlers(world),
    ...sandboxHandlers(world),
    ...containerHandlers(world),
    ...checkpointHandlers(world),
    ...statsHandlers(world),
    ...metricsHandlers(world),
    ...streams.handlers,
    execSync: (request, call) => execSync(world, request, call),
  };
  const served = await serveCri({
    runtime: omitted(RuntimeService.name, world, options, runtime),
    image: omitted(ImageService.name, world, options, imageHandlers(world)),
    apiVersions,
    maxMessageBytes: options.maxMessageBytes ?? defaultMax,
    onCall: (call, request) => {
      onCall(call, request);
      return faultOf(call);
    },
  });
  try {
    const listener = await listen(path, served.accept);
    return {
      cut: listener.cut,
      cutInMessage: listener.cutInMessage,
      async close() {
        world.events.disconnect();
        await listener.close();
        served.close();
        await streams.close();
      },
    };
  } catch (error) {
    served.close();
    await streams.close();
    throw error;
  }
}

/** Handlers without those of RPCs that the runtime does not have. */
function omitted<T extends object>(
  service: string,
  { flavor, release }: RuntimeWorld,
  { omit = [] }: StartCriRuntimeOptions,
  handlers: T,
): Partial<T> {
  const entries = Object.entries(handlers).filter(([name]) => {
    const method = `${service}/${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    return hasRpc(flavor, release, method) && !omit.includes(method);
  });
  return Object.fromEntries(entries) as Partial<T>;
}

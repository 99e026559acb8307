/**
 * Exec, attach and port-forward: URLs of a streaming server, and what its sessions do to containers.
 *
 * @module
 */
import type { RuntimeService } from "../../cri/index.ts";
import type { ServiceHandlers } from "../../cri/serve.ts";
import type { StartCriRuntimeOptions } from "./options.ts";
import type { RuntimeWorld } from "./world.ts";

/** The streaming server of a runtime. */
export interface RuntimeStreams {
  /** Handlers of the RPCs that give URLs. */
  readonly handlers: ServiceHandlers<typeof RuntimeService>;
  /** Breaks all sessions. */
  close(): Promise<void>;
}

/** Starts the streaming server of a runtime. */
export async function startStreams(
  _world: RuntimeWorld,
  _options: StartCriRuntimeOptions,
): Promise<RuntimeStreams> {
  return { handlers: {}, close: async () => {} };
}

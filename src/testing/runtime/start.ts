/**
 * A CRI runtime inside the test process, with sandboxes, containers and images that have a life of their own.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatCriEndpoint } from "../../cri/index.ts";
import type { ServedCall } from "../../cri/serve.ts";
import { createWorld } from "./create-world.ts";
import { createFailures, type InjectedFailure, type RuntimeFailure } from "./failures.ts";
import type { KnownImage } from "./image-types.ts";
import type { StartCriRuntimeOptions } from "./options.ts";
import { startServer } from "./server.ts";

/** A call that the runtime got. */
export interface CriRuntimeCall extends ServedCall {
  /** The request message. */
  request: unknown;
}

/** A runtime that runs. */
export interface CriRuntime {
  /** Its endpoint, for `connectCri`. */
  readonly endpoint: string;
  /** Folder of its own, which goes with `close()`: a place for logs. */
  readonly folder: string;
  /** The calls so far, the oldest first, from before a restart too. */
  readonly calls: readonly CriRuntimeCall[];
  /** Makes calls go wrong. */
  fail(failure: RuntimeFailure): InjectedFailure;
  /** Makes an image known, in place of one of the same name. It is there at once unless `pulled` is false. */
  addImage(image: KnownImage): void;
  /** Whether the network of pods is set up: the condition NetworkReady, and whether pods can be run. */
  setNetworkReady(ready: boolean): void;
  /**
   * Ends the server as a crash does, and starts it anew on the same socket after `downMs` (default 0). Pods,
   * containers and images live on; connections, streams, events and URLs for streaming do not.
   */
  restart(options?: { downMs?: number | undefined }): Promise<void>;
  /** Kills all containers, cuts all connections and removes the folder. Twice is the same as once. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a runtime that behaves as containerd or CRI-O do, on a unix socket, and whose containers are functions.
 *
 * It has all RPCs, keeps logs as files, sends events, counts what programs use, and serves exec, attach and
 * port-forward on a loopback port. It isolates nothing: mounts, security contexts and limits but that of memory are
 * told back and have no effect. It must be closed; until then it keeps the process alive.
 */
export async function startCriRuntime(options: StartCriRuntimeOptions = {}): Promise<CriRuntime> {
  const folder = await mkdtemp(join(tmpdir(), "lading-runtime-"));
  const path = options.socketPath ?? join(folder, "cri.sock");
  try {
    const world = createWorld(options, folder);
    const calls: CriRuntimeCall[] = [];
    const failures = createFailures({
      cut: () => server.cut(),
      cutInMessage: () => server.cutInMessage(),
    });
    const start = () =>
      startServer({
        world,
        options,
        path,
        onCall: (call, request) => calls.push({ ...call, request }),
        faultOf: failures.faultOf,
      });
    let server = await start();
    let closed: Promise<void> | undefined;
    /** Restarts follow each other, and nothing starts behind the end. */
    let turn: Promise<void> = Promise.resolve();
    const restartOnce = async (downMs: number) => {
      if (closed !== undefined) return;
      await server.close();
      if (downMs > 0) await new Promise((resolve) => setTimeout(resolve, downMs));
      server = await start();
    };
    const closeOnce = async () => {
      await turn;
      await server.close();
      for (const { process, ended } of world.state.containers.values()) {
        process?.kill("SIGKILL");
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    };
    const close = () => {
      closed ??= closeOnce();
      return closed;
    };
    return {
      endpoint: formatCriEndpoint({ protocol: "unix", address: path, deprecated: false }),
      folder,
      calls,
      fail: failures.add,
      addImage: world.images.add,
      setNetworkReady: (ready) => {
        world.networkReady = ready;
      },
      restart: ({ downMs = 0 } = {}) => {
        const restarted = turn.then(() => restartOnce(downMs));
        turn = restarted.catch(() => {});
        return restarted;
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

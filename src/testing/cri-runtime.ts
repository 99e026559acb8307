/**
 * A CRI runtime inside the test process, over a unix socket.
 *
 * It speaks real gRPC and runs no container: each RPC does what its handler says. For one whose pods, containers and
 * images have a life of their own see {@link startCriRuntime}.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type CriApiVersion,
  formatCriEndpoint,
  type ImageService,
  type RuntimeService,
} from "../cri/index.ts";
import { type ServedCall, type ServiceHandlers, serveCri } from "../cri/serve.ts";

export type { ServedCall, ServiceHandlers, StreamHandler, UnaryHandler } from "../cri/serve.ts";

/** Options of {@link startFakeRuntime}. */
export interface FakeRuntimeOptions {
  /**
   * Handlers for RuntimeService. `version` and `status` have a default: a runtime called `fake` that is ready.
   * Every other RPC without a handler is answered as by a runtime that does not know it.
   */
  runtime?: ServiceHandlers<typeof RuntimeService> | undefined;
  /** Handlers for ImageService; `imageFsInfo` has a default: no file systems. */
  image?: ServiceHandlers<typeof ImageService> | undefined;
  /** Packages to serve. Default `["v1"]`. */
  apiVersions?: readonly CriApiVersion[] | undefined;
  /** Absolute path of the socket. Default: in a folder of its own that goes with `close()`. */
  socketPath?: string | undefined;
  /** Listens on this loopback address instead of a socket, such as `127.0.0.1` or `[::1]`, on a free port. */
  tcpHost?: string | undefined;
  /** Largest request and largest answer in bytes. Default 16 MiB (16777216), as in containerd. */
  maxMessageBytes?: number | undefined;
}

/** A call that a fake runtime got. */
export interface FakeRuntimeCall extends ServedCall {
  /** The request message. */
  request: unknown;
}

/** A fake runtime that listens. */
export interface FakeRuntime {
  /** Its endpoint, for `connectCri`. */
  readonly endpoint: string;
  /** The calls so far, the oldest first. */
  readonly calls: readonly FakeRuntimeCall[];
  /** Cuts all connections and removes the socket. The runtime can be started anew on the same path. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a fake runtime. A thrown `CriError` of a handler reaches the client as the gRPC status of its code. */
export async function startFakeRuntime(options: FakeRuntimeOptions = {}): Promise<FakeRuntime> {
  const { socketPath, tcpHost, apiVersions = ["v1"], maxMessageBytes = 16 * 1024 * 1024 } = options;
  const own = socketPath === undefined && tcpHost === undefined;
  const folder = own ? await mkdtemp(join(tmpdir(), "lading-cri-")) : undefined;
  const path = socketPath ?? join(folder ?? "", "cri.sock");
  const removeFolder = async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  };
  const calls: FakeRuntimeCall[] = [];
  try {
    const served = await serveCri({
      address: tcpHost === undefined ? `unix:${path}` : `${tcpHost}:0`,
      runtime: { version: () => VERSION, status: () => READY, ...options.runtime },
      image: { imageFsInfo: () => ({}), ...options.image },
      apiVersions,
      maxMessageBytes,
      onCall: (call, request) => {
        calls.push({ ...call, request });
        return undefined;
      },
    });
    const close = async () => {
      served.close();
      await removeFolder();
    };
    return {
      endpoint: formatCriEndpoint(
        tcpHost === undefined
          ? { protocol: "unix", address: path, deprecated: false }
          : { protocol: "tcp", address: `${tcpHost}:${served.port}`, deprecated: false },
      ),
      calls,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

const VERSION = { version: "0.1.0", runtimeName: "fake", runtimeVersion: "1.0.0", runtimeApiVersion: "v1" };

const READY = {
  status: {
    conditions: [
      { type: "RuntimeReady", status: true },
      { type: "NetworkReady", status: true },
    ],
  },
};

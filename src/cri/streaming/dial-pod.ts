/**
 * One connection to a port of a pod, as a stream.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import { asError } from "./flow.ts";
import { assertPort } from "./forwarded-port.ts";
import {
  callOptions,
  keepingOptions,
  openByFirst,
  type StreamingRuntime,
  type StreamOpeningOptions,
  withinOpenTimeout,
} from "./opening.ts";
import {
  openSpdyPodConnection,
  POD_SPDY_PROTOCOLS,
  POD_WEBSOCKET_PROTOCOLS,
  type PodConnectionOptions,
  webSocketPodConnection,
} from "./pod-connection.ts";
import { type SpdyConnection, spdyConnection } from "./spdy-connection.ts";
import { parseStreamUrl, type StreamUrl } from "./stream-url.ts";
import { type UpgradeOptions, upgradeToSpdy, upgradeToWebSocket } from "./upgrade.ts";
import type { StreamTransport } from "./wire.ts";

/** Options of {@link dialPod}. The signal ends the connection too, at any time, with its reason. */
export interface DialPodOptions extends StreamOpeningOptions {
  /**
   * What travels below. `"auto"` takes SPDY, which has half closes, and WebSocket if the server does not know SPDY.
   * Default `"auto"`.
   */
  transport?: "auto" | StreamTransport | undefined;
}

/** What the opening of any connection into a pod is told. */
type PodOpeningOptions = Omit<StreamOpeningOptions, "signal">;

/**
 * Connects to a port of a pod's loopback interface, through the runtime.
 *
 * What comes back is to be used as a socket: ending it is a half close, over SPDY; containerd ends the other direction
 * a second after one has ended. Over WebSocket ending it before the pod has fails with
 * `ERR_CRI_STDIN_END_UNSUPPORTED`. That nothing listens at the port is told later, as an error of the stream:
 * `ERR_CRI_PORT_FORWARD_FAILED` with the runtime's text in `details`. Errors need no listener.
 *
 * @param port 1 to 65535.
 * @throws {CriError} any code of a failed call, `ERR_CRI_STREAM_URL_REFUSED`, `ERR_CRI_UPGRADE_REFUSED`,
 * `ERR_CRI_UNAVAILABLE`, `ERR_CRI_DEADLINE_EXCEEDED`, `ERR_CRI_STREAM_PROTOCOL`, `ERR_CRI_CONNECTION_LOST`.
 * @see {@link https://github.com/kubernetes/cri-api/tree/v0.36.0}
 */
export async function dialPod(
  cri: StreamingRuntime,
  podSandboxId: string,
  port: number,
  options: DialPodOptions = {},
): Promise<Duplex> {
  assertPort("port", port, 1);
  const { signal, transport = "auto" } = options;
  const keeping = keepingOptions(options);
  const duplex = await withinOpenTimeout(options, (opening) =>
    openByFirst(transport === "auto" ? ["spdy", "websocket"] : [transport], async (way) => {
      if (way === "spdy") {
        const connection = await openPodSpdy(cri, podSandboxId, [port], options, opening);
        return onlyConnection(connection, port, opening);
      }
      const { url, upgrade } = await askForPod(cri, podSandboxId, [port], options, opening);
      return upgradeToWebSocket(url, { ...upgrade, protocols: POD_WEBSOCKET_PROTOCOLS }, (websocket) =>
        webSocketPodConnection(websocket, port, keeping),
      );
    }),
  );
  const onAbort = () => duplex.destroy(asError(signal?.reason));
  if (signal?.aborted) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });
  duplex.once("close", () => signal?.removeEventListener("abort", onAbort));
  return duplex;
}

async function onlyConnection(
  connection: SpdyConnection,
  port: number,
  signal: AbortSignal,
): Promise<Duplex> {
  try {
    const duplex = await openSpdyPodConnection(connection, { port, requestId: 0 }, signal);
    duplex.once("close", connection.close);
    return duplex;
  } catch (error) {
    connection.destroy(error);
    throw error;
  }
}

/** A SPDY connection for any number of connections to these ports of a pod. */
export async function openPodSpdy(
  cri: StreamingRuntime,
  podSandboxId: string,
  ports: readonly number[],
  options: PodOpeningOptions,
  signal: AbortSignal,
): Promise<SpdyConnection> {
  const { url, upgrade } = await askForPod(cri, podSandboxId, ports, options, signal);
  const { bufferBytes, ...keeping }: PodConnectionOptions = keepingOptions(options);
  return upgradeToSpdy(url, { ...upgrade, protocols: POD_SPDY_PROTOCOLS }, ({ socket, head }) =>
    spdyConnection(socket, { role: "client", head, streamBufferBytes: bufferBytes, ...keeping }),
  );
}

async function askForPod(
  cri: StreamingRuntime,
  podSandboxId: string,
  ports: readonly number[],
  options: PodOpeningOptions,
  signal: AbortSignal,
): Promise<{ url: StreamUrl; upgrade: Omit<UpgradeOptions, "protocols"> }> {
  const { url } = await cri.runtime.portForward(
    { podSandboxId, port: [...ports] },
    callOptions(options, signal),
  );
  return {
    url: parseStreamUrl(url, { endpoint: cri.endpoint, allowHosts: options.allowHosts }),
    upgrade: { tls: options.tls, signal },
  };
}

/** A runtime whose streaming requests lead to a streaming server, for tests of sessions. */
import type { TestContext } from "node:test";
import { type CriConnection, connectCri } from "../../src/cri/index.ts";
import { startFakeRuntime } from "../../src/testing/cri-runtime.ts";
import {
  type StartStreamingServerOptions,
  type StreamingServer,
  startStreamingServer,
} from "../../src/testing/streaming/index.ts";

/** What a test of sessions uses. */
export interface StreamingSetup {
  cri: CriConnection;
  server: StreamingServer;
  /** The RPCs that asked for a URL, by their names. */
  asked: string[];
}

/** Options of {@link setUpStreaming}: the server's, with handlers that do nothing by default. */
export interface StreamingSetupOptions extends Partial<StartStreamingServerOptions> {
  /** Changes the URL on its way to the client. */
  rewriteUrl?: (url: string) => string;
}

/** Starts both; they end with the test. */
export async function setUpStreaming(
  t: TestContext,
  { rewriteUrl = (url) => url, ...options }: StreamingSetupOptions = {},
): Promise<StreamingSetup> {
  const server = await startStreamingServer({
    exec: async () => ({ exitCode: 0 }),
    attach: async () => ({ exitCode: 0 }),
    portForward: async (_request, _port, connection) => {
      connection.end();
    },
    ...options,
  });
  t.after(() => server.close());
  const asked: string[] = [];
  const url = (name: string, text: string) => {
    asked.push(name);
    return { url: rewriteUrl(text) };
  };
  const runtime = await startFakeRuntime({
    runtime: {
      exec: (request) => url("exec", server.url("exec", request)),
      attach: (request) => url("attach", server.url("attach", request)),
      portForward: (request) => url("portForward", server.url("portforward", request)),
    },
  });
  t.after(() => runtime.close());
  const cri = await connectCri({ endpoint: runtime.endpoint });
  t.after(() => cri.close());
  return { cri, server, asked };
}

/** A runtime that gives out one URL for everything. */
export async function runtimeWithUrl(t: TestContext, url: () => string): Promise<CriConnection> {
  const runtime = await startFakeRuntime({
    runtime: {
      exec: () => ({ url: url() }),
      attach: () => ({ url: url() }),
      portForward: () => ({ url: url() }),
    },
  });
  t.after(() => runtime.close());
  const cri = await connectCri({ endpoint: runtime.endpoint });
  t.after(() => cri.close());
  return cri;
}

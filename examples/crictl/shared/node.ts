/** What the examples run on: the runtime named on the command line, else one inside this process. */

import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CriConnection, connectCri, removePods } from "lading/cri";
import { startCriRuntime } from "lading/testing";

/** A node to try things on. */
export interface ExampleNode {
  cri: CriConnection;
  /** An image with a shell that is on the node. */
  image: string;
  /** A folder for logs. */
  folder: string;
  /** Runs a pod with one container, and removes it in the end. */
  run(name: string, command: readonly string[], options?: ExampleContainer): Promise<ExampleIds>;
  /** Runs a pod that serves HTTP at a port. */
  runWeb(): Promise<ExampleIds & { port: number }>;
}

/** What a container may have besides its command. */
export interface ExampleContainer {
  stdin?: boolean;
  tty?: boolean;
}

/** The ids of a pod and its container. */
export interface ExampleIds {
  podSandboxId: string;
  containerId: string;
}

/**
 * Runs an example: `node EXAMPLE [ENDPOINT [IMAGE]]`. Without an endpoint it starts a runtime in this process, whose
 * containers are functions.
 */
export async function onNode(example: (node: ExampleNode) => Promise<void>): Promise<void> {
  const [endpoint, image = "docker.io/library/busybox:latest"] = process.argv.slice(2);
  const runtime = endpoint === undefined ? await startCriRuntime() : undefined;
  const folder = await mkdtemp(join(tmpdir(), "lading-example-"));
  const cri = await connectCri({ endpoint: endpoint ?? runtime?.endpoint ?? "" });
  const pods: string[] = [];
  const server = createServer((_, response) => response.end("hello from the pod\n"));
  try {
    const run: ExampleNode["run"] = async (name, command, container = {}) => {
      const sandboxConfig = {
        metadata: { name, namespace: "examples", uid: `${name}-${process.pid}` },
        logDirectory: folder,
        linux: {},
      };
      const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig });
      pods.push(podSandboxId);
      const config = {
        metadata: { name },
        image: { image },
        command: [...command],
        logPath: `${name}.log`,
        linux: {},
        ...container,
      };
      const { containerId } = await cri.runtime.createContainer({ podSandboxId, sandboxConfig, config });
      await cri.runtime.startContainer({ containerId });
      return { podSandboxId, containerId };
    };
    const runWeb: ExampleNode["runWeb"] = async () => {
      if (!runtime) return { ...(await run("web", ["httpd", "-f", "-p", "8080", "-h", "/etc"])), port: 8080 };
      // The programs of the runtime in this process have no network: its pods are reached as this process is.
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return { ...(await run("web", ["sleep", "1000"])), port: (server.address() as AddressInfo).port };
    };
    await example({ cri, image, folder, run, runWeb });
  } finally {
    await removePods(cri, pods, { force: true });
    await cri.close();
    await runtime?.close();
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

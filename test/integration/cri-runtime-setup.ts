/** A runtime in the test process with a client, and the least that a test says to run something. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ContainerConfigSchema,
  ContainerState,
  type ContainerStatus,
  type CriConnection,
  connectCri,
  type PodSandboxConfigSchema,
} from "../../src/cri/index.ts";
import type { MessageInitShape } from "../../src/cri/serve.ts";
import { type CriRuntime, type StartCriRuntimeOptions, startCriRuntime } from "../../src/testing/index.ts";

/** Plain data of a pod. */
export type Pod = MessageInitShape<typeof PodSandboxConfigSchema>;
/** Plain data of a container. */
export type Config = MessageInitShape<typeof ContainerConfigSchema>;

/** A runtime and a client of it. */
export interface Setup {
  runtime: CriRuntime;
  cri: CriConnection;
  /** Runs a pod with a name of its own, which logs below the runtime's folder. */
  runPod(config?: Partial<PodFields>): Promise<string>;
  /** Makes a container of busybox. */
  create(podSandboxId: string, config: ContainerFields): Promise<string>;
  /** Makes and starts a container. */
  start(podSandboxId: string, config: ContainerFields): Promise<string>;
  /** Waits until a container has ended. */
  ended(containerId: string): Promise<ContainerStatus>;
  status(containerId: string): Promise<ContainerStatus>;
}

interface PodFields {
  name: string;
  labels: Record<string, string>;
  hostname: string;
  runtimeHandler: string;
  linux: NonNullable<Pod["linux"]>;
}

interface ContainerFields {
  command: string[];
  name?: string;
  image?: string;
  labels?: Record<string, string>;
  rest?: Partial<Omit<Config, "$typeName" | "$unknown">>;
}

let pods = 0;
let containers = 0;

/** Starts a runtime, gives the setup to a test, and takes all down. */
export async function withRuntime(
  options: StartCriRuntimeOptions,
  test: (setup: Setup) => Promise<void>,
): Promise<void> {
  const runtime = await startCriRuntime(options);
  try {
    const cri = await connectCri({ endpoint: runtime.endpoint });
    try {
      await test(setupOf(runtime, cri));
    } finally {
      await cri.close();
    }
  } finally {
    await runtime.close();
  }
}

function setupOf(runtime: CriRuntime, cri: CriConnection): Setup {
  const podConfigs = new Map<string, Pod>();
  const status = async (containerId: string) => {
    const answer = await cri.runtime.containerStatus({ containerId });
    if (!answer.status) throw new Error("no status");
    return answer.status;
  };
  const create: Setup["create"] = async (
    podSandboxId,
    { command, name, image = "busybox", labels = {}, rest },
  ) => {
    const number = ++containers;
    const { containerId } = await cri.runtime.createContainer({
      podSandboxId,
      config: {
        metadata: { name: name ?? `container-${number}` },
        image: { image },
        command,
        labels,
        logPath: `container-${number}/0.log`,
        ...rest,
      },
      sandboxConfig: podConfigs.get(podSandboxId) ?? {},
    });
    return containerId;
  };
  return {
    runtime,
    cri,
    async runPod({ name, runtimeHandler = "", ...rest } = {}) {
      const number = ++pods;
      const config: Pod = {
        metadata: { name: name ?? `pod-${number}`, uid: `uid-${number}`, namespace: "default" },
        logDirectory: `${runtime.folder}/logs/pod-${number}`,
        ...rest,
      };
      const { podSandboxId } = await cri.runtime.runPodSandbox({ config, runtimeHandler });
      podConfigs.set(podSandboxId, config);
      return podSandboxId;
    },
    create,
    async start(podSandboxId, config) {
      const containerId = await create(podSandboxId, config);
      await cri.runtime.startContainer({ containerId });
      return containerId;
    },
    async ended(containerId) {
      for (let tries = 0; tries < 1000; tries++) {
        const now = await status(containerId);
        if (now.state === ContainerState.CONTAINER_EXITED) return now;
        await sleep(5);
      }
      throw new Error(`${containerId} has not ended`);
    },
    status,
  };
}

/** All items of a stream. */
export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

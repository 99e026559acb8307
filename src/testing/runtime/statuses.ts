/**
 * Records of the in-process runtime in the form of the interface's messages.
 *
 * @module
 */
import {
  type ContainerSchema,
  ContainerState,
  type ContainerStatusSchema,
  NamespaceMode,
  type PodSandboxSchema,
  PodSandboxState,
  type PodSandboxStatusSchema,
} from "../../cri/index.ts";
import type { MessageInitShape } from "../../cri/serve.ts";
import { signalOfName } from "./signals.ts";
import type { ContainerRecord, SandboxRecord } from "./state.ts";
import type { RuntimeWorld } from "./world.ts";

/** A sandbox in a list. */
export function sandboxItem(sandbox: SandboxRecord): MessageInitShape<typeof PodSandboxSchema> {
  return commonOf(sandbox);
}

function commonOf(sandbox: SandboxRecord) {
  const { config } = sandbox;
  return {
    id: sandbox.id,
    ...(config.metadata ? { metadata: config.metadata } : {}),
    state: sandbox.state,
    createdAt: sandbox.createdAt,
    labels: config.labels,
    annotations: config.annotations,
    runtimeHandler: sandbox.handler,
  };
}

/** The status of a sandbox. Its addresses are gone when it is no longer ready. */
export function sandboxStatus(sandbox: SandboxRecord): MessageInitShape<typeof PodSandboxStatusSchema> {
  const [ip = "", ...more] = sandbox.state === PodSandboxState.SANDBOX_READY ? sandbox.ips : [];
  const options = sandbox.config.linux?.securityContext?.namespaceOptions;
  return {
    ...commonOf(sandbox),
    network: { ip, additionalIps: more.map((address) => ({ ip: address })) },
    linux: { namespaces: options ? { options } : {} },
  };
}

/** Whether a sandbox uses the network of the node. */
export function usesNodeNetwork({ config }: Pick<SandboxRecord, "config">): boolean {
  return config.linux?.securityContext?.namespaceOptions?.network === NamespaceMode.NODE;
}

/** A container in a list. */
export function containerItem(
  { flavor }: RuntimeWorld,
  container: ContainerRecord,
): MessageInitShape<typeof ContainerSchema> {
  const { config, image } = container;
  return {
    id: container.id,
    podSandboxId: container.sandbox.id,
    ...(config.metadata ? { metadata: config.metadata } : {}),
    ...(config.image ? { image: config.image } : {}),
    imageRef: flavor === "containerd" ? image.id : (image.repoDigest ?? image.id),
    imageId: image.id,
    state: container.state,
    createdAt: container.createdAt,
    labels: config.labels,
    annotations: config.annotations,
  };
}

/** The status of a container. */
export function containerStatus(container: ContainerRecord): MessageInitShape<typeof ContainerStatusSchema> {
  const { config, image, linux, windows } = container;
  const context = config.linux?.securityContext;
  const [uid = 0n, gid = uid] = image.user.split(":").map((part) => (/^\d+$/.test(part) ? BigInt(part) : 0n));
  return {
    id: container.id,
    ...(config.metadata ? { metadata: config.metadata } : {}),
    state: container.state,
    createdAt: container.createdAt,
    startedAt: container.startedAt,
    finishedAt: container.finishedAt,
    exitCode: container.exitCode,
    ...(config.image ? { image: config.image } : {}),
    imageRef: image.repoDigest ?? image.id,
    imageId: image.id,
    reason: container.reason,
    message: container.message,
    labels: config.labels,
    annotations: config.annotations,
    mounts: config.mounts,
    logPath: container.logPath,
    resources: windows ? { windows } : { linux: linux ?? {} },
    user: {
      linux: {
        uid: context?.runAsUser?.value ?? uid,
        gid: context?.runAsGroup?.value ?? gid,
        supplementalGroups: context?.supplementalGroups ?? [],
      },
    },
    stopSignal: config.stopSignal || signalOfName(image.stopSignal),
  };
}

/** A state as runtimes write it into their errors, such as `CONTAINER_EXITED`. */
export function stateName(state: ContainerState): string {
  return Object.entries(ContainerState).find(([, value]) => value === state)?.[0] ?? "CONTAINER_UNKNOWN";
}

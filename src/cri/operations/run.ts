/**
 * Running pods, and containers in pods of their own.
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { delay } from "../../core/signal.ts";
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import { CriError, type CriErrorCode } from "../errors.ts";
import {
  type ContainerConfigSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
} from "../gen/runtime/v1/api_pb.ts";
import { iteratePodSandboxes } from "../list-streams.ts";
import { type CleanUpOptions, type Undoing, undoOnError } from "./clean-up.ts";
import { type ContainerImageOptions, ownConfig, provideImages } from "./create-container.ts";
import { ownMessage } from "./own-message.ts";

/** Codes of calls that end without an answer. */
const UNANSWERED: readonly CriErrorCode[] = [
  "ERR_CRI_CANCELLED",
  "ERR_CRI_DEADLINE_EXCEEDED",
  "ERR_CRI_UNAVAILABLE",
];

/** How long a runtime has to show a sandbox that it has made for a call that was given up. */
const SETTLE_MS = 250;

/** Options of {@link runPod}. */
export interface RunPodOptions extends CriCallOptions, CleanUpOptions {
  /** The runtime handler, such as `kata`. Default: the runtime's own choice. */
  handler?: string | undefined;
}

/** Options of {@link runContainer}. `timeoutMs` is for each call but pulls. `pull` is `"always"` by default. */
export interface RunContainerOptions extends RunPodOptions, ContainerImageOptions {}

/** What {@link runContainer} has made. */
export interface RunContainerResult {
  podSandboxId: string;
  containerId: string;
}

/**
 * The id of a pod sandbox that runs.
 *
 * Runtimes may leave a sandbox that is not ready when this fails. With `cleanUpOnError` it is removed: a sandbox that has
 * the metadata of the configuration and was not there before. Sandboxes of one metadata must therefore not be run
 * by two callers at once; a `uid` of one's own sees to that.
 *
 * @throws {CriError} what the call fails with; with `cleanUpErrors` if the clean-up failed too.
 */
export async function runPod(
  cri: Pick<CriConnection, "runtime">,
  config: MessageInitShape<typeof PodSandboxConfigSchema>,
  options: RunPodOptions = {},
): Promise<string> {
  const { handler, cleanUpOnError, cleanUpTimeoutMs, onCleanUpError, ...call } = options;
  const cleanUp = { cleanUpOnError, cleanUpTimeoutMs, onCleanUpError };
  const pod = ownMessage(PodSandboxConfigSchema, config);
  return undoOnError(cleanUp, call, (undoing) =>
    startPod(cri, pod, { handler, cleanUpOnError, call }, undoing),
  );
}

/**
 * The ids of a container that runs, and of the pod sandbox that was run for it.
 *
 * In this order: the sandbox, the images, the container, its start. If one fails, the sandbox and the container stay
 * as they are, unless `cleanUpOnError` says otherwise. For how images are named see `createContainer`.
 *
 * @throws {TypeError} if the configuration of the container names no image, before anything is made.
 * @throws {CriError} what a call fails with; see its `method`; with `cleanUpErrors` if the clean-up failed too.
 */
export async function runContainer(
  cri: Pick<CriConnection, "runtime" | "image">,
  config: MessageInitShape<typeof ContainerConfigSchema>,
  sandboxConfig: MessageInitShape<typeof PodSandboxConfigSchema>,
  options: RunContainerOptions = {},
): Promise<RunContainerResult> {
  const { handler, cleanUpOnError, cleanUpTimeoutMs, onCleanUpError, ...rest } = options;
  const { pull = "always", credentials, pullTimeoutMs, ...call } = rest;
  const prepared = ownConfig(config);
  const pod = ownMessage(PodSandboxConfigSchema, sandboxConfig);
  const cleanUp = { cleanUpOnError, cleanUpTimeoutMs, onCleanUpError };
  return undoOnError(cleanUp, call, async (undoing) => {
    const podSandboxId = await startPod(cri, pod, { handler, cleanUpOnError, call }, undoing);
    await provideImages(cri, prepared, { ...call, pull, credentials, pullTimeoutMs, sandboxConfig: pod });
    const request = { podSandboxId, config: prepared, sandboxConfig: pod };
    const { containerId } = await undoing.make(
      (each) => cri.runtime.createContainer(request, each),
      (made) => {
        undoing.add(
          (each) => cri.runtime.stopContainer({ containerId: made.containerId, timeout: 0n }, each),
          (each) => cri.runtime.removeContainer({ containerId: made.containerId }, each),
        );
      },
    );
    await cri.runtime.startContainer({ containerId }, call);
    return { podSandboxId, containerId };
  });
}

/** How a sandbox is started. */
interface StartPodOptions {
  handler: string | undefined;
  cleanUpOnError: boolean | undefined;
  call: CriCallOptions;
}

async function startPod(
  cri: Pick<CriConnection, "runtime">,
  config: PodSandboxConfig,
  { handler = "", cleanUpOnError = false, call }: StartPodOptions,
  undoing: Undoing,
): Promise<string> {
  const before = cleanUpOnError ? await podsLike(cri, config, call) : [];
  const known = new Set(before);
  let made: string | undefined;
  const remove = async (id: string, each: CriCallOptions) => {
    try {
      await cri.runtime.stopPodSandbox({ podSandboxId: id }, each);
    } finally {
      await cri.runtime.removePodSandbox({ podSandboxId: id }, each);
    }
  };
  const findNew = async (each: CriCallOptions) =>
    (await podsLike(cri, config, each)).filter((id) => !known.has(id));
  undoing.add(async (each, error) => {
    let left = made === undefined ? await findNew(each) : [made];
    if (left.length === 0 && isUnanswered(error)) {
      await delay(SETTLE_MS);
      left = await findNew(each);
    }
    for (const id of left) await remove(id, each);
  });
  const { podSandboxId } = await undoing.make(
    (each) => cri.runtime.runPodSandbox({ config, runtimeHandler: handler }, each),
    (answer) => {
      made = answer.podSandboxId;
    },
  );
  return podSandboxId;
}

/** Whether the runtime may still be at work on a call that ended so. */
function isUnanswered(error: unknown): boolean {
  return !(error instanceof CriError) || UNANSWERED.includes(error.code);
}

/** The ids of the sandboxes with the same metadata, which at most one can have that runs. */
async function podsLike(
  cri: Pick<CriConnection, "runtime">,
  { metadata }: PodSandboxConfig,
  call: CriCallOptions,
): Promise<string[]> {
  if (!metadata || metadata.name === "") return [];
  const ids: string[] = [];
  for await (const pod of iteratePodSandboxes(cri, {}, call)) {
    const same =
      pod.metadata?.name === metadata.name &&
      pod.metadata.namespace === metadata.namespace &&
      pod.metadata.uid === metadata.uid &&
      pod.metadata.attempt === metadata.attempt;
    if (same) ids.push(pod.id);
  }
  return ids;
}

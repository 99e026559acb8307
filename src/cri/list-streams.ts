/**
 * Long lists, item by item.
 *
 * A list in one answer fails once it is larger than a message may be. Runtimes since CRI 0.36 send lists in batches
 * too; these functions ask for batches, and for the list in one answer from a runtime that does not have them.
 *
 * @see {@link https://github.com/kubernetes/enhancements/issues/5825}
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { joinSignals } from "../core/signal.ts";
import type { CriCallOptions } from "./call.ts";
import type { CriConnection } from "./connect.ts";
import { CriError } from "./errors.ts";
import type {
  Container,
  ContainerFilterSchema,
  ContainerStats,
  ContainerStatsFilterSchema,
  Image,
  ImageFilterSchema,
  PodSandbox,
  PodSandboxFilterSchema,
  PodSandboxMetrics,
  PodSandboxStats,
  PodSandboxStatsFilterSchema,
} from "./gen/runtime/v1/api_pb.ts";

/** Which sandboxes {@link iteratePodSandboxes} gives. */
export interface IteratePodSandboxesRequest {
  filter?: MessageInitShape<typeof PodSandboxFilterSchema>;
}

/** Which containers {@link iterateContainers} gives. */
export interface IterateContainersRequest {
  filter?: MessageInitShape<typeof ContainerFilterSchema>;
}

/** Which containers {@link iterateContainerStats} measures. */
export interface IterateContainerStatsRequest {
  filter?: MessageInitShape<typeof ContainerStatsFilterSchema>;
}

/** Which sandboxes {@link iteratePodSandboxStats} measures. */
export interface IteratePodSandboxStatsRequest {
  filter?: MessageInitShape<typeof PodSandboxStatsFilterSchema>;
}

/** Which images {@link iterateImages} gives. */
export interface IterateImagesRequest {
  filter?: MessageInitShape<typeof ImageFilterSchema>;
}

/**
 * The sandboxes that pass the filter.
 *
 * Lazy and single-use; leaving early cancels the call. `timeoutMs` is over the whole list. A list that fails half-way
 * is not complete: what came before the error says nothing of what is there, so drop it.
 * A runtime without StreamPodSandboxes is asked for ListPodSandbox, and this connection asks its service for no
 * batches of any kind again.
 *
 * @throws {CriError} with the code of the failed call, at the item where it fails.
 */
export function iteratePodSandboxes(
  cri: Pick<CriConnection, "runtime">,
  request: IteratePodSandboxesRequest = {},
  options: CriCallOptions = {},
): AsyncIterableIterator<PodSandbox, void> {
  const { runtime } = cri;
  return iterateItems(runtime, options, {
    batches: runtime.streamPodSandboxes(request, options),
    itemsOfBatch: ({ podSandboxes }) => podSandboxes,
    list: async (rest) => (await runtime.listPodSandbox(request, rest)).items,
  });
}

/** The containers that pass the filter, running or not; otherwise as {@link iteratePodSandboxes}. */
export function iterateContainers(
  cri: Pick<CriConnection, "runtime">,
  request: IterateContainersRequest = {},
  options: CriCallOptions = {},
): AsyncIterableIterator<Container, void> {
  const { runtime } = cri;
  return iterateItems(runtime, options, {
    batches: runtime.streamContainers(request, options),
    itemsOfBatch: ({ containers }) => containers,
    list: async (rest) => (await runtime.listContainers(request, rest)).containers,
  });
}

/** What the running containers that pass the filter use; otherwise as {@link iteratePodSandboxes}. */
export function iterateContainerStats(
  cri: Pick<CriConnection, "runtime">,
  request: IterateContainerStatsRequest = {},
  options: CriCallOptions = {},
): AsyncIterableIterator<ContainerStats, void> {
  const { runtime } = cri;
  return iterateItems(runtime, options, {
    batches: runtime.streamContainerStats(request, options),
    itemsOfBatch: ({ containerStats }) => containerStats,
    list: async (rest) => (await runtime.listContainerStats(request, rest)).stats,
  });
}

/** What the sandboxes that pass the filter use; otherwise as {@link iteratePodSandboxes}. */
export function iteratePodSandboxStats(
  cri: Pick<CriConnection, "runtime">,
  request: IteratePodSandboxStatsRequest = {},
  options: CriCallOptions = {},
): AsyncIterableIterator<PodSandboxStats, void> {
  const { runtime } = cri;
  return iterateItems(runtime, options, {
    batches: runtime.streamPodSandboxStats(request, options),
    itemsOfBatch: ({ podSandboxStats }) => podSandboxStats,
    list: async (rest) => (await runtime.listPodSandboxStats(request, rest)).stats,
  });
}

/** The metrics of every sandbox; otherwise as {@link iteratePodSandboxes}. */
export function iteratePodSandboxMetrics(
  cri: Pick<CriConnection, "runtime">,
  options: CriCallOptions = {},
): AsyncIterableIterator<PodSandboxMetrics, void> {
  const { runtime } = cri;
  return iterateItems(runtime, options, {
    batches: runtime.streamPodSandboxMetrics({}, options),
    itemsOfBatch: ({ podSandboxMetrics }) => podSandboxMetrics,
    list: async (rest) => (await runtime.listPodSandboxMetrics({}, rest)).podMetrics,
  });
}

/** The images that pass the filter; otherwise as {@link iteratePodSandboxes}. */
export function iterateImages(
  cri: Pick<CriConnection, "image">,
  request: IterateImagesRequest = {},
  options: CriCallOptions = {},
): AsyncIterableIterator<Image, void> {
  const { image } = cri;
  return iterateItems(image, options, {
    batches: image.streamImages(request, options),
    itemsOfBatch: ({ images }) => images,
    list: async (rest) => (await image.listImages(request, rest)).images,
  });
}

/** A list in both of its forms. */
interface ListForms<B, I> {
  /** The call for batches, which begins with its first `next()`. */
  batches: AsyncIterableIterator<B, void>;
  itemsOfBatch: (batch: B) => readonly I[];
  list: (options: CriCallOptions) => Promise<readonly I[]>;
}

/** The functions of services that do not know the RPCs for batches. */
const withoutBatches = new WeakSet<object>();

function iterateItems<B, I>(
  service: object,
  options: CriCallOptions,
  forms: ListForms<B, I>,
): AsyncIterableIterator<I, void> {
  const left = new AbortController();
  const items = readItems(service, options, forms, left.signal);
  return {
    next: () => items.next(),
    return: async () => {
      left.abort();
      await forms.batches.return?.();
      return items.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* readItems<B, I>(
  service: object,
  options: CriCallOptions,
  { batches, itemsOfBatch, list }: ListForms<B, I>,
  left: AbortSignal,
): AsyncGenerator<I, void> {
  const started = Date.now();
  if (!withoutBatches.has(service)) {
    let received = false;
    try {
      for await (const batch of batches) {
        received = true;
        yield* itemsOfBatch(batch);
      }
      return;
    } catch (error) {
      if (received || !lacksBatches(error)) throw error;
      // A text may speak of this list alone; the status speaks for the service.
      if (error.status?.name === "UNIMPLEMENTED") withoutBatches.add(service);
    }
  }
  yield* await listAll(list, remaining(options, started), left);
}

async function listAll<I>(
  list: (options: CriCallOptions) => Promise<readonly I[]>,
  options: CriCallOptions,
  left: AbortSignal,
): Promise<readonly I[]> {
  try {
    return await list({ ...options, signal: joinSignals(options.signal, left) });
  } catch (error) {
    if (left.aborted && error === left.reason) return [];
    throw error;
  }
}

function lacksBatches(error: unknown): error is CriError {
  return error instanceof CriError && error.code === "ERR_CRI_UNIMPLEMENTED";
}

/** The options with what is left of their time. */
function remaining(options: CriCallOptions, started: number): CriCallOptions {
  if (options.timeoutMs === undefined) return options;
  return { ...options, timeoutMs: Math.max(1, options.timeoutMs - (Date.now() - started)) };
}

/**
 * The containers that a query asks for, as `crictl ps` lists them.
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import {
  type Container,
  type ContainerFilterSchema,
  ContainerState,
  type Image,
} from "../gen/runtime/v1/api_pb.ts";
import { iterateContainers } from "../list-streams.ts";
import { namesOfImage, namesUsedBy } from "./image-use.ts";
import {
  assertLast,
  hasLabels,
  type NamePattern,
  type NewestQuery,
  nameTest,
  newest,
  stateOf,
} from "./query.ts";

/** Which containers are wanted: those that fit every part that is set. */
export interface ContainerQuery extends NewestQuery {
  /** The id or its beginning. */
  id?: string | undefined;
  /** Fits the name in the metadata. */
  name?: NamePattern | undefined;
  /** Fits the namespace of the pod, by the label that the kubelet gives; without that label it is empty. */
  namespace?: NamePattern | undefined;
  /** The id of the pod sandbox or its beginning. */
  pod?: string | undefined;
  /** A tag, digest or id of the image. */
  image?: string | undefined;
  /** Only containers in this state. */
  state?: "created" | "running" | "exited" | "unknown" | undefined;
  /** Labels that must be there, with these values. */
  labels?: Readonly<Record<string, string>> | undefined;
  /** Also containers that do not run. So do `state`, `latest` and `last`. Default false. */
  all?: boolean | undefined;
}

const STATES = {
  created: ContainerState.CONTAINER_CREATED,
  running: ContainerState.CONTAINER_RUNNING,
  exited: ContainerState.CONTAINER_EXITED,
  unknown: ContainerState.CONTAINER_UNKNOWN,
};

const POD_NAME = "io.kubernetes.pod.name";
const POD_NAMESPACE = "io.kubernetes.pod.namespace";

/**
 * The containers that a query asks for, the newest first.
 *
 * The runtime is asked by id, pod, state and labels, in batches where it can, so that long lists work. With
 * `image`, the image service is asked once for the wanted image, and once for each other name of an image in the
 * list that does not tell by itself which image it is. An `image` that is not there fits the containers that
 * name it so.
 *
 * @throws {CriError} `ERR_CRI_QUERY_INVALID` for a pattern or a state that is none, before anything is asked.
 */
export async function listContainers(
  cri: Pick<CriConnection, "runtime" | "image">,
  query: ContainerQuery = {},
  options: CriCallOptions = {},
): Promise<Container[]> {
  const fits = containerTest(query);
  assertLast(query.last);
  const containers: Container[] = [];
  for await (const container of iterateContainers(cri, { filter: filterOf(query) }, options)) {
    if (fits(container)) containers.push(container);
  }
  const { image = "" } = query;
  return newest(image === "" ? containers : await ofImage(cri, containers, image, options), query);
}

/**
 * The same query over containers that are there already.
 *
 * `image` fits the id, reference or name of an image as it stands in the container; no runtime is asked.
 */
export function filterContainers(containers: readonly Container[], query: ContainerQuery): Container[] {
  const { image = "" } = query;
  const fits = containerTest(query);
  const isOfImage = (container: Container) => image === "" || namesUsedBy(container).includes(image);
  return newest(
    containers.filter((container) => fits(container) && isOfImage(container)),
    query,
  );
}

/** Name of a container's pod, by the label that the kubelet gives; undefined without it. */
export function podNameOf({ labels }: Pick<Container, "labels">): string | undefined {
  return Object.hasOwn(labels, POD_NAME) ? labels[POD_NAME] : undefined;
}

/** Namespace of a container's pod, by the label that the kubelet gives; undefined without it. */
export function podNamespaceOf({ labels }: Pick<Container, "labels">): string | undefined {
  return Object.hasOwn(labels, POD_NAMESPACE) ? labels[POD_NAMESPACE] : undefined;
}

function containerTest(query: ContainerQuery): (container: Container) => boolean {
  const { id = "", name, namespace, pod = "", labels } = query;
  const nameFits = nameTest(name);
  const namespaceFits = nameTest(namespace);
  const state = wantedState(query);
  return (container) =>
    container.id.startsWith(id) &&
    container.podSandboxId.startsWith(pod) &&
    (state === undefined || container.state === state) &&
    hasLabels(container.labels, labels) &&
    nameFits(container.metadata?.name ?? "") &&
    namespaceFits(podNamespaceOf(container) ?? "");
}

/** Running ones, unless the query says otherwise. */
function wantedState({
  state,
  all = false,
  latest = false,
  last = 0,
}: ContainerQuery): ContainerState | undefined {
  const wanted = stateOf(state, STATES);
  if (wanted !== undefined || all || latest || last > 0) return wanted;
  return ContainerState.CONTAINER_RUNNING;
}

function filterOf(query: ContainerQuery): MessageInitShape<typeof ContainerFilterSchema> {
  const { id = "", pod = "", labels = {} } = query;
  const state = wantedState(query);
  const stateValue = state === undefined ? {} : { state: { state } };
  return { id, podSandboxId: pod, ...stateValue, labelSelector: { ...labels } };
}

async function ofImage(
  cri: Pick<CriConnection, "image">,
  containers: readonly Container[],
  name: string,
  options: CriCallOptions,
): Promise<Container[]> {
  const wanted = await statusOf(cri, name, options);
  const names = new Set([name, ...(wanted ? namesOfImage(wanted) : [])]);
  // By the name in the container: the id of the image that it means now.
  const ids = new Map<string, string | undefined>();
  const kept: Container[] = [];
  for (const container of containers) {
    const used = container.image?.image ?? "";
    if (namesUsedBy(container).some((each) => names.has(each))) kept.push(container);
    else if (wanted && container.imageId === "" && used !== "") {
      if (!ids.has(used)) ids.set(used, (await statusOf(cri, used, options))?.id);
      if (ids.get(used) === wanted.id) kept.push(container);
    }
  }
  return kept;
}

async function statusOf(
  cri: Pick<CriConnection, "image">,
  name: string,
  options: CriCallOptions,
): Promise<Image | undefined> {
  return (await cri.image.imageStatus({ image: { image: name } }, options)).image;
}

/**
 * The pod sandboxes that a query asks for, as `crictl pods` lists them.
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import { type PodSandbox, type PodSandboxFilterSchema, PodSandboxState } from "../gen/runtime/v1/api_pb.ts";
import { iteratePodSandboxes } from "../list-streams.ts";
import {
  assertLast,
  hasLabels,
  type NamePattern,
  type NewestQuery,
  nameTest,
  newest,
  stateOf,
} from "./query.ts";

/** Which pod sandboxes are wanted: those that fit every part that is set. */
export interface PodQuery extends NewestQuery {
  /** The id or its beginning. */
  id?: string | undefined;
  /** Fits the name in the metadata. */
  name?: NamePattern | undefined;
  /** Fits the namespace in the metadata. */
  namespace?: NamePattern | undefined;
  state?: "ready" | "notready" | undefined;
  /** Labels that must be there, with these values. */
  labels?: Readonly<Record<string, string>> | undefined;
}

const STATES = { ready: PodSandboxState.SANDBOX_READY, notready: PodSandboxState.SANDBOX_NOTREADY };

/**
 * The pod sandboxes that a query asks for, the newest first.
 *
 * The runtime is asked by id, state and labels, in batches where it can, so that long lists work.
 *
 * @throws {CriError} `ERR_CRI_QUERY_INVALID` for a pattern or a state that is none, before anything is asked.
 */
export async function listPods(
  cri: Pick<CriConnection, "runtime">,
  query: PodQuery = {},
  options: CriCallOptions = {},
): Promise<PodSandbox[]> {
  const fits = podTest(query);
  assertLast(query.last);
  const pods: PodSandbox[] = [];
  for await (const pod of iteratePodSandboxes(cri, { filter: filterOf(query) }, options)) {
    if (fits(pod)) pods.push(pod);
  }
  return newest(pods, query);
}

/** The same query over pod sandboxes that are there already. */
export function filterPods(pods: readonly PodSandbox[], query: PodQuery): PodSandbox[] {
  return newest(pods.filter(podTest(query)), query);
}

function podTest({ id = "", name, namespace, state, labels }: PodQuery): (pod: PodSandbox) => boolean {
  const nameFits = nameTest(name);
  const namespaceFits = nameTest(namespace);
  const wanted = stateOf(state, STATES);
  return (pod) =>
    pod.id.startsWith(id) &&
    (wanted === undefined || pod.state === wanted) &&
    hasLabels(pod.labels, labels) &&
    nameFits(pod.metadata?.name ?? "") &&
    namespaceFits(pod.metadata?.namespace ?? "");
}

function filterOf({
  id = "",
  state,
  labels = {},
}: PodQuery): MessageInitShape<typeof PodSandboxFilterSchema> {
  const wanted = stateOf(state, STATES);
  const stateValue = wanted === undefined ? {} : { state: { state: wanted } };
  return { id, ...stateValue, labelSelector: { ...labels } };
}

/**
 * Filters of lists, and lists in parts.
 *
 * @module
 */
import type {
  ContainerFilter,
  ContainerStatsFilter,
  PodSandboxFilter,
  PodSandboxStatsFilter,
} from "../../cri/index.ts";
import { type ContainerRecord, findById, type RuntimeState, type SandboxRecord } from "./state.ts";

/** The sandboxes that a filter leaves, the newest first. An id that leads to none leaves none. */
export function filterSandboxes(
  state: RuntimeState,
  filter: PodSandboxFilter | PodSandboxStatsFilter | undefined,
): SandboxRecord[] {
  const wanted = filter && "state" in filter ? filter.state?.state : undefined;
  return idsOf(state.sandboxes, filter?.id)
    .filter((sandbox) => wanted === undefined || sandbox.state === wanted)
    .filter(({ config }) => hasLabels(config.labels, filter?.labelSelector))
    .reverse();
}

/** The containers that a filter leaves, the newest first. */
export function filterContainers(
  state: RuntimeState,
  filter: ContainerFilter | ContainerStatsFilter | undefined,
): ContainerRecord[] {
  const wanted = filter && "state" in filter ? filter.state?.state : undefined;
  const sandboxes = new Set(idsOf(state.sandboxes, filter?.podSandboxId));
  return idsOf(state.containers, filter?.id)
    .filter((container) => wanted === undefined || container.state === wanted)
    .filter(({ sandbox }) => !filter?.podSandboxId || sandboxes.has(sandbox))
    .filter(({ config }) => hasLabels(config.labels, filter?.labelSelector))
    .reverse();
}

function idsOf<T>(records: ReadonlyMap<string, T>, id: string | undefined): T[] {
  if (!id) return [...records.values()];
  const found = findById(records, id);
  return found.kind === "found" ? [found.record] : [];
}

function hasLabels(
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>> = {},
): boolean {
  return Object.entries(selector).every(
    ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
  );
}

/** A list in parts of some length; one empty part for an empty list. */
export function* inBatches<T>(items: readonly T[], length: number): Generator<T[], void> {
  for (let at = 0; at < Math.max(items.length, 1); at += length) yield items.slice(at, at + length);
}

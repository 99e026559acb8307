/**
 * Whether a profile confines at all.
 *
 * @module
 */
import type { LinuxSeccomp } from "./types.ts";

/** What a profile amounts to; see {@link confinementOf}. */
export type Confinement =
  /** There is no filter: every call goes through. */
  | "unconfined"
  /** There is a filter, and all it does with calls of its architectures is let them through, or log and let through. */
  | "stops-nothing"
  /** At least one rule or the default stops or hands over a call, or no runtime loads the filter. */
  | "filtered";

/**
 * Whether a container that is started with a profile is confined by it.
 *
 * `null`, and an object that has neither default action nor rules, are no filter: runc starts the container without
 * one, and Docker and CRI-O do not hand one on. Architectures, listeners and flags of such an object count for nothing.
 *
 * That it is `"filtered"` says nothing about how well.
 */
export function confinementOf(spec: Pick<LinuxSeccomp, "defaultAction" | "syscalls"> | null): Confinement {
  if (spec === null) return "unconfined";
  const { defaultAction, syscalls = [] } = spec;
  if (defaultAction === "" && syscalls.length === 0) return "unconfined";
  const stops = ({ names, action }: { names: string[] | null; action: string }): boolean =>
    names !== null && names.length > 0 && !letsThrough(action);
  return letsThrough(defaultAction) && !syscalls.some(stops) ? "stops-nothing" : "filtered";
}

/** Whether a call with this action is carried out as if there were no filter. */
export function letsThrough(action: string): boolean {
  return action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG";
}

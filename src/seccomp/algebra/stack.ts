/**
 * What several filters of one process do together.
 *
 * @see {@link https://www.kernel.org/doc/html/v6.12/userspace-api/seccomp_filter.html#return-values}
 * @module
 */
import { returnValue } from "../actions.ts";
import {
  type EvaluateSyscallOptions,
  evaluateSyscall,
  type SyscallDecision,
  type SyscallInvocation,
} from "../evaluate.ts";
import type { LinuxSeccomp } from "../types.ts";
import { type DecidedAction, strictness } from "./decisions.ts";

/** What happens with a call under several filters. */
export interface StackedDecision extends DecidedAction {
  /** Index of the filter that decides. */
  layer: number;
  /** What each filter says, in the order given. */
  layers: SyscallDecision[];
}

/**
 * What happens with a call in a process that has installed several filters, oldest first: the kernel asks all of
 * them, and the strictest action wins; of equal ones that of the newest, with its errno.
 *
 * Whether the process may install a filter under the earlier ones is not looked at. Errors are those of
 * `evaluateSyscall`.
 *
 * @throws {RangeError} For an empty list: `[null]` is a process without a filter.
 */
export function evaluateStack(
  profiles: readonly (LinuxSeccomp | null)[],
  call: SyscallInvocation,
  options: EvaluateSyscallOptions = {},
): StackedDecision {
  const layers = profiles.map((profile) => evaluateSyscall(profile, call, options));
  let best: { decision: SyscallDecision; layer: number } | undefined;
  for (const [layer, decision] of layers.entries()) {
    // No filter says nothing, so that it does not decide among equals.
    if (decision.kind === "no-filter" && best) continue;
    const isFirst = !best || best.decision.kind === "no-filter";
    if (isFirst || (best && rankOf(decision) <= rankOf(best.decision))) best = { decision, layer };
  }
  if (!best) throw new RangeError("there is no filter: give [null] for a process without one");
  const { action, errno } = best.decision;
  return { action, ...(errno === undefined ? {} : { errno }), layer: best.layer, layers };
}

function rankOf({ action, errno }: SyscallDecision): number {
  return strictness(returnValue(action, errno));
}

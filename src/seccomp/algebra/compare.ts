/**
 * Compares profiles by what they decide, not by their text.
 *
 * @module
 */
import { seccompArch } from "../arch.ts";
import type { SeccompFilterOptions } from "../filter.ts";
import { syscallNumbers } from "../syscalls.ts";
import type { LinuxSeccompArg } from "../types.ts";
import {
  type BuiltLayers,
  buildLayers,
  type DecidedAction,
  decided,
  decisionOf,
  type NumberRange,
  numberRanges,
  otherArches,
  type ProfileLayers,
  strictness,
} from "./decisions.ts";
import { answerOf, createDiagramTable, type Diagram, type DiagramTable, findArguments } from "./diagram.ts";
import { regionsOf } from "./regions.ts";

/** Options of {@link diffProfiles} and {@link isSubset}: the node, and the runtime that loads both sides. */
export type CompareProfilesOptions = SeccompFilterOptions;

/** A call that two profiles decide differently. */
export interface SyscallExample {
  /** libseccomp's name of the architecture. */
  arch: string;
  /** Number that the kernel sees, unsigned. */
  nr: number;
  /** Name of the number, where it has one. */
  name?: string;
  /** Six arguments. */
  args: bigint[];
}

/** Arguments for which two profiles differ in one way. */
export interface DifferentRegion {
  /** All must hold; none means whatever the arguments are. Regions do not overlap. */
  conditions: readonly LinuxSeccompArg[];
  before: DecidedAction;
  after: DecidedAction;
  /** What happens to the call: less, more, or the same with another errno. */
  change: "stricter" | "looser" | "errno";
}

/** Calls of one architecture that two profiles decide differently in the same way. */
export interface SyscallDifference {
  /** libseccomp's name of the architecture. */
  arch: string;
  /** Names, in the order of their numbers. */
  names: string[];
  /** All numbers, also those without a name, in ascending order. */
  numbers: { from: number; to: number }[];
  regions: DifferentRegion[];
}

/** How the decisions of two profiles differ. */
export interface ProfileDiff {
  /** One entry for each way to differ; empty where the profiles decide alike. */
  differences: SyscallDifference[];
  /** Where only one side is a filter at all: what happens on every architecture that it does not cover. */
  elsewhere?: { before: DecidedAction; after: DecidedAction };
}

/** Whether one profile is within another. */
export type SubsetVerdict =
  | { kind: "subset" }
  | {
      kind: "not-subset";
      /** A call for which the first is looser. */
      counterexample: SyscallExample & { inner: DecidedAction; outer: DecidedAction };
    };

const NO_FILTER: DecidedAction = { action: "SCMP_ACT_ALLOW" };
const KILL: DecidedAction = { action: "SCMP_ACT_KILL_THREAD" };

/**
 * What changes from one profile to another: for every architecture, number and argument, exactly.
 *
 * Each side is a `linux.seccomp` object, `null` for no filter, or a list of those, which is what a process has
 * that installs several filters. Decisions are those of `evaluateSyscall`, with its caveats. Flags and the
 * listener are not compared.
 *
 * @throws {SeccompError} `ERR_SECCOMP_FILTER_INVALID`, `ERR_SECCOMP_RULE_CONFLICT` for a profile that no runtime
 *   loads.
 * @throws {SeccompError} `ERR_SECCOMP_UNSUPPORTED` for an architecture without a table of calls, and for
 *   conditions whose combinations are too many: more than 4096 regions for one call.
 */
export function diffProfiles(
  before: ProfileLayers,
  after: ProfileLayers,
  options: CompareProfilesOptions,
): ProfileDiff {
  const [a, b] = [buildLayers(before, options), buildLayers(after, options)];
  const table = createDiagramTable();
  const pairs: (readonly [number, number])[] = [];
  const pairIds = new Map<string, number>();
  /** The number of a pair of answers; -1 where they are equal. */
  const pairOf = (x: number, y: number): number => {
    if (x === y) return -1;
    const key = `${x} ${y}`;
    let id = pairIds.get(key);
    if (id === undefined) {
      id = pairs.push([x, y]) - 1;
      pairIds.set(key, id);
    }
    return id;
  };

  const found = new Map<string, { difference: SyscallDifference; pair: Diagram }>();
  for (const range of numberRanges([...a, ...b], options.native)) {
    const [x, y] = decisionsIn(range, a, b, table);
    const pair = table.merge(x, y, pairOf);
    if (pair.kind === "end" && pair.value === -1) continue;
    const key = `${range.arch} ${pair.id}`;
    let entry = found.get(key);
    if (!entry) {
      const { arch } = range;
      const regions = regionsOf(table, pair, { bits: seccompArch(arch).bits, form: "regions" }).flatMap(
        ({ conditions, value }) => {
          const values = pairs[value];
          return values ? [differentRegion(conditions, values)] : [];
        },
      );
      entry = { pair, difference: { arch, names: [], numbers: [], regions } };
      found.set(key, entry);
    }
    addNumbers(entry.difference, range);
  }
  const differences = [...found.values()].map(({ difference }) => difference);
  if ((a.length === 0) === (b.length === 0)) return { differences };
  const elsewhere = a.length === 0 ? { before: NO_FILTER, after: KILL } : { before: KILL, after: NO_FILTER };
  return { differences, elsewhere };
}

/**
 * Whether a profile is nowhere looser than another: for each architecture, number and argument, its action is
 * the same or stricter, in the order of the kernel. From strict to loose: KILL_PROCESS, KILL_THREAD, TRAP, ERRNO,
 * NOTIFY, TRACE, LOG, ALLOW. Which errno is given does not matter.
 *
 * Exact: where it is not so, there is a call that shows it. Sides, decisions and errors are those of
 * {@link diffProfiles}.
 */
export function isSubset(
  inner: ProfileLayers,
  outer: ProfileLayers,
  options: CompareProfilesOptions,
): SubsetVerdict {
  const [a, b] = [buildLayers(inner, options), buildLayers(outer, options)];
  const table = createDiagramTable();
  const isLooser = (x: number, y: number): boolean => strictness(x) > strictness(y);
  let unnamed: SubsetVerdict | undefined;
  for (const range of numberRanges([...a, ...b], options.native)) {
    const [x, y] = decisionsIn(range, a, b, table);
    if (x === y) continue;
    const args = findArguments(x, y, isLooser);
    if (!args) continue;
    const example = exampleIn(range, args);
    const [innerValue, outerValue] = [answerOf(x, args), answerOf(y, args)];
    const counterexample = { ...example, inner: decided(innerValue), outer: decided(outerValue) };
    // A call that people know by name says more than a number that nobody uses.
    if (example.name !== undefined) return { kind: "not-subset", counterexample };
    unnamed ??= { kind: "not-subset", counterexample };
  }
  if (unnamed) return unnamed;
  const [arch] = a.length === 0 && b.length > 0 ? otherArches(b, options.native) : [];
  if (arch === undefined) return { kind: "subset" };
  const example = exampleIn({ arch, from: 0, to: 0 }, [0n, 0n, 0n, 0n, 0n, 0n]);
  return { kind: "not-subset", counterexample: { ...example, inner: NO_FILTER, outer: KILL } };
}

function decisionsIn(
  { arch, from }: NumberRange,
  a: BuiltLayers,
  b: BuiltLayers,
  table: DiagramTable,
): [Diagram, Diagram] {
  return [decisionOf(table, a, arch, from), decisionOf(table, b, arch, from)];
}

function differentRegion(
  conditions: readonly LinuxSeccompArg[],
  [before, after]: readonly [number, number],
): DifferentRegion {
  const [was, is] = [strictness(before), strictness(after)];
  const change = is < was ? "stricter" : is > was ? "looser" : "errno";
  return { conditions, before: decided(before), after: decided(after), change };
}

function addNumbers({ names, numbers, arch }: SyscallDifference, { from, to }: NumberRange): void {
  const last = numbers.at(-1);
  if (last && last.to === from - 1) last.to = to;
  else numbers.push({ from, to });
  names.push(...syscallNames(arch, from, to));
}

function syscallNames(arch: string, from: number, to: number): string[] {
  return syscallNumbers(seccompArch(arch))
    .filter(([number]) => number >= from && number <= to)
    .map(([, name]) => name);
}

function exampleIn({ arch, from, to }: NumberRange, args: bigint[]): SyscallExample {
  const named = syscallNumbers(seccompArch(arch)).find(([number]) => number >= from && number <= to);
  return named ? { arch, nr: named[0], name: named[1], args } : { arch, nr: from, args };
}

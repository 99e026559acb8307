/**
 * What profiles decide for every architecture, number and argument, side by side.
 *
 * @module
 */
import { actionOf, BAD_ARCH, ENOSYS_STUB, returnValue, type SeccompAction } from "../actions.ts";
import { SECCOMP_ARCHES, seccompArch } from "../arch.ts";
import { evaluateIn } from "../evaluate.ts";
import { type BuiltFilter, buildFilter, checkRules, type SeccompFilterOptions } from "../filter.ts";
import type { CallTree, Leaf, Level } from "../filter-tree.ts";
import { X32_BIT } from "../syscalls.ts";
import type { LinuxSeccomp } from "../types.ts";
import { aboveDiagram, type Diagram, type DiagramTable, equalityDiagram } from "./diagram.ts";

/**
 * The filters of one process: one `linux.seccomp` object, or several in the order in which they are installed.
 * `null` is no filter.
 */
export type ProfileLayers = LinuxSeccomp | null | readonly (LinuxSeccomp | null)[];

/** What becomes of a call. */
export interface DecidedAction {
  action: SeccompAction;
  /** For `SCMP_ACT_ERRNO` and `SCMP_ACT_TRACE`. */
  errno?: number;
}

/** Filters as they are loaded, oldest first. */
export type BuiltLayers = readonly BuiltFilter[];

/** Numbers of one architecture that no compared profile tells apart. */
export interface NumberRange {
  /** libseccomp's name: `x32` for the numbers with bit 30 of the architecture that the kernel calls x86_64. */
  arch: string;
  from: number;
  to: number;
}

const ALLOW = returnValue("SCMP_ACT_ALLOW", undefined);
const MINUS_ONE = 0xffff_ffff;

/**
 * Builds the filters of layers; those that are no filter are left out.
 *
 * @throws {SeccompError} `ERR_SECCOMP_FILTER_INVALID`, `ERR_SECCOMP_RULE_CONFLICT` for a profile that no runtime
 *   loads.
 */
export function buildLayers(layers: ProfileLayers, options: SeccompFilterOptions): BuiltFilter[] {
  const list: readonly (LinuxSeccomp | null)[] = isList(layers) ? layers : [layers];
  return list.flatMap((spec) => {
    if (spec === null || isNoFilter(spec, options)) return [];
    const filter = buildFilter(spec, options);
    checkRules(filter);
    return [filter];
  });
}

function isList(layers: ProfileLayers): layers is readonly (LinuxSeccomp | null)[] {
  return Array.isArray(layers);
}

/** runc alone takes an object without default action and rules for "no filter". */
export function isNoFilter(spec: LinuxSeccomp, { runtime }: SeccompFilterOptions): boolean {
  return runtime === "runc" && spec.defaultAction === "" && (spec.syscalls ?? []).length === 0;
}

/**
 * Cuts the numbers of every architecture that a filter covers into ranges within which each filter decides
 * alike. The native architecture comes first. On all other architectures every filter kills.
 */
export function numberRanges(filters: readonly BuiltFilter[], native: string): NumberRange[] {
  const arches = new Set([auditArch(seccompArch(native).name)]);
  for (const filter of filters) for (const name of filter.arches.keys()) arches.add(auditArch(name));
  return [...arches].flatMap((arch) => rangesOf(filters, arch));
}

/** The kernel has one architecture for x86_64 and x32. */
function auditArch(name: string): string {
  return name === "x32" ? "x86_64" : name;
}

function rangesOf(filters: readonly BuiltFilter[], arch: string): NumberRange[] {
  const names = arch === "x86_64" ? ["x86_64", "x32"] : [arch];
  // 0 stands alone because of runc's answer on s390, -1 because it belongs to no architecture.
  const starts = new Set([0, 1, MINUS_ONE]);
  if (arch === "x86_64") starts.add(X32_BIT);
  for (const { calls, lastNumbers } of filters) {
    for (const name of names) {
      for (const number of calls.get(name)?.keys() ?? []) starts.add(number).add(number + 1);
      const last = lastNumbers.get(name);
      if (last !== undefined) starts.add(last + 1);
    }
  }
  const sorted = [...starts].filter((start) => start <= MINUS_ONE).sort((a, b) => a - b);
  return sorted.map((from, at) => ({
    arch: arch === "x86_64" && from >= X32_BIT && from < MINUS_ONE ? "x32" : arch,
    from,
    to: (sorted[at + 1] ?? MINUS_ONE + 1) - 1,
  }));
}

/** The decision of layers for one number, over all arguments, as return values of filters. */
export function decisionOf(table: DiagramTable, layers: BuiltLayers, arch: string, nr: number): Diagram {
  let decision: Diagram | undefined;
  for (const filter of layers) {
    const own = filterDecision(table, filter, arch, nr);
    decision = decision ? table.merge(decision, own, strictestNewest) : own;
  }
  return decision ?? table.end(ALLOW);
}

function filterDecision(table: DiagramTable, filter: BuiltFilter, arch: string, nr: number): Diagram {
  const { kind } = evaluateIn(filter, { arch, nr });
  if (kind === "bad-architecture") return table.end(BAD_ARCH);
  if (kind === "enosys-stub") return table.end(ENOSYS_STUB);
  const otherwise = table.end(filter.defaultValue);
  const rules = filter.calls.get(arch)?.get(nr);
  return rules ? treeDiagram(table, rules.tree, otherwise, ({ value }) => value) : otherwise;
}

/** Which entry decides a number that a filter covers, over all arguments: its index, or -1 for the default action. */
export function ruleDecision(table: DiagramTable, filter: BuiltFilter, arch: string, nr: number): Diagram {
  const otherwise = table.end(-1);
  const tree = filter.calls.get(arch)?.get(nr)?.tree;
  return treeDiagram(table, tree, otherwise, ({ rule }) => rule.index);
}

function treeDiagram<R>(
  table: DiagramTable,
  tree: CallTree<R> | undefined,
  otherwise: Diagram,
  answer: (leaf: Leaf<R>) => number,
): Diagram {
  if (tree === undefined) return otherwise;
  if (isLeaf(tree)) return table.end(answer(tree));
  let decision = otherwise;
  // Where a branch ends without an action, the next test of its level goes on.
  for (let at = tree.length - 1; at >= 0; at--) {
    const node = tree[at];
    if (!node) continue;
    const range = { first: 64 * node.arg + (node.word === "high" ? 0 : 32), width: 32 } as const;
    const value = BigInt(node.value);
    const holds =
      node.test === "gt" || node.test === "ge"
        ? aboveDiagram(table, range, value, node.test === "ge")
        : equalityDiagram(table, range, BigInt(node.mask), value);
    const yes = treeDiagram(table, node.yes, decision, answer);
    decision = table.choose(holds, yes, treeDiagram(table, node.no, decision, answer));
  }
  return decision;
}

function isLeaf<R>(tree: Leaf<R> | Level<R>): tree is Leaf<R> {
  return !Array.isArray(tree);
}

/** Strictness as the kernel orders return values: smaller is stricter. */
export function strictness(value: number): number {
  return value & 0xffff_0000;
}

/** Of two filters of a process: the stricter action, and of equal ones that of the newer filter. */
function strictestNewest(older: number, newer: number): number {
  return strictness(newer) <= strictness(older) ? newer : older;
}

/** A return value in words. */
export function decided(value: number): DecidedAction {
  return actionOf(value);
}

/** Every architecture that no filter here covers, by libseccomp's names. */
export function otherArches(filters: readonly BuiltFilter[], native: string): string[] {
  const covered = new Set([auditArch(seccompArch(native).name)]);
  for (const { arches } of filters) for (const name of arches.keys()) covered.add(auditArch(name));
  return SECCOMP_ARCHES.map(({ name }) => name).filter((name) => !covered.has(auditArch(name)));
}

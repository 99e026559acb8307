/**
 * Writes a diagram as the conditions of a profile: regions that do not overlap and together cover everything.
 *
 * @module
 */
import { SeccompError } from "../errors.ts";
import type { LinuxSeccompArg } from "../types.ts";
import {
  aboveDiagram,
  type BitRange,
  bitOf,
  type Diagram,
  type DiagramTable,
  equalityDiagram,
} from "./diagram.ts";

/** Arguments that one answer holds for. */
export interface DiagramRegion {
  /** All must hold; none means every call. */
  conditions: readonly LinuxSeccompArg[];
  value: number;
}

/** How {@link regionsOf} writes conditions. */
export interface RegionOptions {
  bits: 32 | 64;
  /** `"rules"`: at most one condition an argument, as a rule of a profile needs it. */
  form: "regions" | "rules";
}

const LOW = 0xffff_ffffn;
const MAX_RUNS = 16;
const MAX_REGIONS = 4096;

/**
 * The regions of a diagram. Two of them never overlap, so that their order does not matter.
 *
 * Conditions on a 64-bit architecture are written so that, where the diagram does not look at the high half but
 * for being 0, their low halves alone mean the same on a 32-bit one.
 *
 * @throws {SeccompError} `ERR_SECCOMP_UNSUPPORTED` for more than 4096 regions.
 */
export function regionsOf(table: DiagramTable, diagram: Diagram, options: RegionOptions): DiagramRegion[] {
  const known = new Map<Diagram, DiagramRegion[]>();
  const describe = (node: Diagram): DiagramRegion[] => {
    if (node.kind === "end") return [{ conditions: [], value: node.value }];
    const before = known.get(node);
    if (before) return before;
    const argument = Math.floor(node.bit / 64);
    const regions: DiagramRegion[] = [];
    for (const next of continuations(node, argument)) {
      const after = describe(next);
      const conditions = conditionsOf(table, project(table, node, argument, next), argument, options);
      if (regions.length + after.length * conditions.length > MAX_REGIONS) throw tooMany();
      for (const condition of conditions) {
        for (const region of after) {
          regions.push({ ...region, conditions: [...condition, ...region.conditions] });
        }
      }
    }
    known.set(node, regions);
    return regions;
  };
  return describe(diagram);
}

/** Where the questions for one argument lead to. */
function continuations(node: Diagram, argument: number): Set<Diagram> {
  const found = new Set<Diagram>();
  const visited = new Set<Diagram>();
  const visit = (at: Diagram): void => {
    if (at.kind === "end" || at.bit >= 64 * (argument + 1)) {
      found.add(at);
    } else if (!visited.has(at)) {
      visited.add(at);
      visit(at.zero);
      visit(at.one);
    }
  };
  visit(node);
  return found;
}

/** 1 for the values of one argument that lead to `next`, else 0. */
function project(table: DiagramTable, node: Diagram, argument: number, next: Diagram): Diagram {
  const known = new Map<Diagram, Diagram>();
  const visit = (at: Diagram): Diagram => {
    if (at.kind === "end" || at.bit >= 64 * (argument + 1)) return table.end(at === next ? 1 : 0);
    let result = known.get(at);
    if (!result) {
      result = table.test(at.bit, visit(at.zero), visit(at.one));
      known.set(at, result);
    }
    return result;
  };
  return visit(node);
}

/** Conditions on one argument, all of which must hold. */
type Conjunction = readonly LinuxSeccompArg[];

/** Ways to write a set of values of one argument, of which exactly one holds wherever `set` is 1. */
function conditionsOf(
  table: DiagramTable,
  set: Diagram,
  index: number,
  { bits, form }: RegionOptions,
): readonly Conjunction[] {
  const range: BitRange = { first: 64 * index + 64 - bits, width: bits };
  const single = singleCondition(table, set, index, range);
  if (single) return [[single]];
  const ways = [cubes(set, index, range)];
  const parts = form === "regions" ? intervals(set, index, range) : openIntervals(table, set, index, range);
  if (parts) ways.push(parts);
  const split = bits === 64 ? smallAndLarge(table, set, index, range) : undefined;
  if (split) ways.push(split);
  return ways.reduce((best, way) => (way.length < best.length ? way : best));
}

/** Where the high half alone says yes: a comparison that no 32-bit value satisfies, and conditions on small values. */
function smallAndLarge(
  table: DiagramTable,
  set: Diagram,
  index: number,
  range: BitRange,
): Conjunction[] | undefined {
  if (bitOf(set) >= range.first + 32) return undefined;
  const isSmall = equalityDiagram(table, { first: range.first, width: 32 }, LOW, 0n);
  const never = table.end(0);
  const large = table.choose(isSmall, never, set);
  if (large !== table.choose(isSmall, never, table.end(1))) return undefined;
  const small = table.choose(isSmall, set, never);
  const within = singleCondition(table, small, index, range);
  const rest = within ? [[within]] : cubes(small, index, range);
  return [[{ index, value: LOW, op: "SCMP_CMP_GT" }], ...rest];
}

/** A set as intervals, or as everything but some values; nothing where it has many. */
function intervals(set: Diagram, index: number, range: BitRange): Conjunction[] | undefined {
  const [inside, outside] = [runs(set, 1, range), runs(set, 0, range)];
  if (outside?.every(({ from, to }) => from === to)) {
    return [outside.map(({ from }) => ({ index, value: from, op: "SCMP_CMP_NE" }))];
  }
  const most = mostOf(range);
  return inside?.map(({ from, to }) => {
    if (from === to) return [{ index, value: from, op: "SCMP_CMP_EQ" }];
    const conditions: LinuxSeccompArg[] = [];
    if (from > 0n) conditions.push({ index, value: from, op: "SCMP_CMP_GE" });
    if (to < most) conditions.push({ index, value: to, op: "SCMP_CMP_LE" });
    return conditions;
  });
}

/** As {@link intervals}, with one condition each: an interval with two ends becomes comparisons under a mask. */
function openIntervals(
  table: DiagramTable,
  set: Diagram,
  index: number,
  range: BitRange,
): Conjunction[] | undefined {
  const most = mostOf(range);
  return runs(set, 1, range)?.flatMap(({ from, to }) => {
    if (from === to) return [[{ index, value: from, op: "SCMP_CMP_EQ" }]];
    if (from === 0n) return [[{ index, value: to, op: "SCMP_CMP_LE" }]];
    if (to === most) return [[{ index, value: from, op: "SCMP_CMP_GE" }]];
    const above = aboveDiagram(table, range, to, false);
    const atLeast = aboveDiagram(table, range, from, true);
    return cubes(table.choose(above, table.end(0), atLeast), index, range);
  });
}

/** The runs of values with an answer, in ascending order; nothing where there are more than 16. */
function runs(
  set: Diagram,
  answer: 0 | 1,
  { first, width }: BitRange,
): { from: bigint; to: bigint }[] | undefined {
  const found: { from: bigint; to: bigint }[] = [];
  const visit = (at: Diagram, bit: number, from: bigint): boolean => {
    const size = 1n << BigInt(first + width - bit);
    if (at.kind === "end") {
      if ((at.value === 0) !== (answer === 0)) return true;
      const last = found.at(-1);
      if (last && last.to === from - 1n) last.to = from + size - 1n;
      else found.push({ from, to: from + size - 1n });
      return found.length <= MAX_RUNS;
    }
    const half = size / 2n;
    const [zero, one] = at.bit === bit ? [at.zero, at.one] : [at, at];
    return visit(zero, bit + 1, from) && visit(one, bit + 1, from + half);
  };
  return visit(set, first, 0n) ? found : undefined;
}

function mostOf({ width }: BitRange): bigint {
  return (1n << BigInt(width)) - 1n;
}

function singleCondition(
  table: DiagramTable,
  set: Diagram,
  index: number,
  range: BitRange,
): LinuxSeccompArg | undefined {
  const [never, always] = [table.end(0), table.end(1)];
  const least = extreme(set, 1, "zero", range);
  const most = extreme(set, 1, "one", range);
  const hole = extreme(set, 0, "zero", range);
  const invert = (diagram: Diagram): Diagram => table.choose(diagram, never, always);
  if (least === most) return { index, value: least, op: "SCMP_CMP_EQ" };
  if (set === invert(equalityDiagram(table, range, mostOf(range), hole))) {
    return { index, value: hole, op: "SCMP_CMP_NE" };
  }
  if (set === aboveDiagram(table, range, least, true)) return { index, value: least, op: "SCMP_CMP_GE" };
  if (set === invert(aboveDiagram(table, range, most, false))) {
    return { index, value: most, op: "SCMP_CMP_LE" };
  }
  return undefined;
}

/** The least or largest number for which a set, that is neither empty nor everything, has an answer. */
function extreme(
  set: Diagram,
  answer: 0 | 1,
  first: "zero" | "one",
  { first: from, width }: BitRange,
): bigint {
  const second = first === "zero" ? "one" : "zero";
  let value = 0n;
  let at = set;
  for (let bit = from; bit < from + width; bit++) {
    let side = first;
    if (at.kind === "test" && at.bit === bit) {
      const preferred: Diagram = at[first];
      if (preferred.kind === "end" && (preferred.value === 0) !== (answer === 0)) side = second;
      at = at[side];
    }
    value = (value << 1n) | (side === "one" ? 1n : 0n);
  }
  return value;
}

/** One comparison under a mask for each way through the diagram that ends in 1. */
function cubes(set: Diagram, index: number, range: BitRange): Conjunction[] {
  const { first, width } = range;
  const ones = mostOf(range);
  const found: Conjunction[] = [];
  const visit = (at: Diagram, mask: bigint, value: bigint): void => {
    if (at.kind === "end") {
      if (at.value === 0) return;
      if (found.length >= MAX_REGIONS) throw tooMany();
      const condition: LinuxSeccompArg =
        mask === ones
          ? { index, value, op: "SCMP_CMP_EQ" }
          : { index, value: mask, ...(value === 0n ? {} : { valueTwo: value }), op: "SCMP_CMP_MASKED_EQ" };
      found.push([condition]);
      return;
    }
    const bit = 1n << BigInt(width - 1 - (at.bit - first));
    visit(at.zero, mask | bit, value);
    visit(at.one, mask | bit, value | bit);
  };
  visit(set, 0n, 0n);
  return found;
}

function tooMany(): SeccompError {
  return new SeccompError("ERR_SECCOMP_UNSUPPORTED", `the decision has more than ${MAX_REGIONS} regions`);
}

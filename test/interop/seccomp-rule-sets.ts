/**
 * Rule sets at random, in shapes in which libseccomp follows its own order of rules without exception, with the
 * arguments that tell its conditions apart.
 */
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../src/seccomp/types.ts";

/** Set in the number of an x32 call. */
export const X32_BIT = 0x4000_0000;
const MAX = 0xffff_ffff_ffff_ffffn;

/** What a shape of rule sets is made of. */
export interface Shape {
  name: string;
  operators: readonly string[];
  /** Arguments that a rule has conditions on: at least one of them. */
  args: number;
  /** Whether rules have different actions. */
  mixed: boolean;
  /** Operands are below. */
  bound: bigint;
  /** Whether the filters have no other architecture than x86_64. */
  nativeOnly?: boolean;
}

/** The shapes in which libseccomp 2.5 follows its own order of rules without exception. */
export const SHAPES: readonly Shape[] = [
  { name: "equality", operators: ["EQ", "NE"], args: 1, mixed: true, bound: 2n ** 32n },
  { name: "ranges", operators: ["LT", "LE", "GT", "GE"], args: 1, mixed: true, bound: 2n ** 32n },
  { name: "masks", operators: ["MASKED_EQ"], args: 1, mixed: true, bound: 2n ** 32n },
  {
    name: "all operators",
    operators: ["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ"],
    args: 1,
    mixed: true,
    bound: 2n ** 32n,
  },
  {
    name: "all operators, one action",
    operators: ["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ"],
    args: 1,
    mixed: false,
    bound: 2n ** 32n,
  },
  { name: "two arguments", operators: ["EQ"], args: 2, mixed: true, bound: 2n ** 32n },
  { name: "three arguments", operators: ["EQ"], args: 3, mixed: true, bound: 2n ** 32n },
  {
    name: "three arguments with masks",
    operators: ["EQ", "MASKED_EQ"],
    args: 3,
    mixed: true,
    bound: 2n ** 32n,
    // libseccomp shares a masked test between architectures, though one of them has another argument loaded there.
    nativeOnly: true,
  },
];

/** Names with the numbers of their calls on the three architectures, one that socketcall leads to among them. */
export const CALLS: readonly { name: string; numbers: readonly [number, number, number] }[] = [
  { name: "personality", numbers: [135, 136, X32_BIT + 135] },
  { name: "socket", numbers: [41, 359, X32_BIT + 41] },
  { name: "clone", numbers: [56, 120, X32_BIT + 56] },
  // Another number on x32.
  { name: "ioctl", numbers: [16, 54, X32_BIT + 514] },
];

/** Numbers from 0 to 1 that depend on a seed alone (mulberry32). */
export function random(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Rules for one call, and what to ask about it. */
export interface RuleSet {
  spec: LinuxSeccomp;
  call: (typeof CALLS)[number];
  probes: bigint[][];
}

/** A rule set of a shape; for a call at random unless one is given. */
export function ruleSet(shape: Shape, next: () => number, given?: RuleSet["call"]): RuleSet {
  const below = (count: number): number => Math.floor(next() * count);
  const pick = <T>(values: readonly T[]): T => {
    const value = values[below(values.length)];
    if (value === undefined) throw new RangeError("nothing to pick from");
    return value;
  };
  const operand = (): bigint => {
    const kind = below(3);
    if (kind === 0) return BigInt(below(8));
    if (kind === 1) return pick([0x2_0000n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_fffen, 0xffff_ffffn]);
    return BigInt(below(Number(shape.bound)));
  };
  const call = given ?? pick(CALLS);
  const condition = (index: number): LinuxSeccompArg => {
    const op = pick(shape.operators);
    const base = { index, op: `SCMP_CMP_${op}`, value: operand() };
    if (op !== "MASKED_EQ") return base;
    const mask = pick([1n, 2n, 3n, 0xffn, 0xffff_ffffn, 0x7e02_0000n, base.value]);
    return { ...base, value: mask, valueTwo: operand() & mask };
  };
  const rule = (): LinuxSyscall => {
    const action = shape.mixed
      ? pick(["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_ERRNO"])
      : "SCMP_ACT_ALLOW";
    const indexes = Array.from({ length: shape.args }, (_, index) => index);
    const kept = indexes.filter(() => shape.args === 1 || next() < 0.6);
    const args = (kept.length > 0 ? kept : [below(shape.args)]).map(condition);
    return { names: [call.name], action, errnoRet: 2 + below(3), args };
  };
  const syscalls = Array.from({ length: 2 + below(4) }, rule);
  const spec: LinuxSeccomp = {
    defaultAction: pick(["SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"]),
    architectures: shape.nativeOnly ? [] : ["SCMP_ARCH_X86", "SCMP_ARCH_X32"].filter(() => next() < 0.7),
    // One more call: libseccomp goes wrong where multiplexed ones are all that an architecture has.
    syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }, ...syscalls],
  };
  return { spec, call, probes: probesOf(syscalls, shape.args) };
}

/** Every combination of the ends of what conditions tell apart; the low word counts alone on some architectures. */
export function probesOf(rules: readonly LinuxSyscall[], count: number): bigint[][] {
  const points = Array.from({ length: count }, () => new Set([0n, MAX]));
  for (const { index, op, value, valueTwo = 0n } of rules.flatMap(({ args = [] }) => args)) {
    const isMask = op === "SCMP_CMP_MASKED_EQ";
    const found = isMask
      ? [valueTwo, valueTwo ^ value, valueTwo | ~value, value]
      : [value - 1n, value, value + 1n];
    for (const point of [...found, (isMask ? valueTwo : value) + 2n ** 32n]) {
      points[index]?.add(BigInt.asUintN(64, point));
    }
  }
  let probes: bigint[][] = [[]];
  for (const values of points)
    probes = probes.flatMap((probe) => [...values].map((value) => [...probe, value]));
  // Of very many, some: evenly.
  const step = Math.ceil(probes.length / 150);
  return probes.filter((_, at) => at % step === 0);
}

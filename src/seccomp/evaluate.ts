/**
 * What a profile does with a system call.
 *
 * @see {@link https://www.kernel.org/doc/html/v6.12/userspace-api/seccomp_filter.html}
 * @module
 */
import { type SeccompArch, seccompArch } from "./arch.ts";
import {
  type DecidingFilter,
  decidingFilter,
  NO_FILTER,
  readCall,
  type SyscallInvocation,
  type SyscallVerdict,
} from "./decide.ts";
import {
  type BuiltFilter,
  buildFilter,
  checkRules,
  type FilterRule,
  type SeccompFilterOptions,
  type SkippedRule,
} from "./filter.ts";
import { type Condition, conditionHolds } from "./filter-tree.ts";
import { syscallName } from "./syscalls.ts";
import type { LinuxSeccomp } from "./types.ts";

export type { SyscallInvocation, SyscallVerdict } from "./decide.ts";

/** A rule that names the call, and what became of it. */
export type ConsideredRule =
  | {
      kind: "rule";
      /** Index in `syscalls`. */
      index: number;
      /** The name through which it applies. */
      name: string;
      conditions: readonly Condition[];
      /** Whether all its conditions hold. */
      matches: boolean;
      /** The first condition that does not hold. */
      failed?: Condition;
    }
  | ({ kind: "skipped" } & SkippedRule);

/** Why a decision may differ between versions of libseccomp; see {@link evaluateSyscall}. */
export type SyscallCaveat = "order-dependent" | "wide-range" | "comparison-with-other-argument";

/** What happens with a call, and why. */
export interface SyscallDecision extends SyscallVerdict {
  /** Number that the kernel sees, unsigned. */
  nr: number;
  /** Name of the number, where it has one. */
  name?: string;
  /** Every rule that names the call, in the order of the profile. */
  considered: ConsideredRule[];
  caveats: SyscallCaveat[];
}

/** Options of {@link evaluateSyscall}. */
export interface EvaluateSyscallOptions extends Omit<SeccompFilterOptions, "native"> {
  /**
   * Architecture of the node. Default for {@link evaluateSyscall}: the call's own if it is a 64-bit one, else
   * its 64-bit relative (`x86_64` for x86 and x32, `aarch64` for arm, `s390x` for s390).
   */
  native?: string | undefined;
}

/** A filter that can be asked many times. */
export interface SyscallEvaluator {
  /** As {@link evaluateSyscall}. */
  evaluate(call: SyscallInvocation): SyscallDecision;
  /**
   * What {@link SyscallEvaluator.evaluate} says of the same call, without the rules that were looked at and without
   * caveats: for callers with many calls. Throws the same.
   */
  decide(call: SyscallInvocation): SyscallVerdict;
}

const RELATIVES: Readonly<Record<string, string>> = {
  x86: "x86_64",
  x32: "x86_64",
  arm: "aarch64",
  s390: "s390x",
};

/**
 * What happens with a system call under a profile, as the filter of libseccomp decides it.
 *
 * One profile, as a runtime loads it: other filters of the process are not known here. The decision is exact
 * for the shapes that real profiles have. `caveats` says where it depends on more than the profile's text:
 * `order-dependent` when rules with different actions match, which libseccomp orders in its own way;
 * `wide-range` and `comparison-with-other-argument` for combinations that its versions do not treat alike. Nothing says
 * where libseccomp makes a wrong program: see the guide to seccomp.
 *
 * @param spec `null` means no filter: everything is allowed.
 * @throws {SeccompError} `ERR_SECCOMP_FILTER_INVALID`, `ERR_SECCOMP_RULE_CONFLICT` for a profile that no runtime
 *   loads: the container does not start.
 * @throws {SeccompError} `ERR_SECCOMP_UNKNOWN_SYSCALL` for a name without a number on the architecture.
 * @throws {SeccompError} `ERR_SECCOMP_UNSUPPORTED` for an architecture without a table of calls.
 * @throws {RangeError} For a number or argument out of range.
 */
export function evaluateSyscall(
  spec: LinuxSeccomp | null,
  call: SyscallInvocation,
  options: EvaluateSyscallOptions = {},
): SyscallDecision {
  const { name } = seccompArch(call.arch);
  const native = options.native ?? RELATIVES[name] ?? name;
  return createEvaluator(spec, { ...options, native }).evaluate(call);
}

/**
 * Builds the filter of a profile once, for many calls of {@link evaluateSyscall}. Throws for a profile that no
 * runtime loads.
 */
export function createEvaluator(spec: LinuxSeccomp | null, options: SeccompFilterOptions): SyscallEvaluator {
  // runc alone takes an object without default action and rules for "no filter".
  const empty = spec !== null && spec.defaultAction === "" && (spec.syscalls ?? []).length === 0;
  if (spec === null || (empty && options.runtime === "runc")) {
    return {
      evaluate: allowAll,
      decide: (call) => {
        readCall(call);
        return NO_FILTER;
      },
    };
  }
  const filter = buildFilter(spec, options);
  checkRules(filter);
  const deciding = decidingFilter(filter);
  return { evaluate: (call) => explained(filter, deciding, call), decide: deciding.decide };
}

function allowAll(call: SyscallInvocation): SyscallDecision {
  const { arch, nr } = readCall(call);
  return { ...NO_FILTER, ...named(arch, nr), considered: [], caveats: [] };
}

/** What a built filter does with a call, whatever its `results` are. */
export function evaluateIn(filter: BuiltFilter, call: SyscallInvocation): SyscallDecision {
  return explained(filter, decidingFilter(filter), call);
}

function explained(filter: BuiltFilter, deciding: DecidingFilter, call: SyscallInvocation): SyscallDecision {
  const verdict = deciding.decide(call);
  const { asked, arch, nr, rules } = deciding.placeOf(call);
  const base = { ...verdict, ...named(arch ?? asked, nr) };
  if (!arch || verdict.kind === "enosys-stub") return { ...base, considered: [], caveats: [] };
  const args = (call.args ?? []).map((argument) => BigInt.asUintN(64, BigInt(argument)));
  const considered = consider(filter, arch, nr, rules?.rules ?? [], args);
  return { ...base, considered, caveats: rules ? caveatsOf(rules.rules, arch, args) : [] };
}

function named(arch: SeccompArch, nr: number): { nr: number; name?: string } {
  const name = syscallName(arch, nr);
  return name === undefined ? { nr } : { nr, name };
}

function consider(
  filter: BuiltFilter,
  arch: SeccompArch,
  nr: number,
  rules: readonly FilterRule[],
  args: readonly bigint[],
): ConsideredRule[] {
  const name = syscallName(arch, nr);
  const considered = rules.map(({ index, name, conditions }): ConsideredRule => {
    const failed = conditions.find((condition) => !conditionHolds(condition, args, arch.bits));
    return { kind: "rule", index, name, conditions, matches: !failed, ...(failed ? { failed } : {}) };
  });
  const skipped = filter.skipped
    .filter((rule) => rule.name === name)
    .map((rule): ConsideredRule => ({ kind: "skipped", ...rule }));
  return [...considered, ...skipped].sort((a, b) => a.index - b.index);
}

function caveatsOf(
  rules: readonly FilterRule[],
  arch: SeccompArch,
  args: readonly bigint[],
): SyscallCaveat[] {
  const caveats: SyscallCaveat[] = [];
  const isPlain = ({ conditions }: FilterRule): boolean => conditions.length === 0;
  // An unconditional rule takes the call over, in whatever order.
  if (rules.some(isPlain)) return caveats;
  const matching = rules.filter(({ conditions }) =>
    conditions.every((condition) => conditionHolds(condition, args, arch.bits)),
  );
  if (new Set(matching.map(({ value }) => value)).size > 1) caveats.push("order-dependent");
  const conditions = rules.flatMap((rule) => rule.conditions);
  if (conditions.length < 2) return caveats;
  const isRange = ({ op }: Condition): boolean => op === "GT" || op === "GE" || op === "LT" || op === "LE";
  const isWide = ({ value }: Condition): boolean => arch.bits === 64 && value > 0xffff_ffffn;
  if (conditions.some(isRange) && conditions.some(isWide)) caveats.push("wide-range");
  const isUneven = (condition: Condition): boolean => condition.op === "NE" || isRange(condition);
  const isMixed = new Set(conditions.map(({ arg }) => arg)).size > 1;
  if (isMixed && conditions.some(isUneven)) caveats.push("comparison-with-other-argument");
  return caveats;
}

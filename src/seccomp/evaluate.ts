/**
 * What a profile does with a system call.
 *
 * @see {@link https://www.kernel.org/doc/html/v6.12/userspace-api/seccomp_filter.html}
 * @module
 */
import { actionOf, BAD_ARCH, ENOSYS_STUB, type SeccompAction } from "./actions.ts";
import { type SeccompArch, seccompArch } from "./arch.ts";
import { SeccompError } from "./errors.ts";
import {
  type BuiltFilter,
  buildFilter,
  checkRules,
  type FilterRule,
  type SeccompFilterOptions,
  type SkippedRule,
} from "./filter.ts";
import { type Condition, conditionHolds, decide } from "./filter-tree.ts";
import { hasSyscallTable, multiplexedCall, syscallName, syscallNumber, X32_BIT } from "./syscalls.ts";
import type { LinuxSeccomp } from "./types.ts";

/** A system call: by name, or by the number that the kernel sees. */
export type SyscallInvocation = {
  /** Architecture the caller runs as, in any spelling. */
  arch: string;
  /** Up to six arguments, as registers hold them; negative numbers as two's complement. Absent ones are 0. */
  args?: readonly (bigint | number)[] | undefined;
} & ({ name: string; nr?: undefined } | { nr: number; name?: undefined });

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
export interface SyscallDecision {
  action: SeccompAction;
  /** For `SCMP_ACT_ERRNO` and `SCMP_ACT_TRACE`, 0 to 65535. The kernel caps an errno at 4095. */
  errno?: number;
  kind: /** There is no filter. */
    | "no-filter"
    /** A rule decided; see `rule`. */
    | "rule"
    /** No rule matched. */
    | "default"
    /** The filter does not cover the architecture: the thread is killed. */
    | "bad-architecture"
    /** runc answers ENOSYS to calls that are newer than all in the profile. */
    | "enosys-stub";
  /** Index in `syscalls` of the rule that decided. */
  rule?: number;
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
}

const RELATIVES: Readonly<Record<string, string>> = {
  x86: "x86_64",
  x32: "x86_64",
  arm: "aarch64",
  s390: "s390x",
};
const MINUS_ONE = 0xffff_ffff;

/**
 * What happens with a system call under a profile, as the filter of libseccomp decides it.
 *
 * One profile, as a runtime loads it: other filters of the process are not known here. The decision is exact
 * for the shapes that real profiles have. `caveats` says where it depends on more than the profile's text:
 * `order-dependent` when rules with different actions match, which libseccomp orders in its own way;
 * `wide-range` and `comparison-with-other-argument` for combinations that its versions do not treat alike.
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
  if (spec === null || (empty && options.runtime === "runc")) return { evaluate: allowAll };
  const filter = buildFilter(spec, options);
  checkRules(filter);
  return { evaluate: (call) => evaluateIn(filter, call) };
}

function allowAll(call: SyscallInvocation): SyscallDecision {
  const { arch, nr } = callOf(call);
  return { action: "SCMP_ACT_ALLOW", kind: "no-filter", ...named(arch, nr), considered: [], caveats: [] };
}

/** What a built filter does with a call, whatever its `results` are. */
export function evaluateIn(filter: BuiltFilter, call: SyscallInvocation): SyscallDecision {
  const { arch: asked, nr, args } = callOf(call);
  const arch = covering(filter, asked, nr);
  const base = { ...named(arch ?? asked, nr), considered: [], caveats: [] };
  if (runcAnswers(filter, arch, nr)) return { ...actionOf(ENOSYS_STUB), kind: "enosys-stub", ...base };
  if (!arch) return { ...actionOf(BAD_ARCH), kind: "bad-architecture", ...base };
  if (!hasSyscallTable(arch)) throw noTable(arch);

  const rules = filter.calls.get(arch.name)?.get(nr);
  const considered = consider(filter, arch, nr, rules?.rules ?? [], args);
  const leaf = rules && decide(rules.tree, args);
  const explained = { ...base, considered, caveats: rules ? caveatsOf(rules.rules, arch, args) : [] };
  if (!leaf) return { ...actionOf(filter.defaultValue), kind: "default", ...explained };
  return { ...actionOf(leaf.value), kind: "rule", rule: leaf.rule.index, ...explained };
}

interface ReadCall {
  arch: SeccompArch;
  nr: number;
  args: bigint[];
}

function callOf(call: SyscallInvocation): ReadCall {
  const arch = seccompArch(call.arch);
  const { args = [] } = call;
  if (args.length > 6) throw new RangeError(`a system call has at most 6 arguments, got ${args.length}`);
  return { arch, nr: numberOf(arch, call), args: args.map(register) };
}

function numberOf(arch: SeccompArch, { name, nr }: SyscallInvocation): number {
  if (nr !== undefined) {
    if (!Number.isInteger(nr) || nr < -(2 ** 31) || nr > MINUS_ONE) {
      throw new RangeError(`${nr} is not the number of a system call`);
    }
    return nr >>> 0;
  }
  if (!hasSyscallTable(arch)) throw noTable(arch);
  const number = syscallNumber(arch, name);
  if (number !== undefined) return number;
  const through = multiplexedCall(arch, name)?.multiplexer;
  const hint = through ? `, it is made through ${through}` : "";
  throw new SeccompError(
    "ERR_SECCOMP_UNKNOWN_SYSCALL",
    `${arch.name} has no number for ${name.slice(0, 64)}${hint}`,
  );
}

function register(argument: bigint | number): bigint {
  if (typeof argument === "number" && !Number.isSafeInteger(argument)) {
    throw new RangeError(`argument ${argument} is not a whole number up to 2^53-1: use a bigint`);
  }
  const value = BigInt(argument);
  if (value < -(2n ** 63n) || value >= 2n ** 64n)
    throw new RangeError(`argument ${value} has more than 64 bits`);
  return BigInt.asUintN(64, value);
}

/** The covered architecture whose rules see a number; x86_64 and x32 are told apart by bit 30 alone. */
function covering({ arches }: BuiltFilter, arch: SeccompArch, nr: number): SeccompArch | undefined {
  if (arch.name !== "x86_64" && arch.name !== "x32") return arches.get(arch.name);
  // -1 belongs to either: a tracer uses it to skip a call.
  if (nr === MINUS_ONE) return arches.get("x86_64") ?? arches.get("x32");
  return arches.get(nr >= X32_BIT ? "x32" : "x86_64");
}

function runcAnswers({ lastNumbers }: BuiltFilter, arch: SeccompArch | undefined, nr: number): boolean {
  if (!arch) return false;
  // The stub looks at bit 30 only, so that -1 is an x32 call to it, where there is x32.
  const x86 = arch.name === "x86_64" || arch.name === "x32";
  const own = x86 ? ((nr & X32_BIT) !== 0 ? "x32" : "x86_64") : arch.name;
  const last = lastNumbers.get(own);
  if (last === undefined) return false;
  return nr > last || (nr === 0 && (own === "s390" || own === "s390x"));
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

function noTable({ name }: SeccompArch): SeccompError {
  return new SeccompError("ERR_SECCOMP_UNSUPPORTED", `no table of system calls for ${name}`);
}

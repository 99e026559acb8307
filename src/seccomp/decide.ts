/**
 * The decision of a built filter alone: what {@link evaluateIn} explains, and what is asked a million times a second.
 *
 * A decision depends on the filter and on little of the call, so that each one is made once, frozen, and given again.
 *
 * @module
 */
import { actionOf, BAD_ARCH, ENOSYS_STUB, type SeccompAction } from "./actions.ts";
import { type SeccompArch, seccompArch } from "./arch.ts";
import { SeccompError } from "./errors.ts";
import type { BuiltFilter, CallRules } from "./filter.ts";
import { decide } from "./filter-tree.ts";
import { hasSyscallTable, multiplexedCall, syscallNumber, X32_BIT } from "./syscalls.ts";

/** A system call: by name, or by the number that the kernel sees. */
export type SyscallInvocation = {
  /** Architecture the caller runs as, in any spelling. */
  arch: string;
  /** Up to six arguments, as registers hold them; negative numbers as two's complement. Absent ones are 0. */
  args?: readonly (bigint | number)[] | undefined;
} & ({ name: string; nr?: undefined } | { nr: number; name?: undefined });

/** What happens with a call. Frozen, and the same object wherever the same thing happens for the same reason. */
export interface SyscallVerdict {
  readonly action: SeccompAction;
  /** For `SCMP_ACT_ERRNO` and `SCMP_ACT_TRACE`, 0 to 65535. libseccomp takes no errno above 4094. */
  readonly errno?: number;
  readonly kind: /** There is no filter. */
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
  readonly rule?: number;
}

/** Where a call arrives in a filter. */
export interface SyscallPlace {
  /** The architecture that the caller runs as. */
  readonly asked: SeccompArch;
  /** Number that the kernel sees, unsigned. */
  readonly nr: number;
  /** The architecture whose rules see the call; x86_64 and x32 are told apart by the number. None: not covered. */
  readonly arch: SeccompArch | undefined;
  /** What the filter has for the number. */
  readonly rules: CallRules | undefined;
}

/** A filter with its decisions at hand. */
export interface DecidingFilter {
  /** What happens with a call. Errors are those of `evaluateSyscall`. */
  decide(call: SyscallInvocation): SyscallVerdict;
  /** Where a call arrives, which says what `decide` looked at. */
  placeOf(call: SyscallInvocation): SyscallPlace;
}

/** One side of an architecture: on x86_64, which x32 shares, the numbers with or without bit 30. */
interface Side {
  readonly arch: SeccompArch | undefined;
  readonly rules: ReadonlyMap<number, CallRules> | undefined;
}

/** What a filter has for the calls of one architecture. */
interface Arrival {
  readonly asked: SeccompArch;
  readonly plain: Side;
  readonly x32: Side;
  /** -1 belongs to either of the two: a tracer uses it to skip a call. */
  readonly skip: Side;
  /** Highest number that runc's stub lets through, without and with bit 30 of the number. */
  readonly last: number;
  readonly lastX32: number;
  /** Whether runc's stub answers to number 0, as which unknown calls arrive on s390. */
  readonly stubZero: boolean;
}

const MINUS_ONE = 0xffff_ffff;
const LEAST = -(2n ** 63n);
const END = 2n ** 64n;

/** Allows everything, where there is no filter. */
export const NO_FILTER: SyscallVerdict = Object.freeze({ action: "SCMP_ACT_ALLOW", kind: "no-filter" });
const BAD_ARCHITECTURE: SyscallVerdict = Object.freeze({ ...actionOf(BAD_ARCH), kind: "bad-architecture" });
const STUB: SyscallVerdict = Object.freeze({ ...actionOf(ENOSYS_STUB), kind: "enosys-stub" });

/** Prepares a filter for being asked; whatever its `results` are. */
export function decidingFilter(filter: BuiltFilter): DecidingFilter {
  /** By any spelling, of which there are few. */
  const arrivals = new Map<string, Arrival>();
  const byDefault: SyscallVerdict = Object.freeze({ ...actionOf(filter.defaultValue), kind: "default" });
  /** By index of the rule: all rules of an entry have its action. */
  const byRule: SyscallVerdict[] = [];

  const arrivalOf = (name: string): Arrival => {
    let arrival = arrivals.get(name);
    if (!arrival) {
      arrival = arrivalIn(filter, seccompArch(name));
      arrivals.set(name, arrival);
    }
    return arrival;
  };
  const verdictOfRule = (rule: number, value: number): SyscallVerdict => {
    const verdict: SyscallVerdict = Object.freeze({ ...actionOf(value), kind: "rule", rule });
    byRule[rule] = verdict;
    return verdict;
  };

  return {
    decide(call) {
      const arrival = arrivalOf(call.arch);
      const nr = numberOf(arrival.asked, call);
      const { args } = call;
      if (args !== undefined) checkArguments(args);
      const side = sideOf(arrival, nr);
      if (side.arch === undefined) return BAD_ARCHITECTURE;
      if (stubAnswers(arrival, nr)) return STUB;
      if (side.rules === undefined) throw noTable(side.arch);
      const rules = side.rules.get(nr);
      const leaf = rules && decide(rules.tree, args ?? []);
      if (!leaf) return byDefault;
      return byRule[leaf.rule.index] ?? verdictOfRule(leaf.rule.index, leaf.value);
    },
    placeOf(call) {
      const arrival = arrivalOf(call.arch);
      const { asked } = arrival;
      const nr = numberOf(asked, call);
      const { arch, rules } = sideOf(arrival, nr);
      const isStub = arch !== undefined && stubAnswers(arrival, nr);
      return { asked, nr, arch, rules: isStub ? undefined : rules?.get(nr) };
    },
  };
}

function arrivalIn({ arches, calls, lastNumbers, answersZero }: BuiltFilter, asked: SeccompArch): Arrival {
  const side = (name: string): Side => {
    const arch = arches.get(name);
    return { arch, rules: arch && hasSyscallTable(arch) ? (calls.get(name) ?? new Map()) : undefined };
  };
  const last = (name: string): number => lastNumbers.get(name) ?? Number.POSITIVE_INFINITY;
  const { name } = asked;
  if (name === "x86_64" || name === "x32") {
    const [plain, x32] = [side("x86_64"), side("x32")];
    const skip = plain.arch ? plain : x32;
    return { asked, plain, x32, skip, last: last("x86_64"), lastX32: last("x32"), stubZero: false };
  }
  const own = side(name);
  const stubZero = answersZero && (name === "s390" || name === "s390x") && lastNumbers.has(name);
  return { asked, plain: own, x32: own, skip: own, last: last(name), lastX32: last(name), stubZero };
}

function sideOf(arrival: Arrival, nr: number): Side {
  if (nr < X32_BIT) return arrival.plain;
  return nr === MINUS_ONE ? arrival.skip : arrival.x32;
}

/** The stub looks at bit 30 only, so that -1 is an x32 call to it, where there is x32. */
function stubAnswers({ last, lastX32, stubZero }: Arrival, nr: number): boolean {
  return nr > ((nr & X32_BIT) !== 0 ? lastX32 : last) || (nr === 0 && stubZero);
}

/** A call without a filter to look at: its errors are the same. */
export function readCall(call: SyscallInvocation): { arch: SeccompArch; nr: number } {
  const arch = seccompArch(call.arch);
  const nr = numberOf(arch, call);
  checkArguments(call.args ?? []);
  return { arch, nr };
}

/** Number of a call, unsigned. */
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

/** Checks that there are no more arguments than registers, and that each one fits. */
function checkArguments(args: readonly (bigint | number)[]): void {
  if (args.length > 6) throw new RangeError(`a system call has at most 6 arguments, got ${args.length}`);
  for (const argument of args) {
    if (typeof argument === "number") {
      if (Number.isSafeInteger(argument)) continue;
      throw new RangeError(`argument ${argument} is not a whole number up to 2^53-1: use a bigint`);
    }
    if (typeof argument !== "bigint") throw new TypeError("an argument is a bigint or a number");
    if (argument < LEAST || argument >= END)
      throw new RangeError(`argument ${argument} has more than 64 bits`);
  }
}

function noTable({ name }: SeccompArch): SeccompError {
  return new SeccompError("ERR_SECCOMP_UNSUPPORTED", `no table of system calls for ${name}`);
}

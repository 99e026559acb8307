/**
 * Builds the filter that a runtime makes of a `linux.seccomp` object: which rules count, on which architectures.
 *
 * @see {@link https://github.com/seccomp/libseccomp/blob/v2.6.0/doc/man/man3/seccomp_rule_add.3}
 * @module
 */
import { returnValue } from "./actions.ts";
import { SECCOMP_ARCHES, type SeccompArch, seccompArch } from "./arch.ts";
import { SeccompError } from "./errors.ts";
import {
  archForRuntime,
  checkRuntime,
  conditionsForRuntime,
  type EnosysStub,
  enosysStub,
  type FilterRuntimeOptions,
} from "./filter-runtime.ts";
import { addRule, type CallTree, type Condition, type Operator } from "./filter-tree.ts";
import { isSyscallName, multiplexedCall, syscallNumber } from "./syscalls.ts";
import type { LinuxSeccomp, LinuxSeccompArg } from "./types.ts";

/** Options of `createEvaluator`: for which node and which runtime a filter is built. */
export interface SeccompFilterOptions extends FilterRuntimeOptions {
  /** Architecture of the node, in any spelling: `x86_64`, `amd64`, `SCMP_ARCH_X86_64`. Always in the filter. */
  native: string;
  /**
   * Whether the node's libseccomp has a call on an architecture, both by its names (`x86_64`): it leaves out what it
   * is too old to know. Asked only about calls that exist there. Default: it has them all, as libseccomp 2.6.1 does.
   */
  hasSyscall?: ((arch: string, name: string) => boolean) | undefined;
}

/** A rule as it is handed to libseccomp. */
export interface FilterRule {
  /** Index in `syscalls`. */
  index: number;
  /** Name of the call. */
  name: string;
  /** All must hold. */
  conditions: readonly Condition[];
  /** Return value of the filter. */
  value: number;
}

/** What libseccomp answers to a rule. */
export interface RuleResult {
  rule: FilterRule;
  /**
   * 0: taken, or covered by an earlier one. -17: contradicts an earlier one. -22: an argument index above 5, or an
   * errno above 4094.
   */
  code: 0 | -17 | -22;
}

/** A rule of an entry that is not in the filter. */
export interface SkippedRule {
  index: number;
  name: string;
  reason: "equals-default" | "unknown-name";
}

/** Rules of one call on one architecture. */
export interface CallRules {
  tree: CallTree<FilterRule>;
  /** As added here, in order: on a multiplexer with the code as condition on argument 0. */
  rules: FilterRule[];
}

/** A filter, ready to be asked, with what runc puts before it. */
export interface BuiltFilter extends EnosysStub {
  /** Return value where no rule matches. */
  defaultValue: number;
  /** Architectures that the filter covers, by libseccomp's names. */
  arches: ReadonlyMap<string, SeccompArch>;
  /** By libseccomp's name of the architecture, then by number (with bit 30 on x32). */
  calls: ReadonlyMap<string, ReadonlyMap<number, CallRules>>;
  results: readonly RuleResult[];
  skipped: readonly SkippedRule[];
}

const OPERATORS: ReadonlySet<string> = new Set(["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]);
const ALL_ONES = 0xffff_ffff_ffff_ffffn;
const ERRNO = 0x0005_0000;
const MAX_ERRNO = 4094;
/** The kernel takes no more instructions, and each rule of a call that is not covered needs one. */
const MAX_INSTRUCTIONS = 4096;
/**
 * The filter of a `linux.seccomp` object.
 *
 * A rule that libseccomp refuses is in `results` with its code and otherwise left out: a runtime would not start
 * the container, so look there before trusting the filter.
 *
 * @throws {SeccompError} `ERR_SECCOMP_FILTER_INVALID` for an action, operator, flag or architecture that does
 *   not exist, architectures of both byte orders, an empty name, and what the chosen runtime refuses.
 * @throws {SeccompError} `ERR_SECCOMP_UNSUPPORTED` for more than 4096 rules with conditions for one call, whatever they are:
 *   inserting them takes quadratic time.
 */
export function buildFilter(spec: LinuxSeccomp, options: SeccompFilterOptions): BuiltFilter {
  const arches = archesOf(spec, options);
  const entries = spec.syscalls ?? [];
  checkRuntime(spec, options);

  const numberOf = numbersFor(options);
  const defaultValue = returnValue(spec.defaultAction, spec.defaultErrnoRet);
  if (!isErrnoTaken(defaultValue)) throw invalid(`the default action has an errno above ${MAX_ERRNO}`);
  const calls = new Map([...arches.keys()].map((name) => [name, new Map<number, CallRules>()]));
  const results: RuleResult[] = [];
  const skipped: SkippedRule[] = [];
  entries.forEach((entry, index) => {
    const value = returnValue(entry.action, entry.errnoRet);
    const groups = conditionGroups(conditionsForRuntime(entry.args ?? [], options));
    for (const name of entry.names ?? []) {
      if (name === "" && options.runtime !== "crun") throw invalid(`rule ${index} has an empty name`);
      if (value === defaultValue) skipped.push({ index, name, reason: "equals-default" });
      else if (!isKnown(name, options)) skipped.push({ index, name, reason: "unknown-name" });
      else {
        for (const conditions of groups) {
          const rule: FilterRule = { index, name, conditions, value };
          results.push({ rule, code: add(rule, arches, calls, numberOf) });
        }
      }
    }
  });
  const stub = enosysStub(spec, arches, numberOf, options);
  return { defaultValue, arches, calls, results, skipped, ...stub };
}

/** What libseccomp refuses a rule for that has the result -22. */
export function refusedFor({ value }: FilterRule): string {
  return isErrnoTaken(value) ? "an argument index above 5" : `an errno above ${MAX_ERRNO}`;
}

/**
 * Checks that libseccomp takes every rule.
 *
 * @throws {SeccompError} `ERR_SECCOMP_RULE_CONFLICT`, `ERR_SECCOMP_FILTER_INVALID` for the first that it refuses.
 */
export function checkRules({ results }: BuiltFilter): void {
  for (const { code, rule } of results) {
    if (code === 0) continue;
    const where = `rule ${rule.index} for ${rule.name}`;
    throw code === -17
      ? new SeccompError("ERR_SECCOMP_RULE_CONFLICT", `${where} contradicts an earlier one`)
      : invalid(`${where} has ${refusedFor(rule)}`);
  }
}

function archesOf(spec: LinuxSeccomp, options: SeccompFilterOptions): Map<string, SeccompArch> {
  const native = seccompArch(options.native);
  const arches = new Map([[native.name, native]]);
  for (const name of spec.architectures ?? []) {
    const arch = archForRuntime(name, options);
    if (!arch) throw invalid(`unknown architecture ${quote(name)}`);
    if (arch.endian !== native.endian) throw invalid(`${name} has another byte order than ${native.scmp}`);
    arches.set(arch.name, arch);
  }
  return arches;
}

/** libseccomp refuses the greatest errno of the kernel, and what is above it. */
function isErrnoTaken(value: number): boolean {
  const errno = value - ERRNO;
  return errno < 0 || errno > 0xffff || errno <= MAX_ERRNO;
}

/** All conditions together, or, when an argument stands twice, each one as a rule of its own. */
function conditionGroups(args: readonly LinuxSeccompArg[]): Condition[][] {
  const conditions = args.map(conditionOf);
  const repeated = new Set(args.map(({ index }) => index)).size < args.length;
  return repeated ? conditions.map((condition) => [condition]) : [conditions];
}

function conditionOf({ index, value, valueTwo = 0n, op }: LinuxSeccompArg): Condition {
  const name = op.startsWith("SCMP_CMP_") ? op.slice("SCMP_CMP_".length) : "";
  if (!OPERATORS.has(name)) throw invalid(`unknown operator ${quote(op)}`);
  if (value < 0n || value > ALL_ONES || valueTwo < 0n || valueTwo > ALL_ONES) {
    throw invalid("an operand is not an unsigned 64-bit number");
  }
  if (name === "MASKED_EQ") return { arg: index, op: name, value: valueTwo, mask: value };
  return { arg: index, op: name as Operator, value, mask: ALL_ONES };
}

function add(
  rule: FilterRule,
  arches: ReadonlyMap<string, SeccompArch>,
  calls: ReadonlyMap<string, Map<number, CallRules>>,
  numberOf: NumberOf,
): RuleResult["code"] {
  if (rule.conditions.some(({ arg }) => !Number.isInteger(arg) || arg < 0 || arg > 5)) return -22;
  if (!isErrnoTaken(rule.value)) return -22;
  const changes: [of: Map<number, CallRules>, number: number, changed: CallRules][] = [];
  for (const [name, arch] of arches) {
    const own = calls.get(name);
    if (!own) continue;
    for (const [number, placed] of placesOf(rule, arch, numberOf)) {
      const before = own.get(number);
      const leaf = { kind: "leaf", value: placed.value, rule: placed } as const;
      const tree = addRule(before?.tree, placed.conditions, leaf, arch.bits);
      if (tree === "conflict") return -17;
      if (!("kind" in tree) && tree.length > MAX_INSTRUCTIONS) {
        throw invalid(`${rule.name} has more than ${MAX_INSTRUCTIONS} rules`);
      }
      if (!("kind" in tree) && (before?.rules.length ?? 0) >= MAX_INSTRUCTIONS) {
        const message = `${rule.name} has more than ${MAX_INSTRUCTIONS} rules`;
        throw new SeccompError("ERR_SECCOMP_UNSUPPORTED", message);
      }
      changes.push([own, number, { tree, rules: before?.rules ?? [] }]);
    }
  }
  // Only now: a rule that one architecture refuses is on none.
  for (const [own, number, changed] of changes) own.set(number, changed);
  for (const [name, arch] of arches) {
    for (const [number, placed] of placesOf(rule, arch, numberOf))
      calls.get(name)?.get(number)?.rules.push(placed);
  }
  return 0;
}

type NumberOf = (arch: SeccompArch, name: string) => number | undefined;

function numbersFor({ hasSyscall }: SeccompFilterOptions): NumberOf {
  if (!hasSyscall) return syscallNumber;
  return (arch, name) => {
    const number = syscallNumber(arch, name);
    return number !== undefined && hasSyscall(arch.name, name) ? number : undefined;
  };
}

/** A name that no architecture with a table has is known all the same, and adds nothing. */
function isKnown(name: string, { hasSyscall }: SeccompFilterOptions): boolean {
  if (!isSyscallName(name) || !hasSyscall) return isSyscallName(name);
  const having = SECCOMP_ARCHES.filter((arch) => syscallNumber(arch, name) !== undefined);
  return having.length === 0 || having.some((arch) => hasSyscall(arch.name, name));
}

/** The numbers a rule is added for: its own, and that of the multiplexer, which uses up argument 0. */
function placesOf(
  rule: FilterRule,
  arch: SeccompArch,
  numberOf: NumberOf,
): [number: number, rule: FilterRule][] {
  const places: [number, FilterRule][] = [];
  const number = numberOf(arch, rule.name);
  if (number !== undefined) places.push([number, rule]);
  const multiplexed = multiplexedCall(arch, rule.name);
  const through = multiplexed && numberOf(arch, multiplexed.multiplexer);
  if (multiplexed && through !== undefined) {
    const code: Condition = { arg: 0, op: "EQ", value: BigInt(multiplexed.code), mask: ALL_ONES };
    const conditions = [code, ...rule.conditions.filter(({ arg }) => arg !== 0)];
    places.push([through, { ...rule, conditions }]);
  }
  return places;
}

function invalid(message: string): SeccompError {
  return new SeccompError("ERR_SECCOMP_FILTER_INVALID", message);
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}

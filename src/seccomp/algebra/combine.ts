/**
 * One profile that decides as several together: the strictest of them, or the loosest.
 *
 * @module
 */
import { actionOf, hasErrno } from "../actions.ts";
import { type SeccompArch, seccompArch } from "../arch.ts";
import { compileBuilt } from "../bpf/compile.ts";
import { SeccompError } from "../errors.ts";
import { type BuiltFilter, buildFilter, checkRules } from "../filter.ts";
import { copySyscall } from "../runtime-spec.ts";
import { isSyscallName, syscallNumber } from "../syscalls.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../types.ts";
import { decisionOf, numberRanges, strictness } from "./decisions.ts";
import { type Combine, createDiagramTable, type Diagram, type DiagramTable } from "./diagram.ts";
import { mergedHeader } from "./header.ts";
import { mergeAsKep6061 } from "./kep-6061.ts";
import { regionsOf } from "./regions.ts";

/** Options of {@link intersectProfiles} and {@link unionProfiles}. */
export interface CombineProfilesOptions {
  /** Architecture of the node, in any spelling. */
  native: string;
  /**
   * What profiles cover, such as `["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]`, as if each listed exactly this. Default:
   * what each lists; an intersection then covers what all do, a union what any does.
   */
  architectures?: readonly string[] | undefined;
  /**
   * `"exact"`, the default, computes conditions. `"kep-6061"` merges entries by name as the library behind the
   * Kubernetes proposal does: different conditions on one call become KILL_PROCESS in an intersection, and in
   * some cases the result is looser than a part of it. Ask `isSubset` where that matters.
   */
  mode?: "exact" | "kep-6061" | undefined;
}

/** A profile made of several. */
export interface CombinedProfile {
  /** `null`: no filter. */
  spec: LinuxSeccomp | null;
  /** Names that no table of calls has: their rules are not in `spec`. Empty for `"kep-6061"`, which keeps them. */
  unknown: string[];
}

/**
 * A profile that lets a call do only what all profiles let it: for every architecture that all cover, number and
 * argument, the strictest action, and of equally strict ones that of the first profile.
 *
 * The result is checked against that before it is given. Rules are taken over where they decide right, and
 * written anew else. `null` in the list restricts nothing; only a list of nothing else gives `null`. The
 * architectures that not all cover are not covered: calls there kill the thread, also where one profile would
 * kill the process. Flags: those that all profiles list that list any. Listener: of the first that has one.
 *
 * runc answers ENOSYS to calls newer than all that a profile names; that is not part of a profile here.
 *
 * @throws {SeccompError} `ERR_SECCOMP_UNSUPPORTED` where no profile that is known how to write decides so: such as
 *   when a call would need other rules on one architecture than on another, or its program is longer than the kernel
 *   takes.
 * @throws {SeccompError} `ERR_SECCOMP_FILTER_INVALID`, `ERR_SECCOMP_RULE_CONFLICT` for a profile that no runtime
 *   loads.
 * @throws {RangeError} For an empty list.
 * @see {@link https://github.com/kubernetes/enhancements/issues/6061}
 */
export function intersectProfiles(
  profiles: readonly (LinuxSeccomp | null)[],
  options: CombineProfilesOptions,
): CombinedProfile {
  if (profiles.length === 0) throw new RangeError("there is no intersection of no profiles");
  const filters = profiles.filter((profile) => profile !== null);
  if (filters.length === 0) return { spec: null, unknown: [] };
  if (modeOf(options) === "kep-6061") {
    return { spec: mergeAsKep6061(limited(filters, options), "intersection"), unknown: [] };
  }
  return combine(limited(filters, options), "intersection", options);
}

/**
 * A profile that lets a call do all that any profile lets it: for every architecture that any covers, number and
 * argument, the loosest action, and of equally loose ones that of the first profile.
 *
 * Checked, written and refused as by {@link intersectProfiles}. A `null` in the list gives `null`: no filter.
 * Profiles that cover different architectures often have no exact union, as one rule holds on all of them: give
 * `architectures` to say what is meant. Flags: all that any profile lists.
 */
export function unionProfiles(
  profiles: readonly (LinuxSeccomp | null)[],
  options: CombineProfilesOptions,
): CombinedProfile {
  if (profiles.length === 0) throw new RangeError("there is no union of no profiles");
  const filters = profiles.filter((profile) => profile !== null);
  if (filters.length < profiles.length) return { spec: null, unknown: [] };
  if (modeOf(options) === "kep-6061") {
    return { spec: mergeAsKep6061(limited(filters, options), "union"), unknown: [] };
  }
  return combine(limited(filters, options), "union", options);
}

function modeOf({ mode = "exact" }: CombineProfilesOptions): "exact" | "kep-6061" {
  if (mode !== "exact" && mode !== "kep-6061") throw new TypeError(`unknown mode ${JSON.stringify(mode)}`);
  return mode;
}

function limited(specs: readonly LinuxSeccomp[], { architectures }: CombineProfilesOptions): LinuxSeccomp[] {
  return specs.map((spec) => (architectures ? { ...spec, architectures: [...architectures] } : spec));
}

const stricter: Combine = (a, b) => (strictness(b) < strictness(a) ? b : a);
const looser: Combine = (a, b) => (strictness(b) > strictness(a) ? b : a);

const MULTIPLEXERS: readonly string[] = ["socketcall", "ipc"];

/** What is asked for, and how candidates are tried. */
interface Goal {
  table: DiagramTable;
  native: string;
  /** Default action and everything else but the rules. */
  header: LinuxSeccomp;
  arches: readonly SeccompArch[];
  specs: readonly LinuxSeccomp[];
  defaultValue: number;
  wanted(arch: string, nr: number): Diagram;
}

function combine(
  specs: readonly LinuxSeccomp[],
  kind: "intersection" | "union",
  { native }: CombineProfilesOptions,
): CombinedProfile {
  const table = createDiagramTable();
  const choice = kind === "intersection" ? stricter : looser;
  const filters = specs.map((spec) => built(spec, native));
  const own = seccompArch(native);
  const named = new Map<string, SeccompArch>([[own.name, own]]);
  for (const { arches } of filters) for (const [name, arch] of arches) named.set(name, arch);
  const arches = [...named.values()].filter(
    ({ name }) => kind === "union" || filters.every((filter) => filter.arches.has(name)),
  );
  const defaultValue = filters.map((filter) => filter.defaultValue).reduce(choice);
  const wanted = (arch: string, nr: number): Diagram =>
    filters
      .map((filter) => decisionOf(table, [filter], arch, nr))
      .reduce((a, b) => table.merge(a, b, choice));
  const header = mergedHeader(specs, kind, actionOf(defaultValue), arches);
  const goal: Goal = { table, native, header, arches, specs, defaultValue, wanted };

  const names = new Set(specs.flatMap(({ syscalls = [] }) => syscalls.flatMap((entry) => entry.names ?? [])));
  const known = [...names].filter(isSyscallName);
  const rules = rulesOfAll(goal, known);
  const spec: LinuxSeccomp = { ...header, ...syscallsOf(rules) };
  const result = built(spec, native);
  checkEverywhere(goal, result, filters);
  checkLength(result);
  return { spec, unknown: [...names].filter((name) => !isSyscallName(name)) };
}

/**
 * Rules for every call. The multiplexers of 32-bit architectures also get rules through the calls that they carry:
 * an unconditional rule for them comes first, as it keeps those out; anything else comes last.
 */
function rulesOfAll(goal: Goal, names: readonly string[]): Map<string, LinuxSyscall[]> {
  const rules = new Map<string, LinuxSyscall[]>();
  for (const name of MULTIPLEXERS) {
    const plain = plainRule(goal, name);
    if (plain) rules.set(name, [plain]);
  }
  const first = [...rules.values()].flat();
  for (const name of names) if (!MULTIPLEXERS.includes(name)) rules.set(name, rulesFor(goal, name, first));
  for (const name of MULTIPLEXERS) {
    const others = [...rules.values()].flat();
    if (!decidesAs(goal, name, others)) rules.set(name, rulesFor(goal, name, others));
  }
  return rules;
}

/** The unconditional rule that decides a call as wanted, unless that is no rule or needs conditions. */
function plainRule({ arches, wanted, defaultValue }: Goal, name: string): LinuxSyscall | undefined {
  for (const arch of arches) {
    const nr = syscallNumber(arch, name);
    const decision = nr === undefined ? undefined : wanted(arch.name, nr);
    if (decision?.kind === "end" && decision.value !== defaultValue) return ruleOf(name, decision.value, []);
  }
  return undefined;
}

function built(spec: LinuxSeccomp, native: string): BuiltFilter {
  const filter = buildFilter(spec, { native });
  checkRules(filter);
  return filter;
}

/** Rules for one call that decide as wanted on every architecture, with others already there. */
function rulesFor(goal: Goal, name: string, others: readonly LinuxSyscall[]): LinuxSyscall[] {
  for (const rules of candidates(goal, name)) {
    if (decidesAs(goal, name, [...others, ...rules])) return rules;
  }
  throw inexpressible(name, "on all architectures");
}

function* candidates(goal: Goal, name: string): Generator<LinuxSyscall[]> {
  const { table, specs, wanted, arches, defaultValue } = goal;
  const places = arches.flatMap((arch) => {
    const nr = syscallNumber(arch, name);
    return nr === undefined ? [] : [{ bits: arch.bits, decision: wanted(arch.name, nr) }];
  });
  for (const { decision } of places) {
    if (decision.kind === "end")
      yield decision.value === defaultValue ? [] : [ruleOf(name, decision.value, [])];
  }
  const written = specs.map(({ syscalls = [] }) =>
    syscalls
      .filter(({ names }) => names?.includes(name))
      .map((entry) => copySyscall(entry, [name], entry.errnoRet)),
  );
  yield* written;
  yield written.flat();
  const wideFirst = [...places].sort((a, b) => b.bits - a.bits);
  for (const { decision, bits } of wideFirst) {
    yield regionsOf(table, decision, { bits, form: "rules" })
      .filter(({ value }) => value !== defaultValue)
      .map(({ conditions, value }) => ruleOf(name, value, conditions));
  }
  // A call without a number here, that is only made through a multiplexer.
  if (places.length === 0) yield [];
}

function decidesAs(
  { table, native, header, arches, wanted }: Goal,
  name: string,
  rules: LinuxSyscall[],
): boolean {
  const filter = buildFilter({ ...header, syscalls: rules }, { native });
  if (filter.results.some(({ code }) => code !== 0)) return false;
  return arches.every((arch) => {
    const nr = syscallNumber(arch, name);
    return nr === undefined || decisionOf(table, [filter], arch.name, nr) === wanted(arch.name, nr);
  });
}

function checkEverywhere(
  { table, native, wanted, arches }: Goal,
  result: BuiltFilter,
  filters: readonly BuiltFilter[],
): void {
  const covered = new Set(arches.map(({ name }) => name));
  for (const { arch, from } of numberRanges([...filters, result], native)) {
    if (!covered.has(arch) || decisionOf(table, [result], arch, from) === wanted(arch, from)) continue;
    throw inexpressible(`number ${from}`, `on ${arch}`);
  }
}

/** A profile that no kernel takes would be no answer. */
function checkLength(result: BuiltFilter): void {
  try {
    compileBuilt(result, "list");
  } catch (cause) {
    if (!(cause instanceof SeccompError)) throw cause;
    const message = `the profile that decides as these together cannot be loaded: ${cause.message}`;
    throw new SeccompError("ERR_SECCOMP_UNSUPPORTED", message, { cause });
  }
}

function ruleOf(name: string, value: number, args: readonly LinuxSeccompArg[]): LinuxSyscall {
  const { action, errno } = actionOf(value);
  const errnoRet = hasErrno(action) ? errno : undefined;
  return copySyscall({ names: [name], action, args: [...args] }, [name], errnoRet);
}

/** Entries with the names that have equal rules; unconditional ones first. */
function syscallsOf(rules: ReadonlyMap<string, readonly LinuxSyscall[]>): { syscalls?: LinuxSyscall[] } {
  const groups = new Map<string, { names: string[]; rules: readonly LinuxSyscall[] }>();
  for (const [name, own] of rules) {
    if (own.length === 0) continue;
    const key = JSON.stringify(own, (member, value: unknown) =>
      member === "names" ? undefined : typeof value === "bigint" ? `${value}` : value,
    );
    const group = groups.get(key);
    if (group) group.names.push(name);
    else groups.set(key, { names: [name], rules: own });
  }
  const isPlain = (rules: readonly LinuxSyscall[]): boolean => rules.every(({ args }) => args === undefined);
  const sorted = [...groups.values()].sort((a, b) => Number(isPlain(b.rules)) - Number(isPlain(a.rules)));
  const syscalls = sorted.flatMap(({ names, rules }) =>
    rules.map((rule) => ({ ...rule, names: [...names] })),
  );
  return syscalls.length === 0 ? {} : { syscalls };
}

function inexpressible(what: string, where: string): SeccompError {
  return new SeccompError(
    "ERR_SECCOMP_UNSUPPORTED",
    `no one profile is known to decide ${what.slice(0, 64)} as these together do ${where}`,
  );
}

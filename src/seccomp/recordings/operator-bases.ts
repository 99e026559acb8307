/**
 * The profile that the Security Profiles Operator writes for an object that builds on others.
 *
 * @see {@link https://github.com/kubernetes-sigs/security-profiles-operator/blob/v0.9.1/installation-usage.md}
 * @module
 */
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import { returnValue } from "../actions.ts";
import { diffProfiles, unionProfiles } from "../algebra/index.ts";
import { toRuntimeSpec } from "../convert.ts";
import { SeccompError } from "../errors.ts";
import { copySyscall } from "../runtime-spec.ts";
import { isSyscallName } from "../syscalls.ts";
import type { LinuxSeccomp, LinuxSyscall, ProfileSyscall } from "../types.ts";
import { type OperatorObject, operatorProfiles } from "./operator.ts";
import type { ReadRecordingOptions } from "./recording.ts";

/** Options of {@link resolveOperatorProfile}. */
export interface ResolveOperatorProfileOptions extends ReadRecordingOptions, SignalOptions {
  /** Architecture of the nodes, in any spelling. */
  native: string;
  /**
   * The object of a `baseProfileName` as JSON, or `null` where there is none. A name is one of the profile's namespace;
   * one that begins with `oci://` is an artifact, whose signature is to be checked here.
   */
  readBase: (name: string, options: SignalOptions) => Promise<Uint8Array | string | null>;
}

/** A profile with all that it builds on. */
export interface OperatorProfile {
  spec: LinuxSeccomp;
  /** The `baseProfileName` of each profile that it builds on, directly or not, in the order in which they follow. */
  bases: string[];
  /** Where each call's entries come from: 0 is the profile itself, others count from 1 through `bases`. Sorted by name. */
  origins: { name: string; from: number[] }[];
}

/** As many as the operator follows. */
const MAX_BASES = 15;

/**
 * The profile of a SeccompProfile object together with its base profiles: default action, architectures and flags of the
 * object itself, and the entries of all. A call that one of them has entries for keeps these; where several have, each
 * call of it gets the loosest action that any has a rule for.
 *
 * Unlike the operator's earlier releases, nothing is lost of conditions and errno values.
 *
 * @throws {SeccompError} `ERR_SECCOMP_PROFILE_REQUEST` for a base that is not there, bases that lead back to one another,
 *   and more than 15.
 * @throws {SeccompError} As `readOperatorProfile`, also for a text with several objects; `ERR_SECCOMP_UNSUPPORTED` where
 *   several have entries for a call, of which one kills the process, or no profile is known how to write decides so.
 *   Rejections of `readBase` are passed on unchanged.
 */
export async function resolveOperatorProfile(
  input: Uint8Array | string,
  options: ResolveOperatorProfileOptions,
): Promise<OperatorProfile> {
  const { native, readBase, signal } = options;
  signal?.throwIfAborted();
  const own = oneObject(input, options);
  const objects = [own];
  const bases: string[] = [];
  for (let next = own.base; next !== ""; next = objects.at(-1)?.base ?? "") {
    if (bases.includes(next) || (next === own.name && own.name !== "")) {
      throw refused(`base profiles lead back to ${quote(next)}`);
    }
    if (bases.length >= MAX_BASES) throw refused(`more than ${MAX_BASES} base profiles`);
    bases.push(next);
    const content = await raceSignal(readBase(next, { signal }), signal);
    // From untyped code: what is missing must not read as an empty profile.
    if (content === null || content === undefined) throw refused(`no base profile ${quote(next)}`);
    objects.push(oneObject(content, options));
  }
  // The reading is that of containerd, which has no conditions on the node.
  const header = toRuntimeSpec({ ...own.profile, syscalls: [] }, { arch: "amd64", capabilities: [] });
  const lists = objects.map(({ profile }) => byName(profile.syscalls ?? []));
  const names = [...new Set(lists.flatMap((list) => [...list.keys()]))].sort(inOrder);
  const otherwise = header ?? { defaultAction: "" };
  const syscalls = grouped(mergedRules(names, lists, otherwise, native));
  return {
    spec: { ...otherwise, ...(syscalls.length > 0 ? { syscalls } : {}) },
    bases,
    origins: names.map((name) => ({ name, from: lists.flatMap((list, at) => (list.has(name) ? [at] : [])) })),
  };
}

function oneObject(input: Uint8Array | string, options: ReadRecordingOptions): OperatorObject {
  const [object, another] = operatorProfiles(input, options);
  if (object && !another) return object;
  throw new SeccompError("ERR_SECCOMP_TYPE", "not one SeccompProfile object");
}

type RulesByName = ReadonlyMap<string, readonly LinuxSyscall[]>;

function byName(entries: readonly ProfileSyscall[]): RulesByName {
  const rules = new Map<string, LinuxSyscall[]>();
  for (const entry of entries) {
    for (const name of new Set(entry.names ?? [])) {
      const own = rules.get(name) ?? [];
      rules.set(name, own);
      own.push(copySyscall(entry, [name], entry.errnoRet));
    }
  }
  return rules;
}

/** Rules of one name each. */
function mergedRules(
  names: readonly string[],
  lists: readonly RulesByName[],
  { architectures, ...header }: LinuxSeccomp,
  native: string,
): LinuxSyscall[] {
  const taken: LinuxSyscall[] = [];
  const several: string[] = [];
  for (const name of names) {
    const [first = [], ...others] = lists.flatMap((list) => {
      const own = list.get(name);
      return own ? [own] : [];
    });
    const text = keyOf(first);
    // Runtimes leave out what no architecture has: whose entry it is does not matter.
    if (others.every((other) => keyOf(other) === text) || !isSyscallName(name)) taken.push(...first);
    else several.push(name);
  }
  if (several.length === 0) return taken;
  // Stricter than every rule, so that a rule is looser than none.
  const without = "SCMP_ACT_KILL_PROCESS";
  const specs = lists.map((list): LinuxSeccomp => {
    const syscalls = several.flatMap((name) => countingRules(list.get(name) ?? [], header));
    const kills = syscalls.find(({ action }) => action === without);
    if (kills) {
      const message = `${kills.names?.[0]} kills the process in one of several profiles`;
      throw new SeccompError("ERR_SECCOMP_UNSUPPORTED", message);
    }
    return { defaultAction: without, ...(architectures ? { architectures } : {}), syscalls };
  });
  const { spec } = unionProfiles(specs, { native });
  const { syscalls = [] } = spec ?? {};
  // With the real default a runtime leaves out other rules, and what they kept from a rule is decided by that.
  const { differences } = diffProfiles(
    spec,
    { ...header, ...(architectures ? { architectures } : {}), syscalls },
    { native },
  );
  const isOther = differences.some(({ regions }) => regions.some(({ before }) => before.action !== without));
  if (isOther) {
    throw new SeccompError(
      "ERR_SECCOMP_UNSUPPORTED",
      "no one profile is known to decide as these together do",
    );
  }
  for (const rule of syscalls) {
    for (const name of rule.names ?? []) taken.push(copySyscall(rule, [name], rule.errnoRet));
  }
  return taken;
}

/**
 * Runtimes leave out a rule that says what happens by default, so that another one of the same list counts; where there
 * is no other, the rule is kept to be weighed against those of other lists.
 */
function countingRules(
  rules: readonly LinuxSyscall[],
  { defaultAction, defaultErrnoRet }: LinuxSeccomp,
): readonly LinuxSyscall[] {
  const byDefault = returnValue(defaultAction, defaultErrnoRet);
  const counting = rules.filter(({ action, errnoRet }) => returnValue(action, errnoRet) !== byDefault);
  return counting.length > 0 ? counting : rules;
}

/** Names with equal rules share entries; sorted, so that equal profiles give equal texts. */
function grouped(rules: readonly LinuxSyscall[]): LinuxSyscall[] {
  const own = byName(rules);
  const groups = new Map<string, { names: string[]; rules: readonly LinuxSyscall[] }>();
  for (const name of [...own.keys()].sort(inOrder)) {
    const list = own.get(name) ?? [];
    const group = groups.get(keyOf(list)) ?? { names: [], rules: list };
    groups.set(keyOf(list), group);
    group.names.push(name);
  }
  return [...groups.values()].flatMap(({ names, rules }) =>
    rules.map((rule) => copySyscall(rule, [...names], rule.errnoRet)),
  );
}

/** What rules say, whatever they are for. */
function keyOf(rules: readonly LinuxSyscall[]): string {
  const texts = rules.map(({ action, errnoRet, args = [] }) => {
    const conditions = args.map(({ index, op, value, valueTwo = 0n }) =>
      [index, op, value, valueTwo].join(" "),
    );
    return [action, errnoRet ?? "", ...conditions].join(", ");
  });
  return texts.join("; ");
}

function inOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 300));
}

function refused(message: string): SeccompError {
  return new SeccompError("ERR_SECCOMP_PROFILE_REQUEST", message);
}

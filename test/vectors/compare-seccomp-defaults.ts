/**
 * Compares the built-in profiles with those that the programs ship, in effect and in both directions:
 * `node test/vectors/compare-seccomp-defaults.ts DIR`.
 *
 * DIR holds containers-common-default.json, crio-default.json, moby-default.json and
 * containerd-default-rules.json. Every rule of a file counts or not by the architecture, the kernel and the
 * capabilities it names, on its own. So a profile is compared call by call: with all sets of the capabilities that
 * any rule on the call names, on every architecture and kernel, what is left must be the same rules in the same
 * order. Calls that share a multiplexer are compared together. For containerd, whose filter is put together in
 * code, all sets of the capabilities that it knows are gone through. Last, both filters decide every call
 * at the limits of every condition.
 *
 * Every difference is a line on stdout, and any makes the exit code 1; 2 is for a wrong call.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { LadingError } from "../../src/core/errors.ts";
import { SECCOMP_ARCHES, seccompArch } from "../../src/seccomp/arch.ts";
import { type ConvertProfileOptions, toRuntimeSpec } from "../../src/seccomp/convert.ts";
import { type DefaultProfileName, defaultProfile, defaultSeccomp } from "../../src/seccomp/defaults/index.ts";
import { createEvaluator, type SyscallDecision } from "../../src/seccomp/evaluate.ts";
import { parseProfile } from "../../src/seccomp/parse.ts";
import { hasSyscallTable, multiplexedCall, syscallNumber } from "../../src/seccomp/syscalls.ts";
import type { LinuxSeccomp, ProfileSyscall, SeccompProfile } from "../../src/seccomp/types.ts";

/** The data file of containerd's rules, as far as it is read. */
export interface ContainerdRules {
  defaultAction: string;
  goarchToArchitectures: Record<string, string[]>;
  base: object[];
  kernel: { minKernel: string; rules: object[] }[];
  perGoarch: Record<string, object[]>;
  perCapability: { cap: string; rules: object[]; marksAdmin: boolean }[];
  withoutCapSysAdmin: Record<string, object[]>;
}

type Files = Exclude<DefaultProfileName, "containerd">;

const GO_ARCHES = ["386", "mips64le", "mips64p32", "mips64p32le", "mipsle"];
const ARCHES = [...new Set([...SECCOMP_ARCHES.map(({ native }) => native), ...GO_ARCHES])];
const KERNELS = ["3.10.0", "4.7.10", "4.8.0", "6.1.0-13-amd64"];
const OLD_CLONE = ["s390", "s390x"];
const USUAL = ["CAP_CHOWN", "CAP_AUDIT_WRITE", "CAP_SYS_CHROOT", "CAP_MKNOD"];

/** Every difference in effect between a built-in profile and a shipped file, and how much was compared. */
export function compareFile(
  name: Files,
  shipped: SeccompProfile,
): { differences: string[]; compared: number } {
  const built = defaultProfile(name);
  const differences: string[] = [];
  let compared = 0;
  const head = ({ syscalls: _, ...rest }: SeccompProfile): string =>
    text({ ...rest, archMap: rest.archMap?.map((one) => ({ subArchitectures: [], ...one })) });
  if (head(built) !== head(shipped)) {
    differences.push(`${name}: the file is ${head(shipped)}, built in is ${head(built)}`);
  }
  const both = [...(built.syscalls ?? []), ...(shipped.syscalls ?? [])];
  for (const group of groupsOf(both.flatMap(namesOf))) {
    const [mine, theirs] = [only(built, group), only(shipped, group)];
    const gates = [...(mine.syscalls ?? []), ...(theirs.syscalls ?? [])];
    const caps = gates.flatMap(({ includes, excludes }) => [
      ...(includes?.caps ?? []),
      ...(excludes?.caps ?? []),
    ]);
    const kernels = name === "moby" ? KERNELS : [undefined];
    const sets = name === "moby" ? subsets(caps) : [...subsets(caps), null];
    for (const arch of ARCHES) {
      const expected = name === "cri-o" && OLD_CLONE.includes(arch) ? secondArgument(theirs) : theirs;
      for (const capabilities of sets) {
        for (const kernel of kernels) {
          const options = { arch, capabilities, kernel };
          const [want, have] = [expected, mine].map((profile) => converted(profile, options));
          compared++;
          if (want === have) continue;
          differences.push(`${name} ${group[0]} ${text(options)}:\n  file     ${want}\n  built in ${have}`);
        }
      }
    }
  }
  return { differences, compared };
}

/** As {@link compareFile}, for the rules of containerd. */
export function compareContainerd(rules: ContainerdRules): { differences: string[]; compared: number } {
  const differences: string[] = [];
  let compared = 0;
  const known = rules.perCapability.map(({ cap }) => cap);
  const few = [[], ...known.map((cap) => [cap]), known, known.toReversed(), [...USUAL, "CAP_SYS_ADMIN"]];
  const least = rules.kernel.map(({ minKernel }) => minKernel);
  if (least.some((version) => version !== "4.8")) differences.push(`containerd: kernels ${least.join(" ")}`);
  for (const arch of ARCHES) {
    // One architecture with every set; what capabilities add is the same on all but where clone has its flags.
    const sets = arch === "amd64" || arch === "s390x" ? subsets(known) : few;
    for (const kernel of sets === few ? KERNELS : ["4.8.0"]) {
      for (const capabilities of sets) {
        const options = { arch, capabilities, kernel };
        const [want, have] = [containerdFilter(rules, options), defaultSeccomp("containerd", options)].map(
          effect,
        );
        compared++;
        if (want === have) continue;
        differences.push(`containerd ${text(options)}:\n  rules    ${want}\n  built in ${have}`);
      }
    }
  }
  return { differences, compared };
}

/** Differences between what two filters decide, for every call of the architecture. */
export function compareDecisions(
  want: LinuxSeccomp,
  have: LinuxSeccomp,
  arch: string,
): { differences: string[]; compared: number } {
  const filters = [want, have].map((spec) => createEvaluator(spec, { native: arch, runtime: "runc" }));
  const differences: string[] = [];
  let compared = 0;
  const covered = new Set([seccompArch(arch).scmp, ...(want.architectures ?? [])]);
  for (const scmp of covered) {
    const caller = seccompArch(scmp);
    if (!hasSyscallTable(caller)) continue;
    const rules = [...(want.syscalls ?? []), ...(have.syscalls ?? [])];
    for (const name of new Set(rules.flatMap(({ names }) => names ?? []))) {
      if (syscallNumber(caller, name) === undefined) continue;
      for (const args of probes(rules.filter(({ names }) => names?.includes(name)))) {
        const call = { arch: scmp, name, args };
        const [one, other] = filters.map((filter) => decision(filter.evaluate(call)));
        compared++;
        if (one !== other) differences.push(`${arch} ${text(call)}: file ${one}, built in ${other}`);
      }
    }
  }
  return { differences, compared };
}

/** The object that containerd makes, put together as the data file says. */
export function containerdFilter(rules: ContainerdRules, options: ConvertProfileOptions): LinuxSeccomp {
  const { arch, capabilities, kernel = "" } = options;
  const caps = capabilities ?? [];
  const [version = 0, major = 0] = kernel.split(".").map((part) => Number.parseInt(part, 10));
  const recent = version > 4 || (version === 4 && major >= 8);
  const admin = rules.perCapability.some(({ cap, marksAdmin }) => marksAdmin && caps.includes(cap));
  const last = Object.entries(rules.withoutCapSysAdmin);
  const syscalls = [
    ...rules.base,
    ...(recent ? rules.kernel.flatMap((group) => group.rules) : []),
    ...(rules.perGoarch[arch] ?? []),
    ...caps.flatMap((cap) =>
      rules.perCapability.filter((group) => group.cap === cap).flatMap((one) => one.rules),
    ),
    ...(admin ? [] : ((last.find(([arches]) => arches.split(",").includes(arch)) ?? last.at(-1))?.[1] ?? [])),
  ];
  const architectures = rules.goarchToArchitectures[arch] ?? [];
  const { defaultAction } = rules;
  const profile = parseProfile(JSON.stringify({ defaultAction, architectures, syscalls }), {
    engine: "containerd",
  });
  const spec = toRuntimeSpec(profile, { arch: "amd64", capabilities: null });
  if (!spec) throw new TypeError("containerd's rules make no filter");
  return spec;
}

/** Names that cannot interfere with others, alone, and those that share a number somewhere, together. */
function groupsOf(names: string[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const name of [...new Set(names)].sort()) {
    const family = multiplexedCall(seccompArch("x86"), name)?.multiplexer ?? name;
    groups.set(family, [...(groups.get(family) ?? []), name]);
  }
  return [...groups.values()];
}

/** The profile without rules on other calls. */
function only(profile: SeccompProfile, names: string[]): SeccompProfile {
  const syscalls = (profile.syscalls ?? []).flatMap((entry): ProfileSyscall[] => {
    const { name: _, ...rest } = entry;
    const kept = namesOf(entry).filter((name) => names.includes(name));
    return kept.length === 0 ? [] : [{ ...rest, names: kept }];
  });
  return { ...profile, syscalls };
}

/** CRI-O's rules on clone as built for s390: the flags are the second argument. */
function secondArgument(profile: SeccompProfile): SeccompProfile {
  const syscalls = (profile.syscalls ?? []).map((entry) =>
    namesOf(entry).includes("clone") && entry.args
      ? { ...entry, args: entry.args.map((condition) => ({ ...condition, index: 1 })) }
      : entry,
  );
  return { ...profile, syscalls };
}

function namesOf({ name, names }: ProfileSyscall): string[] {
  return name ? [name] : (names ?? []);
}

function converted(profile: SeccompProfile, options: ConvertProfileOptions): string {
  try {
    const spec = toRuntimeSpec(profile, options);
    return spec ? effect(spec) : "no filter";
  } catch (error) {
    if (error instanceof LadingError) return error.code;
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

/** A filter as text: for each call its rules in order, without one that repeats an earlier one. */
function effect({ syscalls = [], ...rest }: LinuxSeccomp): string {
  const calls = new Map<string, Set<string>>();
  for (const { names, ...rule } of syscalls) {
    const written = text({ ...rule, args: rule.args?.map((one) => ({ valueTwo: 0n, ...one })) });
    for (const name of names ?? []) {
      const group = multiplexedCall(seccompArch("x86"), name)?.multiplexer ?? name;
      const rules = calls.get(group) ?? new Set();
      calls.set(group, rules.add(group === name ? written : `${name} ${written}`));
    }
  }
  const sorted = [...calls].map(([name, rules]) => `${name} ${[...rules].join(" ")}`).sort();
  return `${text(rest)} ${sorted.join(" ")}`;
}

function decision({ action, errno, kind }: SyscallDecision): string {
  return `${kind} ${action} ${errno ?? ""}`;
}

/** Arguments at, below and above each value that a condition compares with, for all conditions at once. */
function probes(rules: NonNullable<LinuxSeccomp["syscalls"]>): bigint[][] {
  const limits = new Map<number, Set<bigint>>();
  for (const { index, value, valueTwo = 0n } of rules.flatMap(({ args = [] }) => args)) {
    const found = limits.get(index) ?? new Set([0n, 0xffff_ffff_ffff_ffffn]);
    for (const limit of [value, valueTwo, value | valueTwo]) {
      for (const near of [limit - 1n, limit, limit + 1n]) found.add(BigInt.asUintN(64, near));
    }
    limits.set(index, found);
  }
  return [...limits].reduce<bigint[][]>(
    (lists, [index, values]) =>
      lists.flatMap((args) => [...values].map((value) => args.toSpliced(index, 1, value))),
    [[0n, 0n, 0n, 0n, 0n, 0n]],
  );
}

function subsets(items: string[]): string[][] {
  return [...new Set(items)].reduce<string[][]>(
    (sets, item) => sets.flatMap((set) => [set, [...set, item]]),
    [[]],
  );
}

/** JSON with sorted members and exact numbers. */
function text(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => {
    if (typeof field === "bigint") return `${field}`;
    if (typeof field !== "object" || field === null || Array.isArray(field)) return field;
    return Object.fromEntries(Object.entries(field).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}

function run(folder: string): string[] {
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");
  const differences: string[] = [];
  const report = (title: string, result: { differences: string[]; compared: number }): void => {
    differences.push(...result.differences);
    console.log(`${title}: ${result.compared} compared, ${result.differences.length} differences`);
  };
  const rules = JSON.parse(read("containerd-default-rules.json")) as ContainerdRules;
  const files: [Files, string, "containers-common" | "moby"][] = [
    ["containers-common", "containers-common-default.json", "containers-common"],
    ["cri-o", "crio-default.json", "containers-common"],
    ["moby", "moby-default.json", "moby"],
  ];
  const filters: [DefaultProfileName, (options: ConvertProfileOptions) => LinuxSeccomp | null][] = [
    ["containerd", (options) => containerdFilter(rules, options)],
  ];
  for (const [name, file, engine] of files) {
    const shipped = parseProfile(read(file), { engine });
    report(`${name}, rules`, compareFile(name, shipped));
    const own = (arch: string): SeccompProfile =>
      name === "cri-o" && OLD_CLONE.includes(arch) ? secondArgument(shipped) : shipped;
    filters.push([name, (options) => toRuntimeSpec(own(options.arch), options)]);
  }
  report("containerd, rules", compareContainerd(rules));
  for (const [name, shipped] of filters) {
    const decided = { differences: [] as string[], compared: 0 };
    for (const arch of ["amd64", "arm64", "s390x", "ppc64le", "riscv64"]) {
      for (const capabilities of [[], USUAL, ["CAP_SYS_ADMIN"]]) {
        const options = { arch, capabilities, kernel: "6.1.0" };
        const want = shipped(options);
        if (!want) throw new TypeError(`${name}: no filter`);
        const result = compareDecisions(want, defaultSeccomp(name, options), arch);
        decided.differences.push(...result.differences);
        decided.compared += result.compared;
      }
    }
    report(`${name}, decisions`, decided);
  }
  return differences;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [folder] = process.argv.slice(2);
  if (!folder) {
    console.error("usage: compare-seccomp-defaults.ts DIR");
    process.exit(2);
  }
  const differences = run(folder);
  for (const difference of differences) console.log(difference);
  process.exit(differences.length === 0 ? 0 : 1);
}

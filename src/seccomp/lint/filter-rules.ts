/**
 * Checks of the filter that a profile becomes on a node.
 *
 * @module
 */
import { seccompArch } from "../arch.ts";
import { letsThrough } from "../confinement.ts";
import { type ConvertedProfile, type ConvertProfileOptions, convertProfile } from "../convert.ts";
import { SeccompError } from "../errors.ts";
import { type BuiltFilter, buildFilter, type FilterRule, refusedFor } from "../filter.ts";
import type { LinuxSeccomp, SeccompProfile } from "../types.ts";
import type { ReportFinding } from "./findings.ts";

/** Architectures whose programs run on a kernel of another. */
const RELATIVES: Readonly<Record<string, readonly string[]>> = {
  x86_64: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  aarch64: ["SCMP_ARCH_ARM"],
  s390x: ["SCMP_ARCH_S390"],
};
const STARTUP_CALLS = ["execve", "exit_group", "futex"];

/** Reports what is odd about the filter on one kind of node. */
export function lintFilter(
  profile: SeccompProfile,
  options: ConvertProfileOptions,
  report: ReportFinding,
): void {
  let converted: ConvertedProfile;
  try {
    converted = convertProfile(profile, options);
  } catch (error) {
    if (!(error instanceof SeccompError)) throw error;
    report([], "not-converted", "error", error.message);
    return;
  }
  const { confinement, spec } = converted;
  if (spec === null || confinement === "unconfined") {
    report([], "unconfined", "error", "there is no default action and no rule: the container gets no filter");
    return;
  }
  if (confinement === "stops-nothing") {
    report(["defaultAction"], "stops-nothing", "error", "every call is let through");
  } else if (letsThrough(spec.defaultAction)) {
    report(["defaultAction"], "allow-by-default", "warning", "calls that no rule names are let through");
  }
  const native = seccompArch(options.arch);
  lintArchitectures(spec, native.name, native.scmp, report);
  let filter: BuiltFilter;
  try {
    filter = buildFilter(spec, { native: native.name });
  } catch (error) {
    if (!(error instanceof SeccompError)) throw error;
    report([], "filter-invalid", "error", error.message);
    return;
  }
  const entryOf = new Map(
    converted.rules.flatMap((rule) => (rule.kind === "kept" ? [[rule.rule, rule.index] as const] : [])),
  );
  lintRules(filter, (rule) => ["syscalls", entryOf.get(rule) ?? rule], report);
  lintStartup(spec, report);
}

function lintArchitectures(spec: LinuxSeccomp, native: string, scmp: string, report: ReportFinding): void {
  const listed = spec.architectures ?? [];
  const relatives = RELATIVES[native] ?? [];
  for (const relative of relatives) {
    if (listed.includes(relative)) continue;
    const message = `calls of ${relative} programs kill the thread on ${scmp}`;
    report(["architectures"], "compat-architecture-missing", "info", message);
  }
  for (const arch of listed) {
    if (arch === scmp || (relatives.includes(arch) && arch !== "SCMP_ARCH_X32")) continue;
    const message = `${arch.slice(0, 64)}: few or no programs on ${scmp} make such calls`;
    report(["architectures"], "architecture-unneeded", "info", message);
  }
}

function lintRules(
  { results, skipped }: BuiltFilter,
  pathOf: (rule: number) => (string | number)[],
  report: ReportFinding,
): void {
  const byName = new Map<string, { plain: FilterRule[]; conditional: FilterRule[] }>();
  for (const { rule, code } of results) {
    if (code === -17) {
      const message = `rules for ${rule.name} contradict each other: the container does not start`;
      report(pathOf(rule.index), "rule-conflict", "error", message);
    } else if (code === -22) {
      const message = `the rule for ${rule.name} has ${refusedFor(rule)}: the container does not start`;
      report(pathOf(rule.index), "filter-invalid", "error", message);
    }
    const own = byName.get(rule.name) ?? { plain: [], conditional: [] };
    byName.set(rule.name, own);
    // A mask of 0 asks nothing.
    (rule.conditions.every(({ mask }) => mask === 0n) ? own.plain : own.conditional).push(rule);
  }
  for (const [name, { plain, conditional }] of byName) {
    const [first] = plain;
    if (!first) continue;
    for (const rule of [...plain.slice(1), ...conditional]) {
      const differs = rule.value !== first.value;
      if (!differs && rule.conditions.length === 0) continue;
      const message = `${name} has another rule, without conditions: this one has no effect`;
      report(pathOf(rule.index), "rule-without-effect", differs ? "error" : "info", message);
    }
  }
  for (const { index, name, reason } of skipped) {
    if (reason !== "equals-default") continue;
    const message = `${name.slice(0, 64)} and others of the rule do what happens by default`;
    report(pathOf(index), "equals-default", "info", message);
  }
}

function lintStartup({ defaultAction, syscalls = [] }: LinuxSeccomp, report: ReportFinding): void {
  if (letsThrough(defaultAction)) return;
  for (const call of STARTUP_CALLS) {
    const passes = syscalls.some(({ names, action }) => letsThrough(action) && names?.includes(call));
    if (passes) continue;
    report(
      ["syscalls"],
      "startup-call-missing",
      "warning",
      `no rule lets ${call} through: containers need it`,
    );
  }
}

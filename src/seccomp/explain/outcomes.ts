/**
 * Everything that a profile can do with one call, entry by entry, and what that reads as.
 *
 * @module
 */
import { actionOf, returnValue } from "../actions.ts";
import { ruleDecision } from "../algebra/decisions.ts";
import { createDiagramTable } from "../algebra/diagram.ts";
import type { DecidedAction } from "../algebra/index.ts";
import { regionsOf } from "../algebra/regions.ts";
import { seccompArch } from "../arch.ts";
import { type EvaluateSyscallOptions, evaluateSyscall, type SyscallDecision } from "../evaluate.ts";
import { buildFilter, checkRules } from "../filter.ts";
import type { LinuxSeccomp, LinuxSeccompArg } from "../types.ts";
import type { SeccompAuditEvent } from "./audit.ts";
import { actionText, callText, conditionsText, reasonText } from "./words.ts";

/** Options of {@link explainSyscall} and {@link explainAuditEvent}. */
export type ExplainSyscallOptions = EvaluateSyscallOptions;

/** One thing that can happen with a call. */
export interface SyscallOutcome extends DecidedAction {
  kind: SyscallDecision["kind"];
  /** Index in `syscalls` of the entry that decides. */
  rule?: number;
  /** For which arguments: any of these, in each of which all must hold. One without conditions is every call. */
  regions: (readonly LinuxSeccompArg[])[];
  /** The same as a sentence. */
  text: string;
}

/** What a profile can do with one call. */
export interface SyscallExplanation {
  /** libseccomp's name. */
  arch: string;
  /** Number that the kernel sees, unsigned. */
  nr: number;
  /** Name of the number, where it has one. */
  name?: string;
  /** Never empty for {@link explainSyscall}. */
  outcomes: SyscallOutcome[];
}

/**
 * What a profile can do with a call, whatever its arguments are: each entry that decides for some arguments, with
 * these arguments, and the default action. Exact, as `evaluateSyscall` is for one call; the errors are the same.
 *
 * @param call Architecture in any spelling, with name or number.
 * @throws {SeccompError} `ERR_SECCOMP_UNSUPPORTED` also for more than 4096 regions of arguments.
 */
export function explainSyscall(
  spec: LinuxSeccomp | null,
  call: { arch: string } & ({ name: string; nr?: undefined } | { nr: number; name?: undefined }),
  options: ExplainSyscallOptions = {},
): SyscallExplanation {
  const plain = evaluateSyscall(spec, call, options);
  const { nr, name } = plain;
  const arch = kernelArch(seccompArch(call.arch).name, nr);
  const named = { arch, nr, ...(name === undefined ? {} : { name }) };
  const isOne = plain.kind !== "rule" && plain.kind !== "default";
  const found = isOne || spec === null ? [outcomeOf(plain, [[]])] : outcomesIn(spec, named, options);
  const outcomes = found.map((outcome) => ({ ...outcome, text: textOf(named, outcome) }));
  return { ...named, outcomes };
}

/**
 * Which entries of a profile can have led to a logged event: those whose action is the logged one. Arguments and
 * errno are not in the log, so that there can be several; none says that another profile was in force.
 */
export function explainAuditEvent(
  spec: LinuxSeccomp | null,
  event: Pick<SeccompAuditEvent, "arch" | "nr" | "action">,
  options: ExplainSyscallOptions = {},
): SyscallExplanation {
  const explained = explainSyscall(spec, { arch: event.arch, nr: event.nr }, options);
  return { ...explained, outcomes: explained.outcomes.filter(({ action }) => action === event.action) };
}

type Named = Pick<SyscallExplanation, "arch" | "nr" | "name">;
type Untold = Omit<SyscallOutcome, "text">;

function kernelArch(arch: string, nr: number): string {
  if (arch !== "x86_64" && arch !== "x32") return arch;
  return nr >= 0x4000_0000 && nr < 0xffff_ffff ? "x32" : "x86_64";
}

function outcomesIn(spec: LinuxSeccomp, { arch, nr }: Named, options: ExplainSyscallOptions): Untold[] {
  const relatives: Readonly<Record<string, string>> = {
    x86: "x86_64",
    x32: "x86_64",
    arm: "aarch64",
    s390: "s390x",
  };
  const native = options.native ?? relatives[arch] ?? arch;
  const filter = buildFilter(spec, { ...options, native });
  checkRules(filter);
  const table = createDiagramTable();
  const decision = ruleDecision(table, filter, arch, nr);
  const outcomes = new Map<number, Untold>();
  for (const { conditions, value } of regionsOf(table, decision, {
    bits: seccompArch(arch).bits,
    form: "regions",
  })) {
    const known = outcomes.get(value);
    if (known) known.regions.push(conditions);
    else outcomes.set(value, ruleOutcome(spec, value, filter.defaultValue, [conditions]));
  }
  return [...outcomes.values()].sort((a, b) => (a.rule ?? Infinity) - (b.rule ?? Infinity));
}

function ruleOutcome(
  spec: LinuxSeccomp,
  rule: number,
  defaultValue: number,
  regions: (readonly LinuxSeccompArg[])[],
): Untold {
  const entry = spec.syscalls?.[rule];
  if (!entry) return { kind: "default", ...actionOf(defaultValue), regions };
  return { kind: "rule", rule, ...actionOf(returnValue(entry.action, entry.errnoRet)), regions };
}

function outcomeOf(
  { kind, action, errno }: SyscallDecision,
  regions: (readonly LinuxSeccompArg[])[],
): Untold {
  return { kind, action, ...(errno === undefined ? {} : { errno }), regions };
}

function textOf(call: Named, outcome: Untold): string {
  const where = outcome.regions.map(conditionsText).join("; or ");
  const when = where === "" ? "" : ` when ${where}`;
  return `${callText(call)}${when}: ${actionText(outcome)}, because ${reasonText(outcome)}.`;
}

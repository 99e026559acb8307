/**
 * Decisions in words.
 *
 * @module
 */
import type { DecidedAction } from "../algebra/index.ts";
import { ERRNO_NUMBERS } from "../errno.ts";
import type { ConsideredRule, SyscallDecision } from "../evaluate.ts";
import type { Condition } from "../filter-tree.ts";
import type { LinuxSeccompArg } from "../types.ts";

const NAMES: ReadonlyMap<number, string> = new Map(
  [...ERRNO_NUMBERS].filter(([name]) => name !== "ENOTSUP").map(([name, number]) => [number, name]),
);

const SIGNS: Readonly<Record<string, string>> = {
  EQ: "==",
  NE: "!=",
  LT: "<",
  LE: "<=",
  GT: ">",
  GE: ">=",
};

/**
 * A decision of `evaluateSyscall` in words: first what happens and why, then a line for every other entry that
 * names the call, saying why it did not decide, then a line for every caveat.
 *
 * For people: the wording may change with any version.
 *
 * @param arch As in the call that was asked for.
 */
export function explainDecision(decision: SyscallDecision, arch: string): string[] {
  const { nr, name, considered, caveats } = decision;
  const call = callText({ arch, nr, ...(name === undefined ? {} : { name }) });
  const others = considered.filter((rule) => rule.kind === "skipped" || rule.index !== decision.rule);
  return [
    `${call}: ${actionText(decision)}, because ${reasonText(decision)}.`,
    ...others.map(otherText),
    ...caveats.map((caveat) => `The decision may differ between versions of libseccomp: ${CAVEATS[caveat]}.`),
  ];
}

const CAVEATS = {
  "order-dependent": "rules with different actions match, and its own order decides",
  "wide-range": "a range stands beside a value above 32 bits",
  "comparison-with-other-argument": "a comparison stands beside a condition on another argument",
} as const;

/** `mount (165 on x86_64)`. */
export function callText({ arch, nr, name }: { arch: string; nr: number; name?: string }): string {
  return `${name ?? "a call without a name"} (${nr} on ${arch})`;
}

/** What an action means for the process. */
export function actionText({ action, errno }: DecidedAction): string {
  switch (action) {
    case "SCMP_ACT_KILL_PROCESS":
      return "the process is killed";
    case "SCMP_ACT_KILL_THREAD":
      return "the thread is killed";
    case "SCMP_ACT_TRAP":
      return "the thread gets SIGSYS";
    case "SCMP_ACT_ERRNO":
      return `the call fails with ${errnoText(errno)}`;
    case "SCMP_ACT_NOTIFY":
      return "the listener decides";
    case "SCMP_ACT_TRACE":
      return "the tracer decides; without one the call fails with ENOSYS";
    case "SCMP_ACT_LOG":
      return "the call is made and logged";
    case "SCMP_ACT_ALLOW":
      return "the call is made";
  }
}

function errnoText(errno = 0): string {
  const name = NAMES.get(errno);
  return name === undefined ? `errno ${errno}` : `${name} (errno ${errno})`;
}

/** What decided. */
export function reasonText({ kind, rule }: { kind: SyscallDecision["kind"]; rule?: number }): string {
  switch (kind) {
    case "rule":
      return `entry ${rule} of the profile says so`;
    case "default":
      return "no entry of the profile matches and this is its default action";
    case "no-filter":
      return "there is no filter";
    case "bad-architecture":
      return "the profile does not list the architecture";
    case "enosys-stub":
      return "runc answers so to calls that are newer than all in the profile";
  }
}

/** `argument 0 == 2 and argument 1 & 0xf == 0x1`; empty for no condition. */
export function conditionsText(conditions: readonly LinuxSeccompArg[]): string {
  return conditions
    .map(({ index, op, value, valueTwo = 0n }) => {
      const name = op.replace(/^SCMP_CMP_/, "");
      return name === "MASKED_EQ"
        ? maskText(index, value, valueTwo)
        : `argument ${index} ${SIGNS[name] ?? name} ${value}`;
    })
    .join(" and ");
}

function conditionText({ arg, op, value, mask }: Condition): string {
  return op === "MASKED_EQ" ? maskText(arg, mask, value) : `argument ${arg} ${SIGNS[op] ?? op} ${value}`;
}

function maskText(index: number, mask: bigint, value: bigint): string {
  return `argument ${index} & 0x${mask.toString(16)} == 0x${value.toString(16)}`;
}

function otherText(rule: ConsideredRule): string {
  if (rule.kind === "skipped") {
    const why =
      rule.reason === "equals-default" ? "it says what the default action is" : "the name is not known";
    return `Entry ${rule.index} is left out by runtimes: ${why}.`;
  }
  return rule.failed
    ? `Entry ${rule.index} does not match: not ${conditionText(rule.failed)}.`
    : `Entry ${rule.index} matches too, but does not decide.`;
}

/**
 * From what was seen to a profile that allows it.
 *
 * @module
 */
import { archOfProfile } from "../arch.ts";
import { SeccompError } from "../errors.ts";
import { isSyscallName } from "../syscalls.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../types.ts";
import type { Recording } from "./recording.ts";

/** Options of {@link profileFromRecordings}. */
export interface ProfileFromRecordingsOptions {
  /** Calls allowed besides the recorded ones, such as those that a runtime makes to start a container. Default none. */
  also?: readonly string[] | undefined;
  /** What happens with every other call. Default `"SCMP_ACT_ERRNO"`. */
  defaultAction?: "SCMP_ACT_ERRNO" | "SCMP_ACT_KILL_PROCESS" | "SCMP_ACT_LOG" | undefined;
  /** Errno of `SCMP_ACT_ERRNO`, 0 excluded. Default 38 (ENOSYS), which libraries take as "use another call". */
  defaultErrnoRet?: number | undefined;
}

/** Each takes at least one instruction, and the kernel takes no more. */
const MAX_ALTERNATIVES = 4096;

/**
 * The least profile that lets through what any of the recordings saw.
 *
 * A call that was seen without conditions once needs none; conditions that another set of fewer ones covers are left
 * out. Calls with the same conditions share an entry, names are sorted, so that equal recordings give equal texts. A
 * call is allowed on each of the architectures that anything was seen on.
 *
 * What was passed over is not in the profile: look at each recording's `passedOver`. Whether the recordings saw all
 * that the workload does is not known here.
 *
 * @throws {SeccompError} `ERR_SECCOMP_UNKNOWN_SYSCALL` for a name that no architecture has, in a recording made by
 *   hand or in `also`; `ERR_SECCOMP_FILTER_INVALID` for an unknown architecture.
 * @throws {SeccompError} `ERR_SECCOMP_TOO_LARGE` for more than 4096 sets of conditions for one call.
 */
export function profileFromRecordings(
  recordings: readonly Recording[],
  options: ProfileFromRecordingsOptions = {},
): LinuxSeccomp {
  const { also = [], defaultAction = "SCMP_ACT_ERRNO", defaultErrnoRet = 38 } = options;
  if (!Number.isInteger(defaultErrnoRet) || defaultErrnoRet < 1 || defaultErrnoRet > 4094) {
    throw new RangeError(`defaultErrnoRet must be a whole number from 1 to 4094, got ${defaultErrnoRet}`);
  }
  const architectures = [...new Set(recordings.flatMap((recording) => recording.architectures))].sort();
  for (const name of architectures) {
    if (archOfProfile(name)) continue;
    throw new SeccompError("ERR_SECCOMP_FILTER_INVALID", `unknown architecture ${name.slice(0, 64)}`);
  }
  const seen = [
    ...recordings.flatMap(({ calls }) => calls),
    ...also.map((name) => ({ name, args: undefined })),
  ];
  const byName = new Map<string, Map<string, Alternative>>();
  for (const { name, args = [] } of seen) {
    if (!isSyscallName(name)) {
      throw new SeccompError("ERR_SECCOMP_UNKNOWN_SYSCALL", `no call ${JSON.stringify(name.slice(0, 64))}`);
    }
    const own = byName.get(name) ?? new Map<string, Alternative>();
    byName.set(name, own);
    for (const alternative of alternativesOf(args)) own.set(alternative.key, alternative);
    if (own.size > MAX_ALTERNATIVES) {
      throw new SeccompError("ERR_SECCOMP_TOO_LARGE", `${name} has more than ${MAX_ALTERNATIVES} conditions`);
    }
  }
  const syscalls = grouped(byName);
  return {
    defaultAction,
    ...(defaultAction === "SCMP_ACT_ERRNO" ? { defaultErrnoRet } : {}),
    ...(architectures.length > 0 ? { architectures } : {}),
    ...(syscalls.length > 0 ? { syscalls } : {}),
  };
}

/** Conditions that all must hold. */
interface Alternative {
  key: string;
  /** Text of each condition. */
  keys: ReadonlySet<string>;
  args: LinuxSeccompArg[];
}

/** As runtimes read an entry: where an argument stands twice, each condition is a rule of its own. */
function alternativesOf(args: readonly LinuxSeccompArg[]): Alternative[] {
  const repeated = new Set(args.map(({ index }) => index)).size < args.length;
  const sets = repeated ? args.map((arg) => [arg]) : [[...args].sort((a, b) => a.index - b.index)];
  return sets.map((set) => {
    const keys = set.map(({ index, op, value, valueTwo = 0n }) => `${index} ${op} ${value} ${valueTwo}`);
    return { key: keys.join(), keys: new Set(keys), args: set };
  });
}

function grouped(byName: ReadonlyMap<string, ReadonlyMap<string, Alternative>>): LinuxSyscall[] {
  const groups = new Map<string, { names: string[]; args: LinuxSeccompArg[] }>();
  for (const name of [...byName.keys()].sort()) {
    const all = [...(byName.get(name)?.values() ?? [])];
    for (const alternative of all) {
      const { key, keys, args } = alternative;
      const covered = all.some((other) => other !== alternative && other.keys.isSubsetOf(keys));
      if (covered) continue;
      const group = groups.get(key) ?? { names: [], args };
      groups.set(key, group);
      group.names.push(name);
    }
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { names, args }]) => ({
      names,
      action: "SCMP_ACT_ALLOW",
      ...(args.length > 0 ? { args: args.map((arg) => ({ ...arg })) } : {}),
    }));
}

/**
 * What runc and crun each do on their own with a `linux.seccomp` object, before and around libseccomp.
 *
 * @see {@link https://github.com/opencontainers/runc/blob/v1.4.1/libcontainer/seccomp/config.go}
 * @see {@link https://github.com/opencontainers/runc/blob/v1.4.1/libcontainer/seccomp/patchbpf/enosys_linux.go}
 * @see {@link https://github.com/containers/crun/blob/1.8.1/src/libcrun/seccomp.c}
 * @module
 */
import { hasErrno } from "./actions.ts";
import { archOfProfile, SECCOMP_ARCHES, type SeccompArch } from "./arch.ts";
import { SeccompError } from "./errors.ts";
import { hasSyscallTable } from "./syscalls.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "./types.ts";

/** Options of `createEvaluator` that say which runtime makes the filter. */
export interface FilterRuntimeOptions {
  /**
   * Whose peculiarities are added. `"runc"`: ENOSYS for calls newer than the profile; NOTIFY neither by default nor on
   * `write`, nor without `listenerPath`; no architecture that it does not know. `"crun"`: no errno on an action that
   * has none, and no entry with `null` for its names; architectures in other spellings, empty names passed over, and
   * only the first six conditions of an entry. Default: neither, only the filter itself.
   */
  runtime?: "runc" | "crun" | undefined;
  /**
   * Release of runc, such as `1.1.5`, for `runtime: "runc"`. Default: the newest. What depends on it:
   *
   * - ENOSYS answers: there are none before 1.0.0-rc93; before 1.1.3 none to number 0 on s390 and s390x, as which calls
   *   arrive there that a kernel does not know; and before 1.1.15 only for the architectures that the object lists, so
   *   that an object without a list has none.
   * - Flags: before 1.2 an object with any is refused, before 1.4.1 one with
   *   `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`.
   * - Architectures: riscv64 is unknown before 1.1.8, loongarch64 before 1.4.1.
   *
   * Which actions a release knows is not looked at, and what a distribution has added to one is not known here.
   */
  runcVersion?: string | undefined;
}

/** Where runc answers ENOSYS. */
export interface EnosysStub {
  /** Highest number of each architecture that it leaves to the filter. */
  lastNumbers: ReadonlyMap<string, number>;
  /** Whether it answers to number 0 on s390 and s390x. */
  answersZero: boolean;
}

const WAIT_KILLABLE = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV";
const FLAGS: ReadonlySet<string> = new Set([
  "SECCOMP_FILTER_FLAG_TSYNC",
  "SECCOMP_FILTER_FLAG_LOG",
  "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
  WAIT_KILLABLE,
]);
/** The architectures that runc has not always known, with its first release that does; `null` for none. */
const RUNC_ARCHES: ReadonlyMap<string, string | null> = new Map([
  ["riscv64", "1.1.8"],
  ["loongarch64", "1.4.1"],
  ...["m68k", "parisc", "parisc64", "sh", "sheb"].map((name) => [name, null] as const),
]);
const NO_STUB: EnosysStub = { lastNumbers: new Map(), answersZero: false };
const MOST_CONDITIONS = 6;

/**
 * Checks what a runtime refuses before libseccomp sees it.
 *
 * @throws {SeccompError} `ERR_SECCOMP_FILTER_INVALID`.
 */
export function checkRuntime(spec: LinuxSeccomp, options: FilterRuntimeOptions): void {
  const { runtime } = options;
  for (const flag of spec.flags ?? []) if (!FLAGS.has(flag)) throw invalid(`unknown flag ${quote(flag)}`);
  if (runtime === "runc") checkRunc(spec, sinceOf(options.runcVersion));
  else if (runtime === "crun") checkCrun(spec);
  else if (runtime !== undefined) throw new TypeError(`unknown runtime ${quote(runtime)}`);
}

function checkRunc(spec: LinuxSeccomp, isSince: (least: string) => boolean): void {
  const { defaultAction, flags = [], listenerPath = "", syscalls = [] } = spec;
  if (flags.length > 0 && !isSince("1.2.0-rc.1")) throw invalid("runc before 1.2 takes no flags");
  if (flags.includes(WAIT_KILLABLE) && !isSince("1.4.1")) {
    throw invalid(`runc before 1.4.1 does not know ${WAIT_KILLABLE}`);
  }
  if (defaultAction === "SCMP_ACT_NOTIFY") throw invalid("runc has no SCMP_ACT_NOTIFY by default");
  const notified = syscalls.flatMap(({ action, names }: LinuxSyscall) =>
    action === "SCMP_ACT_NOTIFY" ? (names ?? []) : [],
  );
  if (notified.includes("write")) throw invalid("runc has no SCMP_ACT_NOTIFY on write");
  // Also for a name that is no call.
  if (notified.length > 0 && listenerPath === "")
    throw invalid("runc has no SCMP_ACT_NOTIFY without listenerPath");
}

function checkCrun({ defaultAction, defaultErrnoRet, syscalls = [] }: LinuxSeccomp): void {
  const odd = (action: string, errno: number | undefined): boolean =>
    errno !== undefined && !hasErrno(action);
  if (odd(defaultAction, defaultErrnoRet)) throw invalid("crun takes no errno on this default action");
  if (syscalls.some(({ action, errnoRet }) => odd(action, errnoRet))) {
    throw invalid("crun takes no errno on an action that has none");
  }
  if (syscalls.some(({ names }) => names === null)) throw invalid("crun takes no entry without names");
}

/**
 * The architecture that a runtime takes a name for: crun also one in small letters, or without `SCMP_ARCH_`; runc
 * none of those that it does not know.
 */
export function archForRuntime(
  name: string,
  { runtime, runcVersion }: FilterRuntimeOptions,
): SeccompArch | undefined {
  if (runtime === "crun") {
    const bare = (name.startsWith("SCMP_ARCH_") ? name.slice("SCMP_ARCH_".length) : name).toLowerCase();
    return SECCOMP_ARCHES.find((arch) => arch.name === bare);
  }
  const arch = archOfProfile(name);
  if (runtime !== "runc" || !arch) return arch;
  const since = RUNC_ARCHES.get(arch.name);
  return since === undefined || (since !== null && sinceOf(runcVersion)(since)) ? arch : undefined;
}

/** The conditions of an entry that a runtime looks at. */
export function conditionsForRuntime(
  args: readonly LinuxSeccompArg[],
  { runtime }: FilterRuntimeOptions,
): readonly LinuxSeccompArg[] {
  return runtime === "crun" ? args.slice(0, MOST_CONDITIONS) : args;
}

/**
 * The answers that runc puts before a filter.
 *
 * @param arches Those of the filter, by libseccomp's names.
 * @throws {RangeError} For a `runcVersion` that is none.
 */
export function enosysStub(
  spec: LinuxSeccomp,
  arches: ReadonlyMap<string, SeccompArch>,
  numberOf: (arch: SeccompArch, name: string) => number | undefined,
  { runtime, runcVersion }: FilterRuntimeOptions,
): EnosysStub {
  if (runtime !== "runc") return NO_STUB;
  const isSince = sinceOf(runcVersion);
  if (isAllowing(spec.defaultAction) || !isSince("1.0.0-rc93")) return NO_STUB;
  const listed = new Set(spec.architectures?.map((name) => archOfProfile(name)?.name));
  const isAnswered = isSince("1.1.15") ? () => true : (name: string) => listed.has(name);
  const lastNumbers = new Map<string, number>();
  for (const [name, arch] of arches) {
    if (!hasSyscallTable(arch) || !isAnswered(name)) continue;
    let last = 0;
    for (const entry of spec.syscalls ?? []) {
      for (const call of entry.names ?? []) last = Math.max(last, numberOf(arch, call) ?? 0);
    }
    if (last > 0) lastNumbers.set(name, last);
  }
  return { lastNumbers, answersZero: isSince("1.1.3") };
}

/** runc leaves out its stub where calls are let through by default. */
function isAllowing(action: string): boolean {
  return action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG" || action === "SCMP_ACT_TRACE";
}

/** Numbers of a release, of which one without a candidate comes after all its candidates. */
type Release = readonly [major: number, minor: number, patch: number, candidate: number];

function sinceOf(version: string | undefined): (least: string) => boolean {
  if (version === undefined) return () => true;
  const own = releaseOf(version);
  return (least) => {
    const other = releaseOf(least);
    const at = own.findIndex((number, index) => number !== other[index]);
    return (own[at] ?? 0) >= (other[at] ?? 0);
  };
}

/** What distributions put behind a number is not looked at: `1.1.5+ds1`, `1.0.0~rc93+ds1-5`. */
function releaseOf(version: string): Release {
  const match = /^v?(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?(?:[-~]rc\.?(\d{1,5}))?(?![\d.])/.exec(version);
  if (!match) throw new RangeError(`${quote(version)} is not a release of runc, such as "1.1.5"`);
  const [, major, minor, patch = "0", candidate = "Infinity"] = match;
  return [Number(major), Number(minor), Number(patch), Number(candidate)];
}

function invalid(message: string): SeccompError {
  return new SeccompError("ERR_SECCOMP_FILTER_INVALID", message);
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}

/**
 * System calls that a container makes, two profiles, and what must come of each call under each profile.
 *
 * What the kernel itself answers is from the manual pages of the calls (section 2), and what the filter answers is
 * from the text of the profile beside it: nothing here is computed.
 */
import { evaluateSyscall, type LinuxSeccomp, type SyscallDecision } from "../../src/seccomp/index.ts";
import { type ProgramArchitecture, syscallProgram } from "../../src/testing/programs.ts";

/** A system call with its arguments, and the errno that it has without a filter: 0 if it succeeds. */
export interface TestCall {
  name: string;
  args: readonly bigint[];
  unfiltered: number;
}

/** The operand of the rules on `lseek`: a double holds neither it nor its neighbours. */
const BIG = 2n ** 64n - 2n;

const EPERM = 1;
const EBADF = 9;
const EFAULT = 14;
const EBUSY = 16;
const EINVAL = 22;
const EROFS = 30;
const ENOSYS = 38;

const EOVERFLOW = 75;
const EUSERS = 87;
const EOPNOTSUPP = 95;

/** Calls by the name of the program that makes them. Paths are null pointers, so that nothing is ever changed. */
export const CALLS: Readonly<Record<string, TestCall>> = {
  getppid: { name: "getppid", args: [], unfiltered: 0 },
  sync: { name: "sync", args: [], unfiltered: 0 },
  mkdirat: { name: "mkdirat", args: [], unfiltered: EFAULT },
  symlinkat: { name: "symlinkat", args: [], unfiltered: EFAULT },
  linkat: { name: "linkat", args: [], unfiltered: EFAULT },
  unlinkat: { name: "unlinkat", args: [], unfiltered: EFAULT },
  renameat2: { name: "renameat2", args: [], unfiltered: EFAULT },
  mknodat: { name: "mknodat", args: [0n, 0n, 0o010644n], unfiltered: EFAULT },
  "personality-query": { name: "personality", args: [0xffff_ffffn], unfiltered: 0 },
  "personality-set": { name: "personality", args: [0x0002_0000n], unfiltered: 0 },
  "fchmodat-plain": { name: "fchmodat", args: [0n, 0n, 0o0755n], unfiltered: EFAULT },
  "fchmodat-setuid": { name: "fchmodat", args: [0n, 0n, 0o4755n], unfiltered: EFAULT },
  "lseek-below": { name: "lseek", args: [1000n, BIG - 1n, 0n], unfiltered: EBADF },
  "lseek-equal": { name: "lseek", args: [1000n, BIG, 0n], unfiltered: EBADF },
  "lseek-above": { name: "lseek", args: [1000n, BIG + 1n, 0n], unfiltered: EBADF },
  // Containers have no CAP_SYS_PACCT.
  acct: { name: "acct", args: [1n], unfiltered: EPERM },
  // The structure is too short.
  openat2: { name: "openat2", args: [], unfiltered: EINVAL },
};

/** What becomes of a call: the kernel carries it out, or the filter answers with this errno, or with the end. */
export type CallOutcome = "carried-out" | "killed" | number;

/** A profile with the outcome of every call. */
export interface TestProfile {
  /** JSON text in the form of containers-common. */
  text: string;
  /** Whether a container that has the profile can gain privileges: runc then loads the filter early. */
  noNewPrivs: boolean;
  outcomes: Readonly<Record<keyof typeof CALLS, CallOutcome>>;
}

const ARCH_MAP = `[
  {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
  {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}]`;

/** Everything is allowed but what is listed. */
export const DENY_LIST: TestProfile = {
  noNewPrivs: false,
  text: `{
  "defaultAction": "SCMP_ACT_ALLOW",
  "archMap": ${ARCH_MAP},
  "syscalls": [
    {"names": ["mkdirat"], "action": "SCMP_ACT_ERRNO"},
    {"names": ["symlinkat"], "action": "SCMP_ACT_ERRNO", "errno": "EROFS", "errnoRet": 1},
    {"names": ["acct"], "action": "SCMP_ACT_KILL_PROCESS"},
    {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": ${EOPNOTSUPP},
     "args": [{"index": 0, "value": ${0x0002_0000}, "op": "SCMP_CMP_EQ"}]},
    {"names": ["lseek"], "action": "SCMP_ACT_ERRNO", "errnoRet": ${EOVERFLOW},
     "args": [{"index": 1, "value": ${BIG}, "op": "SCMP_CMP_EQ"}]},
    {"names": ["fchmodat"], "action": "SCMP_ACT_ERRNO",
     "args": [{"index": 2, "value": ${0o6000}, "valueTwo": ${0o4000}, "op": "SCMP_CMP_MASKED_EQ"}]},
    {"names": ["sync"], "action": "SCMP_ACT_ERRNO", "includes": {"arches": ["s390x"]}},
    {"names": ["linkat"], "action": "SCMP_ACT_ERRNO", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
    {"names": ["unlinkat"], "action": "SCMP_ACT_ERRNO", "errnoRet": ${EBUSY}, "includes": {"caps": ["CAP_CHOWN"]}},
    {"names": ["renameat2"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
    {"names": ["mknodat"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_MKNOD"]}}
  ]
}`,
  outcomes: {
    getppid: "carried-out",
    sync: "carried-out",
    mkdirat: EPERM,
    symlinkat: EROFS,
    linkat: "carried-out",
    unlinkat: EBUSY,
    renameat2: EPERM,
    mknodat: "carried-out",
    "personality-query": "carried-out",
    "personality-set": EOPNOTSUPP,
    "fchmodat-plain": "carried-out",
    "fchmodat-setuid": EPERM,
    "lseek-below": "carried-out",
    "lseek-equal": EOVERFLOW,
    "lseek-above": "carried-out",
    acct: "killed",
    openat2: "carried-out",
  },
};

/** What runc does after it has loaded the filter, written in Go, and what the programs do besides their call. */
export const RUNTIME_CALLS: string[] = [
  "arch_prctl brk clock_gettime clock_nanosleep clone close epoll_create1 epoll_ctl epoll_pwait eventfd2 execve",
  "execveat exit exit_group faccessat fcntl fstat fstatfs futex getdents64 getpid getrandom getrlimit gettid",
  "madvise mmap mprotect munmap nanosleep newfstatat openat pause pipe2 ppoll prctl prlimit64 read readlinkat",
  "rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield set_robust_list set_tid_address",
  "sigaltstack tgkill write",
]
  .join(" ")
  .split(" ");

/** Nothing is allowed but what is listed. */
export const ALLOW_LIST: TestProfile = {
  noNewPrivs: true,
  text: `{
  "defaultAction": "SCMP_ACT_ERRNO",
  "defaultErrno": "EUSERS",
  "defaultErrnoRet": 1,
  "archMap": ${ARCH_MAP},
  "syscalls": [
    {"names": ${JSON.stringify(RUNTIME_CALLS)}, "action": "SCMP_ACT_ALLOW"},
    {"name": "getppid", "action": "SCMP_ACT_ALLOW"},
    {"names": ["mkdirat"], "action": "SCMP_ACT_ERRNO"},
    {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 0, "value": ${0xffff_ffff}, "op": "SCMP_CMP_EQ"}]},
    {"names": ["lseek"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 1, "value": ${BIG}, "op": "SCMP_CMP_LT"}]},
    {"names": ["fchmodat"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 2, "value": ${0o6000}, "op": "SCMP_CMP_MASKED_EQ"}]},
    {"names": ["sync"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "arm64"]}},
    {"names": ["linkat"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_CHOWN"]}},
    {"names": ["unlinkat"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
    {"names": ["renameat2"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_CHOWN"]}},
    {"names": ["mknodat"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]}}
  ]
}`,
  outcomes: {
    getppid: "carried-out",
    sync: "carried-out",
    mkdirat: EPERM,
    symlinkat: EUSERS,
    linkat: "carried-out",
    unlinkat: EUSERS,
    renameat2: EUSERS,
    mknodat: "carried-out",
    "personality-query": "carried-out",
    "personality-set": EUSERS,
    "fchmodat-plain": "carried-out",
    "fchmodat-setuid": EUSERS,
    "lseek-below": "carried-out",
    "lseek-equal": EUSERS,
    "lseek-above": EUSERS,
    acct: EUSERS,
    // Newer than any call of the profile: runc answers so that programs fall back on older calls.
    openat2: ENOSYS,
  },
};

/** What lading says about a call, where runc makes the filter. */
export function decisionOn(
  spec: LinuxSeccomp | null,
  { name, args }: TestCall,
  arch: ProgramArchitecture,
): SyscallDecision {
  return evaluateSyscall(spec, { arch, name, args }, { native: arch, runtime: "runc" });
}

/** A decision as an outcome. */
export function outcomeOf({ action, errno }: SyscallDecision): CallOutcome {
  if (action === "SCMP_ACT_ALLOW") return "carried-out";
  if (action === "SCMP_ACT_ERRNO" && errno !== undefined) return errno;
  if (action === "SCMP_ACT_KILL_PROCESS") return "killed";
  throw new Error(`no test expects ${action}`);
}

const SIGSYS = 31;

/** The exit code of the program that makes a call. */
export function exitCodeOf(outcome: CallOutcome, { unfiltered }: TestCall): number {
  if (outcome === "carried-out") return unfiltered;
  return outcome === "killed" ? 128 + SIGSYS : outcome;
}

/** The program that makes a call. */
export function programOf(call: TestCall, architecture: ProgramArchitecture): Uint8Array {
  // Without a filter the number is all that a decision says.
  const { nr } = decisionOn(null, call, architecture);
  return syscallProgram({ architecture, number: nr, args: call.args });
}

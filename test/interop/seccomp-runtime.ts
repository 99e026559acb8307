/**
 * Calls under profiles in containers of runc and crun, and what their programs then exit with.
 *
 * The programs are single static files: what they do is one call.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { actionOf, type SeccompAction } from "../../src/seccomp/actions.ts";
import { auditArch } from "../../src/seccomp/bpf/audit-arch.ts";
import { compileFilter } from "../../src/seccomp/bpf/compile.ts";
import { runBpf } from "../../src/seccomp/bpf/run.ts";
import { type EvaluateSyscallOptions, evaluateSyscall } from "../../src/seccomp/evaluate.ts";
import { formatSeccomp } from "../../src/seccomp/runtime-spec.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../src/seccomp/types.ts";
import { syscallProgram } from "../../src/testing/programs.ts";
import { hostArchitecture } from "./images.ts";
import { whyNoPrograms } from "./process.ts";
import { RUNTIME_CALLS } from "./profiles.ts";

const EBADF = 9;
const ENOSYS = 38;
const SIGSYS = 31;
export const WIDE: bigint = 2n ** 32n;

/** A call, with the exit code of its program without a filter. */
export interface Call {
  name: string;
  args: readonly bigint[];
  unfiltered: number;
}

export interface Profile {
  spec: LinuxSeccomp;
  calls: readonly Call[];
}

/** `lseek` of a file that is not open: nothing happens, whatever the offset. */
export function lseek(offset: bigint, whence = 0n): Call {
  return { name: "lseek", args: [1000n, offset, whence], unfiltered: EBADF };
}

export const GETPPID: Call = { name: "getppid", args: [], unfiltered: 0 };

export function when(op: string, value: bigint, index = 1, valueTwo?: bigint): LinuxSeccompArg {
  return { index, op: `SCMP_CMP_${op}`, value, ...(valueTwo === undefined ? {} : { valueTwo }) };
}

export function rule(
  name: string,
  action: string,
  errnoRet?: number,
  ...args: LinuxSeccompArg[]
): LinuxSyscall {
  return {
    names: [name],
    action: `SCMP_ACT_${action}`,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args.length > 0 ? { args } : {}),
  };
}

/** Everything is allowed but what the rules say. */
export function denying(...syscalls: LinuxSyscall[]): LinuxSeccomp {
  return { defaultAction: "SCMP_ACT_ALLOW", syscalls };
}

/** Nothing is allowed but what runc needs and the rules say. */
export function allowing(defaults: Partial<LinuxSeccomp>, ...syscalls: LinuxSyscall[]): LinuxSeccomp {
  const own = { names: RUNTIME_CALLS, action: "SCMP_ACT_ALLOW" };
  return { defaultAction: "SCMP_ACT_ERRNO", ...defaults, syscalls: [own, ...syscalls] };
}

const OPERATORS = ["NE", "LT", "LE", "EQ", "GE", "GT"];

export const PROFILES: Readonly<Record<string, Profile>> = {
  ...Object.fromEntries(
    OPERATORS.flatMap((op) =>
      [5n, WIDE + 5n].map((value): [string, Profile] => [
        `${op} ${value}`,
        {
          spec: denying(rule("lseek", "ERRNO", 77, when(op, value))),
          calls: [lseek(value - 1n), lseek(value), lseek(value + 1n), lseek(value ^ WIDE)],
        },
      ]),
    ),
  ),
  "MASKED_EQ in the low word": {
    spec: denying(rule("lseek", "ERRNO", 77, when("MASKED_EQ", 0xf0n, 1, 0x50n))),
    calls: [lseek(0x5fn), lseek(0x6fn), lseek(WIDE + 0x51n), lseek(0x150n)],
  },
  "MASKED_EQ in both words": {
    spec: denying(rule("lseek", "ERRNO", 77, when("MASKED_EQ", WIDE + 1n, 1, WIDE))),
    calls: [lseek(WIDE), lseek(WIDE + 1n), lseek(WIDE + 2n), lseek(0n)],
  },
  ...Object.fromEntries(
    ["KILL", "KILL_PROCESS", "KILL_THREAD", "TRAP", "LOG", "TRACE"].map((action): [string, Profile] => [
      action,
      { spec: denying(rule("getppid", action)), calls: [GETPPID, lseek(0n)] },
    ]),
  ),
  "the greatest errno": { spec: denying(rule("getppid", "ERRNO", 4094)), calls: [GETPPID] },
  "an errno of more than 16 bits": { spec: denying(rule("getppid", "ERRNO", 65536 + 39)), calls: [GETPPID] },
  "an errno of zero": { spec: denying(rule("lseek", "ERRNO", 0)), calls: [lseek(0n)] },
  "no errno": { spec: denying(rule("getppid", "ERRNO")), calls: [GETPPID] },
  "two conditions of one rule": {
    spec: denying(rule("lseek", "ERRNO", 77, when("EQ", 5n), when("EQ", 1n, 2))),
    calls: [lseek(5n, 1n), lseek(5n, 0n), lseek(4n, 1n)],
  },
  "an argument twice in one rule": {
    spec: denying(rule("lseek", "ERRNO", 77, when("EQ", 5n), when("EQ", 7n), when("EQ", 1n, 2))),
    calls: [lseek(5n), lseek(7n), lseek(6n), lseek(6n, 1n)],
  },
  "rules that overlap": {
    spec: denying(
      rule("lseek", "ERRNO", 70, when("GE", 5n)),
      rule("lseek", "ERRNO", 71, when("EQ", 6n)),
      rule("lseek", "ERRNO", 72, when("GT", 9n)),
    ),
    calls: [lseek(4n), lseek(5n), lseek(6n), lseek(10n), lseek(WIDE)],
  },
  "rules on two arguments that overlap": {
    spec: denying(rule("lseek", "ERRNO", 70, when("EQ", 5n)), rule("lseek", "ERRNO", 71, when("EQ", 1n, 2))),
    calls: [lseek(5n, 1n), lseek(5n), lseek(6n, 1n)],
  },
  "an unconditional rule beside one with a condition": {
    spec: allowing({}, rule("lseek", "ERRNO", 70, when("EQ", 5n)), rule("lseek", "ALLOW")),
    calls: [lseek(5n), lseek(6n)],
  },
  "nothing allowed but what is listed": {
    spec: allowing({}, rule("getppid", "ALLOW"), rule("openat2", "ALLOW")),
    calls: [GETPPID, lseek(0n)],
  },
  "another errno by default": {
    spec: allowing({ defaultErrnoRet: 87 }, rule("openat2", "ALLOW")),
    calls: [lseek(0n)],
  },
  "a call newer than the profile": {
    // Without a list, runc 1.1 answers for no architecture, the native one included.
    spec: allowing({ defaultErrnoRet: 87, architectures: ["SCMP_ARCH_X86_64"] }),
    calls: [{ name: "openat2", args: [], unfiltered: 22 }, lseek(0n)],
  },
  "architectures beside the native one": {
    spec: {
      ...denying(rule("lseek", "ERRNO", 77, when("EQ", WIDE + 5n))),
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    },
    calls: [lseek(WIDE + 5n), lseek(5n)],
  },
};

/**
 * What starts each runtime. crun refuses to run beside control groups of both versions that have controllers; it needs
 * none here, and sees none in a mount namespace of its own.
 */
const COMMANDS = {
  runc: ["runc"],
  crun: [
    ...["unshare", "--mount", "--", "sh", "-c"],
    'umount --lazy /sys/fs/cgroup/unified 2>/dev/null; exec crun --cgroup-manager disabled "$@"',
    "crun",
  ],
} as const;

/** A runtime that runs one program after the other. */
export interface RuntimeRuns {
  /**
   * Exit code of the program of a call in a container.
   *
   * Throws with what the runtime wrote where that is anything but a warning.
   */
  exitCode(spec: LinuxSeccomp | null, call: Call): number | null;
  /** Checks that a call does what lading says of it, and that lading's own program answers the same. */
  check(spec: LinuxSeccomp, call: Call, options: EvaluateSyscallOptions): void;
  close(): void;
}

/** Runs programs with a runtime in a folder of its own. */
export function createRuntimeRuns(runtime: "runc" | "crun"): RuntimeRuns {
  const architecture = hostArchitecture();
  const folder = mkdtempSync(join(tmpdir(), `lading-interop-${runtime}-`));
  let containers = 0;

  function exitCode(spec: LinuxSeccomp | null, { name, args }: Call): number | null {
    const { nr } = evaluateSyscall(null, { arch: architecture, name });
    const bundle = join(folder, `bundle-${++containers}`);
    for (const name of ["dev", "proc"]) mkdirSync(join(bundle, "rootfs", name), { recursive: true });
    // Not shared: crun keeps filters there, and takes two that differ in an errno alone for one.
    const state = join(bundle, "state");
    mkdirSync(state);
    const program = syscallProgram({ architecture, number: nr, args });
    writeFileSync(join(bundle, "rootfs/call"), program, { mode: 0o755 });
    writeFileSync(join(bundle, "config.json"), configuration(spec));
    const id = `lading-${process.pid}-${containers}`;
    const options = { encoding: "utf8", timeout: 60_000 } as const;
    const [command = "", ...general] = COMMANDS[runtime];
    const done = spawnSync(command, [...general, "--root", state, "run", "--bundle", bundle, id], options);
    const faults = done.stderr
      .split("\n")
      .filter((line) => line !== "" && !/unknown seccomp syscall/.test(line));
    if (faults.length > 0) throw new Error(`${runtime}: ${faults.join("\n").slice(-1000)}`);
    return done.status;
  }

  return {
    exitCode,
    check(spec, call, options) {
      const described = `${call.name} ${call.args.join()}`;
      const { action, errno, nr } = evaluateSyscall(spec, { arch: architecture, ...call }, options);
      const { program } = compileFilter(spec, { ...options, native: architecture });
      const { value } = runBpf(program, { arch: auditArch(architecture), nr, args: call.args });
      assert.deepEqual(actionOf(value), { action, ...(errno === undefined ? {} : { errno }) }, described);
      assert.equal(exitCode(spec, call), foretold({ action, errno }, call), described);
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Why a runtime cannot be tried here. */
export function whyNoRuntime(runtime: "runc" | "crun"): string | undefined {
  if (process.geteuid?.() !== 0) return `${runtime}: not root`;
  return process.arch === "x64" ? whyNoPrograms(runtime) : `${runtime}: not on x86_64`;
}

/** Exit code under an action: without a tracer or a listener there is ENOSYS, and nobody catches a signal. */
export function foretold(
  { action, errno = 0 }: { action: SeccompAction; errno?: number | undefined },
  { unfiltered }: Call,
): number {
  if (action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG") return unfiltered;
  // The status of a process has 8 bits.
  if (action === "SCMP_ACT_ERRNO") return errno % 256;
  return action === "SCMP_ACT_TRACE" || action === "SCMP_ACT_NOTIFY" ? ENOSYS : 128 + SIGSYS;
}

function configuration(spec: LinuxSeccomp | null): string {
  const config = {
    ociVersion: "1.0.2",
    process: { cwd: "/", args: ["/call"], user: { uid: 0, gid: 0 }, noNewPrivileges: true },
    root: { path: "rootfs" },
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
    linux: { namespaces: [{ type: "mount" }, { type: "pid" }] },
  };
  // The text keeps numbers exact that a double does not hold.
  const linux = JSON.stringify(config.linux).slice(0, -1);
  return `${JSON.stringify({ ...config, linux: undefined }).slice(0, -1)},"linux":${linux},"seccomp":${formatSeccomp(spec)}}}`;
}

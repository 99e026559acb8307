/** What runc and the kernel really do with system calls under profiles, against what lading says beforehand. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { actionOf, type SeccompAction } from "../../src/seccomp/actions.ts";
import { auditArch } from "../../src/seccomp/bpf/audit-arch.ts";
import { compileFilter } from "../../src/seccomp/bpf/compile.ts";
import { runBpf } from "../../src/seccomp/bpf/run.ts";
import { evaluateSyscall } from "../../src/seccomp/evaluate.ts";
import { formatSeccomp } from "../../src/seccomp/runtime-spec.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../src/seccomp/types.ts";
import { syscallProgram } from "../../src/testing/programs.ts";
import { hostArchitecture } from "./images.ts";
import { needs } from "./parts.ts";
import { whyNoPrograms } from "./process.ts";
import { RUNTIME_CALLS } from "./profiles.ts";

const EBADF = 9;
const ENOSYS = 38;
const SIGSYS = 31;
const WIDE = 2n ** 32n;

/** A call, with the exit code of its program without a filter. */
interface Call {
  name: string;
  args: readonly bigint[];
  unfiltered: number;
}

interface Profile {
  spec: LinuxSeccomp;
  calls: readonly Call[];
}

/** `lseek` of a file that is not open: nothing happens, whatever the offset. */
function lseek(offset: bigint, whence = 0n): Call {
  return { name: "lseek", args: [1000n, offset, whence], unfiltered: EBADF };
}

const GETPPID: Call = { name: "getppid", args: [], unfiltered: 0 };

function when(op: string, value: bigint, index = 1, valueTwo?: bigint): LinuxSeccompArg {
  return { index, op: `SCMP_CMP_${op}`, value, ...(valueTwo === undefined ? {} : { valueTwo }) };
}

function rule(name: string, action: string, errnoRet?: number, ...args: LinuxSeccompArg[]): LinuxSyscall {
  return {
    names: [name],
    action: `SCMP_ACT_${action}`,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args.length > 0 ? { args } : {}),
  };
}

/** Everything is allowed but what the rules say. */
function denying(...syscalls: LinuxSyscall[]): LinuxSeccomp {
  return { defaultAction: "SCMP_ACT_ALLOW", syscalls };
}

/** Nothing is allowed but what runc needs and the rules say. */
function allowing(defaults: Partial<LinuxSeccomp>, ...syscalls: LinuxSyscall[]): LinuxSeccomp {
  const own = { names: RUNTIME_CALLS, action: "SCMP_ACT_ALLOW" };
  return { defaultAction: "SCMP_ACT_ERRNO", ...defaults, syscalls: [own, ...syscalls] };
}

const OPERATORS = ["NE", "LT", "LE", "EQ", "GE", "GT"];

const PROFILES: Readonly<Record<string, Profile>> = {
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

describe("runc does as foretold", needs(whyNoRunc()), () => {
  const architecture = hostArchitecture();
  let folder: string;
  let containers = 0;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "lading-interop-runc-"));
    mkdirSync(join(folder, "state"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Exit code of the program of a call in a container. */
  function exitCode(spec: LinuxSeccomp | null, { name, args }: Call): number | null {
    const { nr } = evaluateSyscall(null, { arch: architecture, name });
    const bundle = join(folder, `bundle-${++containers}`);
    mkdirSync(join(bundle, "rootfs"), { recursive: true });
    const program = syscallProgram({ architecture, number: nr, args });
    writeFileSync(join(bundle, "rootfs/call"), program, { mode: 0o755 });
    writeFileSync(join(bundle, "config.json"), configuration(spec));
    const id = `lading-${process.pid}-${containers}`;
    const options = { encoding: "utf8", timeout: 60_000 } as const;
    const done = spawnSync("runc", ["--root", join(folder, "state"), "run", "--bundle", bundle, id], options);
    if (done.stderr !== "") throw new Error(`runc: ${done.stderr.slice(-1000)}`);
    return done.status;
  }

  test("each call does without a filter what the table says", () => {
    for (const call of [GETPPID, lseek(5n), lseek(WIDE + 5n, 1n)]) {
      assert.equal(exitCode(null, call), call.unfiltered, call.name);
    }
  });

  test("no container starts with an errno that libseccomp refuses", () => {
    const spec = denying(rule("getppid", "ERRNO", 4095));
    const options = { native: architecture, runtime: "runc" } as const;
    assert.throws(() => compileFilter(spec, options), { code: "ERR_SECCOMP_FILTER_INVALID" });
    assert.throws(() => exitCode(spec, GETPPID), /unable to init seccomp/);
  });

  for (const [name, { spec, calls }] of Object.entries(PROFILES)) {
    test(name, () => {
      const options = { native: architecture, runtime: "runc" } as const;
      for (const call of calls) {
        const decision = evaluateSyscall(spec, { arch: architecture, ...call }, options);
        const arch = auditArch(architecture);
        const answer = runBpf(compileFilter(spec, options).program, {
          arch,
          nr: decision.nr,
          args: call.args,
        });
        const described = `${call.name} ${call.args.join()}`;
        assert.deepEqual(
          actionOf(answer.value),
          { action: decision.action, ...errnoOf(decision) },
          described,
        );
        assert.equal(exitCode(spec, call), foretold(decision, call), described);
      }
    });
  }
});

function errnoOf({ errno }: { errno?: number }): { errno?: number } {
  return errno === undefined ? {} : { errno };
}

/** Exit code under an action: without a tracer, TRACE answers ENOSYS, and nobody catches a signal. */
function foretold(
  { action, errno = 0 }: { action: SeccompAction; errno?: number },
  { unfiltered }: Call,
): number {
  if (action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG") return unfiltered;
  // The status of a process has 8 bits.
  if (action === "SCMP_ACT_ERRNO") return errno % 256;
  return action === "SCMP_ACT_TRACE" ? ENOSYS : 128 + SIGSYS;
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

function whyNoRunc(): string | undefined {
  if (process.geteuid?.() !== 0) return "runc: not root";
  return process.arch === "x64" ? whyNoPrograms("runc") : "runc: not on x86_64";
}

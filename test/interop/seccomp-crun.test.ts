/** What crun and the kernel really do with system calls under profiles, against what lading says beforehand. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { compileFilter } from "../../src/seccomp/bpf/compile.ts";
import { evaluateSyscall } from "../../src/seccomp/evaluate.ts";
import type { LinuxSeccomp } from "../../src/seccomp/types.ts";
import { hostArchitecture } from "./images.ts";
import { needs } from "./parts.ts";
import {
  allowing,
  createRuntimeRuns,
  denying,
  GETPPID,
  lseek,
  PROFILES,
  type RuntimeRuns,
  rule,
  WIDE,
  when,
  whyNoRuntime,
} from "./seccomp-runtime.ts";

describe("crun does as foretold", needs(whyNoRuntime("crun")), () => {
  const options = { native: hostArchitecture(), runtime: "crun" } as const;
  let runs: RuntimeRuns;

  before(() => {
    runs = createRuntimeRuns("crun");
  });
  after(() => runs?.close());

  test("each call does without a filter what the table says", () => {
    for (const call of [GETPPID, lseek(5n), lseek(WIDE + 5n, 1n)]) {
      assert.equal(runs.exitCode(null, call), call.unfiltered, call.name);
    }
  });

  for (const [name, { spec, calls }] of Object.entries(PROFILES)) {
    test(name, () => {
      for (const call of calls) runs.check(spec, call, options);
    });
  }

  test("a call newer than the profile gets the default action, where runc answers ENOSYS", () => {
    const spec = allowing({ defaultErrnoRet: 87, architectures: ["SCMP_ARCH_X86_64"] });
    const call = { name: "openat2", args: [], unfiltered: 22 };
    const asked = { arch: options.native, ...call };
    assert.equal(evaluateSyscall(spec, asked, options).errno, 87);
    assert.equal(evaluateSyscall(spec, asked, { ...options, runtime: "runc" }).errno, 38);
    runs.check(spec, call, options);
  });

  test("an architecture counts in small letters, and without SCMP_ARCH_", () => {
    const spec = {
      ...denying(rule("lseek", "ERRNO", 77, when("EQ", 5n))),
      architectures: ["x86_64", "SCMP_ARCH_x86", "X32"],
    };
    for (const call of [lseek(5n), lseek(6n)]) runs.check(spec, call, options);
    assert.throws(() => compileFilter(spec, { ...options, runtime: "runc" }), {
      code: "ERR_SECCOMP_FILTER_INVALID",
    });
  });

  test("an empty name and one of no call are passed over", () => {
    const spec: LinuxSeccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["", "nosuchcall", "getppid"], action: "SCMP_ACT_ERRNO", errnoRet: 77 }],
    };
    runs.check(spec, GETPPID, options);
  });

  test("flags are taken, and a notification without a listener is ENOSYS", () => {
    const flags = ["TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV"].map(
      (name) => `SECCOMP_FILTER_FLAG_${name}`,
    );
    runs.check({ ...denying(rule("getppid", "ERRNO", 77)), flags }, GETPPID, options);
    runs.check(denying(rule("getppid", "NOTIFY")), GETPPID, options);
  });

  test("only the first six conditions of an entry count", () => {
    const first = [0, 1, 2, 3, 4, 5].map((index) => when("EQ", [1000n, 5n][index] ?? 0n, index));
    const spec = denying(rule("lseek", "ERRNO", 77, ...first, when("EQ", 6n)));
    for (const call of [lseek(5n), lseek(6n), lseek(5n, 1n)]) runs.check(spec, call, options);
  });

  const refused: Readonly<Record<string, [why: RegExp, spec: LinuxSeccomp]>> = {
    "an errno on an action that has none": [
      /errno value specified for action/,
      denying(rule("getppid", "KILL", 1)),
    ],
    "an errno on a default action that has none": [
      /errno value specified for action/,
      { ...denying(), defaultErrnoRet: 1 },
    ],
    "an errno that libseccomp refuses": [
      /seccomp_rule_add.*Invalid argument/,
      denying(rule("getppid", "ERRNO", 4095)),
    ],
    "such an errno by default": [/seccomp_init/, allowing({ defaultErrnoRet: 4095 })],
    "an entry without names": [/names/, denying({ names: null, action: "SCMP_ACT_ERRNO" })],
    "no default action": [/seccomp.*action/, { defaultAction: "" }],
    "an action that does not exist": [/seccomp.*action.*WHAT/, denying(rule("getppid", "WHAT"))],
    "an operator that does not exist": [
      /seccomp.operator/,
      denying(rule("getppid", "ERRNO", 1, when("XX", 1n))),
    ],
    "an argument that does not exist": [
      /invalid seccomp index/,
      denying(rule("getppid", "ERRNO", 1, when("EQ", 1n, 6))),
    ],
    "an architecture that does not exist": [
      /unknown architecture/,
      { ...denying(), architectures: ["SCMP_ARCH_X87"] },
    ],
    "an architecture of the other byte order": [
      /seccomp adding architecture/,
      { ...denying(), architectures: ["SCMP_ARCH_S390X"] },
    ],
    "a flag that does not exist": [
      /unknown seccomp option/,
      { ...denying(), flags: ["SECCOMP_FILTER_FLAG_WHAT"] },
    ],
    "rules that contradict each other": [
      /seccomp_rule_add.*File exists/,
      denying(rule("lseek", "ERRNO", 1, when("EQ", 1n)), rule("lseek", "ERRNO", 2, when("EQ", 1n))),
    ],
  };
  for (const [name, [why, spec]] of Object.entries(refused)) {
    test(`no container starts with ${name}`, () => {
      assert.throws(() => compileFilter(spec, options), /^SeccompError/);
      assert.throws(() => runs.exitCode(spec, GETPPID), why);
    });
  }
});

/** What runc and the kernel really do with system calls under profiles, against what lading says beforehand. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { compileFilter } from "../../src/seccomp/bpf/compile.ts";
import { createEvaluator } from "../../src/seccomp/evaluate.ts";
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
  whyNoRuntime,
} from "./seccomp-runtime.ts";

describe("runc does as foretold", needs(whyNoRuntime("runc")), () => {
  const native = hostArchitecture();
  let runs: RuntimeRuns;
  let runcVersion: string;

  before(() => {
    runs = createRuntimeRuns("runc");
    const { stdout } = spawnSync("runc", ["--version"], { encoding: "utf8" });
    runcVersion = /^runc version (\S+)/.exec(stdout)?.[1] ?? "";
  });
  after(() => runs?.close());

  test("each call does without a filter what the table says", () => {
    for (const call of [GETPPID, lseek(5n), lseek(WIDE + 5n, 1n)]) {
      assert.equal(runs.exitCode(null, call), call.unfiltered, call.name);
    }
  });

  test("no container starts with an errno that libseccomp refuses", () => {
    const spec = denying(rule("getppid", "ERRNO", 4095));
    const options = { native, runtime: "runc" } as const;
    assert.throws(() => compileFilter(spec, options), { code: "ERR_SECCOMP_FILTER_INVALID" });
    assert.throws(() => runs.exitCode(spec, GETPPID), /unable to init seccomp/);
  });

  test("a call newer than a profile without architectures does as its version says", (t) => {
    t.diagnostic(runcVersion);
    const spec = allowing({ defaultErrnoRet: 87 });
    const call = { name: "openat2", args: [], unfiltered: 22 };
    runs.check(spec, call, { native, runtime: "runc", runcVersion });
  });

  const flags = (...names: string[]): Partial<LinuxSeccomp> => ({
    flags: names.map((name) => `SECCOMP_FILTER_FLAG_${name}`),
  });
  const odd: Readonly<Record<string, LinuxSeccomp>> = {
    "flags that it may know": { ...denying(), ...flags("LOG", "SPEC_ALLOW", "TSYNC") },
    "a flag that it may know": { ...denying(), ...flags("WAIT_KILLABLE_RECV") },
    "a flag that does not exist": { ...denying(), ...flags("WHAT") },
    "a notification without a listener": denying(rule("getppid", "NOTIFY")),
    "such a notification of no call": denying(rule("nosuchcall", "NOTIFY")),
    "a notification by default": { defaultAction: "SCMP_ACT_NOTIFY" },
    "an empty name": denying(rule("", "ERRNO")),
    "an entry without names": denying({ names: null, action: "SCMP_ACT_ERRNO" }),
    "no default action but rules": { defaultAction: "", syscalls: [rule("getppid", "ALLOW")] },
    ...Object.fromEntries(
      ["X86", "ARM", "MIPSEL", "PPC64LE", "RISCV64", "LOONGARCH64", "SH", "S390X", "X87", "x86"].map(
        (name) => [`the architecture ${name}`, { ...denying(), architectures: [`SCMP_ARCH_${name}`] }],
      ),
    ),
  };
  for (const [name, spec] of Object.entries(odd)) {
    test(`a container with ${name} starts where lading says so`, () => {
      const starts = (run: () => unknown, refusal: RegExp): boolean => {
        try {
          run();
          return true;
        } catch (error) {
          if (!refusal.test(String(error))) throw error;
          return false;
        }
      };
      const load = (): unknown => createEvaluator(spec, { native, runtime: "runc", runcVersion });
      const isLoaded = starts(load, /^SeccompError/);
      assert.equal(
        starts(() => runs.exitCode(spec, GETPPID), /^Error: runc: .*(seccomp|listenerPath|SCMP_)/s),
        isLoaded,
      );
    });
  }

  for (const [name, { spec, calls }] of Object.entries(PROFILES)) {
    test(name, () => {
      for (const call of calls) runs.check(spec, call, { native, runtime: "runc", runcVersion });
    });
  }
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { auditArch } from "../../../src/seccomp/bpf/audit-arch.ts";
import { compileFilter } from "../../../src/seccomp/bpf/compile.ts";
import { runBpf } from "../../../src/seccomp/bpf/run.ts";
import { createEvaluator } from "../../../src/seccomp/evaluate.ts";
import type { SeccompFilterOptions } from "../../../src/seccomp/filter.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../../src/seccomp/types.ts";

const READ: LinuxSeccomp = {
  defaultAction: "SCMP_ACT_ERRNO",
  syscalls: [{ names: ["read", "write"], action: "SCMP_ACT_ALLOW" }],
};

/** The errno of a call of a number that no rule names, by the evaluator and by the compiled program alike. */
function errnoAt(
  nr: number,
  spec: LinuxSeccomp,
  options: SeccompFilterOptions,
  arch = options.native,
): number {
  const { errno = -1 } = createEvaluator(spec, options).decide({ arch, nr });
  const { program, endian } = compileFilter(spec, options);
  assert.equal(runBpf(program, { arch: auditArch(arch), nr }, { endian }).errno ?? -1, errno);
  return errno;
}

describe("runcVersion", () => {
  const at = (runcVersion: string | undefined, architectures: string[] = []): number =>
    errnoAt(400, { ...READ, architectures }, { native: "x86_64", runtime: "runc", runcVersion });

  test("decides whether an object without architectures gets ENOSYS", () => {
    for (const version of [
      "1.1.5",
      "1.1.5+ds1",
      "v1.1.14",
      "1.0.0",
      "1.1",
      "1.0.0-rc93",
      "1.0.0~rc95+ds1-5",
    ]) {
      assert.equal(at(version), 1, version);
      assert.equal(at(version, ["SCMP_ARCH_X86_64"]), 38, version);
    }
    for (const version of [undefined, "1.1.15", "1.2.0-rc.1", "v1.2.0", "1.5.0-rc.1", "2.0.0"]) {
      assert.equal(at(version), 38, version);
      assert.equal(at(version, ["SCMP_ARCH_X86_64"]), 38, version);
    }
  });

  test("decides whether there are such answers at all", () => {
    for (const version of ["1.0.0-rc92", "1.0.0-rc9", "0.1.1", "1.0.0~rc6+dfsg1-3"]) {
      assert.equal(at(version, ["SCMP_ARCH_X86_64"]), 1, version);
    }
  });

  test("counts the listed architectures alone before 1.1.15", () => {
    const spec = { ...READ, architectures: ["SCMP_ARCH_X86"] };
    const ask = (runcVersion: string, arch: string): number =>
      errnoAt(440, spec, { native: "x86_64", runtime: "runc", runcVersion }, arch);
    assert.deepEqual([ask("1.1.14", "x86_64"), ask("1.1.14", "x86")], [1, 38]);
    assert.deepEqual([ask("1.1.15", "x86_64"), ask("1.1.15", "x86")], [38, 38]);
  });

  test("decides about number 0 on s390x", () => {
    const spec = { ...READ, architectures: ["SCMP_ARCH_S390X"] };
    const ask = (runcVersion: string, nr: number): number =>
      errnoAt(nr, spec, { native: "s390x", runtime: "runc", runcVersion });
    assert.deepEqual([ask("1.1.2", 0), ask("1.1.2", 400)], [1, 38]);
    assert.deepEqual([ask("1.1.3", 0), ask("1.1.3", 400)], [38, 38]);
  });

  test("decides about flags and architectures", () => {
    const invalid = { code: "ERR_SECCOMP_FILTER_INVALID" };
    const load = (change: Partial<LinuxSeccomp>, runcVersion?: string, native = "x86_64"): unknown =>
      createEvaluator({ ...READ, ...change }, { native, runtime: "runc", runcVersion });
    const spec = { flags: ["SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"] };
    const killable = { flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"] };
    const table: [change: Partial<LinuxSeccomp>, before: string, since: string][] = [
      [spec, "1.1.15", "1.2.0-rc.1"],
      [killable, "1.4.0", "1.4.1"],
      [{ architectures: ["SCMP_ARCH_RISCV64"] }, "1.1.7", "1.1.8"],
      [{ architectures: ["SCMP_ARCH_LOONGARCH64"] }, "1.4.0", "1.5.0-rc.1"],
    ];
    for (const [change, before, since] of table) {
      assert.throws(() => load(change, before), invalid);
      for (const version of [since, undefined]) assert.ok(load(change, version));
    }
    assert.ok(load({ flags: [] }, "1.1.5"));
    for (const name of ["M68K", "PARISC", "PARISC64", "SH", "SHEB"]) {
      const change = { architectures: [`SCMP_ARCH_${name}`] };
      const native = name === "SH" ? "x86_64" : "ppc";
      assert.throws(() => load(change, undefined, native), invalid, name);
      assert.ok(createEvaluator({ ...READ, ...change }, { native }), name);
    }
  });

  test("is not looked at for another runtime, and refused if it is none", () => {
    const options = { native: "x86_64", runcVersion: "1.2.0" };
    for (const runtime of [undefined, "crun"] as const) {
      assert.equal(errnoAt(400, { ...READ, architectures: [] }, { ...options, runtime }), 1);
    }
    for (const version of ["", "latest", "1", "1.2.3.4", "1..2", "-1.2", "9".repeat(400)]) {
      assert.throws(() => at(version), RangeError, version);
    }
  });
});

describe("runc", () => {
  const load = (syscalls: LinuxSyscall[], listenerPath?: string): unknown =>
    createEvaluator(
      { ...READ, syscalls, ...(listenerPath === undefined ? {} : { listenerPath }) },
      { native: "x86_64", runtime: "runc" },
    );

  test("needs a listener for notifications, also for those of no call", () => {
    const invalid = { code: "ERR_SECCOMP_FILTER_INVALID" };
    for (const name of ["mkdir", "nosuchcall"]) {
      const notify = { names: [name], action: "SCMP_ACT_NOTIFY" };
      assert.throws(() => load([notify]), invalid);
      assert.throws(() => load([notify], ""), invalid);
      assert.ok(load([notify], "/run/listener"));
    }
    assert.throws(() => load([{ names: ["write"], action: "SCMP_ACT_NOTIFY" }], "/run/listener"), invalid);
    for (const names of [[], null]) assert.ok(load([{ names, action: "SCMP_ACT_NOTIFY" }]));
  });
});

describe("crun", () => {
  const crun = { native: "x86_64", runtime: "crun" } as const;

  test("takes architectures in small letters and without SCMP_ARCH_, which nothing else does", () => {
    const spec = { ...READ, architectures: ["x86", "SCMP_ARCH_x32"] };
    const { decide } = createEvaluator(spec, crun);
    for (const arch of ["x86", "x32"]) assert.equal(decide({ arch, name: "read" }).kind, "rule");
    for (const runtime of ["runc", undefined] as const) {
      assert.throws(() => createEvaluator(spec, { ...crun, runtime }), {
        code: "ERR_SECCOMP_FILTER_INVALID",
      });
    }
    for (const name of ["amd64", "SCMP_ARCH_", "", "scmp_arch_x86", "SCMP_ARCH_SCMP_ARCH_X86"]) {
      assert.throws(() => createEvaluator({ ...READ, architectures: [name] }, crun), {
        code: "ERR_SECCOMP_FILTER_INVALID",
      });
    }
  });

  test("passes over empty names, which runc refuses", () => {
    const spec = { ...READ, syscalls: [{ names: ["", "read"], action: "SCMP_ACT_ALLOW" }] };
    assert.equal(createEvaluator(spec, crun).decide({ arch: "x86_64", name: "read" }).kind, "rule");
    assert.throws(() => createEvaluator(spec, { ...crun, runtime: "runc" }), {
      code: "ERR_SECCOMP_FILTER_INVALID",
    });
  });

  test("refuses an entry without names, but not one with none", () => {
    const load = (names: string[] | null): unknown =>
      createEvaluator({ ...READ, syscalls: [{ names, action: "SCMP_ACT_ALLOW" }] }, crun);
    assert.throws(() => load(null), { code: "ERR_SECCOMP_FILTER_INVALID" });
    assert.ok(load([]));
  });

  test("looks at six conditions of an entry", () => {
    const condition = (index: number, value: bigint): LinuxSeccompArg => ({
      index,
      value,
      op: "SCMP_CMP_EQ",
    });
    const args = [0, 1, 2, 3, 4, 5].map((index) => condition(index, 7n));
    const spec = {
      ...READ,
      syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW", args: [...args, condition(0, 8n)] }],
    };
    const isTaken = (runtime: "runc" | "crun", ...registers: bigint[]): boolean =>
      createEvaluator(spec, { ...crun, runtime }).decide({ arch: "x86_64", nr: 0, args: registers }).kind ===
      "rule";
    const all = [7n, 7n, 7n, 7n, 7n, 7n];
    assert.deepEqual([isTaken("crun", ...all), isTaken("runc", ...all)], [true, true]);
    // An argument that stands twice makes each condition count alone.
    assert.deepEqual([isTaken("crun", 8n), isTaken("runc", 8n)], [false, true]);
  });
});

/** Decisions of lading and its programs against programs that libseccomp makes of the same rules. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { returnValue } from "../../src/seccomp/actions.ts";
import { seccompArch } from "../../src/seccomp/arch.ts";
import { auditArch } from "../../src/seccomp/bpf/audit-arch.ts";
import { compileBuilt } from "../../src/seccomp/bpf/compile.ts";
import { createBpfRunner } from "../../src/seccomp/bpf/run.ts";
import { toRuntimeSpec } from "../../src/seccomp/convert.ts";
import { defaultSeccomp } from "../../src/seccomp/defaults/index.ts";
import { evaluateIn } from "../../src/seccomp/evaluate.ts";
import { buildFilter, type SeccompFilterOptions } from "../../src/seccomp/filter.ts";
import { parseProfile } from "../../src/seccomp/parse.ts";
import { SYSCALLS } from "../../src/seccomp/syscall-data.ts";
import { syscallName } from "../../src/seccomp/syscalls.ts";
import type { LinuxSeccomp, LinuxSyscall } from "../../src/seccomp/types.ts";
import { type LibraryFilter, libraryFilters, librarySyscalls, whyNoLibseccomp } from "./libseccomp.ts";
import { needs } from "./parts.ts";
import { probesOf, random, ruleSet, SHAPES, X32_BIT } from "./seccomp-rule-sets.ts";

const ARCHES = ["x86_64", "x86", "x32"] as const;
const SOCKETCALL = 102;
const SYSCALL_NAMES = SYSCALLS.split(";")
  .map((entry) => entry.trim().split(" ")[0] ?? "")
  .filter(Boolean);
const SETS_A_SHAPE = 1000;
/** Always the same unless told: in some tens of thousands of rule sets there is one that libseccomp compiles wrongly. */
const seed = Number(process.env["LADING_FUZZ_SEED"] ?? 20_261_121) >>> 0;

/** Compares everything that decides, for calls by number and arguments; gives how many calls it compared. */
function compareAll(
  spec: LinuxSeccomp,
  libraries: readonly LibraryFilter[],
  calls: Iterable<{ arch: string; nr: number; args: readonly bigint[] }>,
  options: Partial<SeccompFilterOptions> = {},
): number {
  const filter = buildFilter(spec, { native: "x86_64", ...options });
  const described = (): string =>
    JSON.stringify(spec, (_, value) => (typeof value === "bigint" ? `${value}` : value));
  for (const { codes } of libraries) {
    assert.deepEqual(
      filter.results.map(({ code }) => code),
      codes,
      described(),
    );
  }
  const theirs = libraries.map(({ program }) => createBpfRunner(program));
  const ours = (["list", "tree"] as const).map((form) => createBpfRunner(compileBuilt(filter, form)));
  let compared = 0;
  for (const { arch, nr, args } of calls) {
    const { action, errno } = evaluateIn(filter, { arch, nr, args });
    const value = returnValue(action, errno);
    const call = { arch: auditArch(arch), nr, args };
    const same = [...theirs, ...ours].every((runner) => runner.run(call).value === value);
    if (!same) {
      const values = [...theirs, ...ours].map((runner) => runner.run(call).value.toString(16));
      assert.fail(
        `${arch} ${nr} (${args.join()}): ${value.toString(16)}, not ${values.join()}: ${described()}`,
      );
    }
    compared++;
  }
  return compared;
}

const CAPABILITIES = [[], ["CAP_SYS_ADMIN"], ["CAP_CHOWN", "CAP_AUDIT_WRITE", "CAP_SYS_PTRACE", "CAP_BPF"]];

/** The profile that containers-common brings along where it is installed, and lading's own. */
const INSTALLED = "/usr/share/containers/seccomp.json";
const DEFAULTS: readonly { name: string; specOf(capabilities: readonly string[]): LinuxSeccomp }[] = [
  ...(["containers-common", "cri-o", "moby", "containerd"] as const).map((name) => ({
    name,
    specOf: (capabilities: readonly string[]) =>
      defaultSeccomp(name, { arch: "amd64", capabilities: [...capabilities], kernel: "6.1" }),
  })),
  ...(existsSync(INSTALLED)
    ? [{ name: INSTALLED, specOf: (capabilities: readonly string[]) => installed(capabilities) }]
    : []),
];

function installed(capabilities: readonly string[]): LinuxSeccomp {
  const profile = parseProfile(readFileSync(INSTALLED), { engine: "containers-common" });
  const spec = toRuntimeSpec(profile, { arch: "amd64", capabilities: [...capabilities] });
  assert.ok(spec);
  return spec;
}

describe("libseccomp's programs decide as lading does", needs(whyNoLibseccomp()), () => {
  for (const [at, shape] of SHAPES.entries()) {
    test(`${SETS_A_SHAPE} rule sets: ${shape.name}`, (t) => {
      t.diagnostic(`seed ${seed}`);
      const next = random(seed + at);
      const sets = Array.from({ length: SETS_A_SHAPE }, () => ruleSet(shape, next));
      const specs = sets.map(({ spec }) => spec);
      const lists = libraryFilters(specs, "list");
      const trees = libraryFilters(specs, "tree");
      let compared = 0;
      for (const [at, { spec, call, probes }] of sets.entries()) {
        const libraries = [lists[at], trees[at]].filter((filter) => filter !== undefined);
        assert.equal(libraries.length, 2);
        const calls = ARCHES.flatMap((arch, at) => {
          const number = call.numbers[at] ?? 0;
          const numbers = arch === "x86" ? [number, SOCKETCALL, 3] : [number, number + 1];
          return numbers.flatMap((nr) => probes.map((args) => ({ arch, nr, args })));
        });
        compared += compareAll(spec, libraries, calls);
      }
      t.diagnostic(`${compared} calls compared`);
      assert.ok(compared > 50 * SETS_A_SHAPE);
    });
  }

  test("but where its program compares what another comparison left behind", () => {
    // Architectures share the end of their code. Here a jump into it from a comparison of the second argument skips
    // that the first one is loaded, and the upper half of the second, which is 1, is taken for it.
    const rule = (action: string, errnoRet: number, ...values: (string | undefined)[]): LinuxSyscall => ({
      names: ["clone"],
      action,
      errnoRet,
      args: values.flatMap((value, index) =>
        value === undefined ? [] : [{ index, op: "SCMP_CMP_EQ", value: BigInt(value) }],
      ),
    });
    const specOf = (architectures: string[]): LinuxSeccomp => ({
      defaultAction: "SCMP_ACT_ERRNO",
      architectures,
      syscalls: [
        rule("SCMP_ACT_ERRNO", 4, undefined, "0x80000000"),
        rule("SCMP_ACT_ERRNO", 3, "3", "0x80000000"),
        rule("SCMP_ACT_LOG", 4, "2190814742"),
        rule("SCMP_ACT_LOG", 3, "1"),
      ],
    });
    const call = { arch: "x86_64", nr: 56, args: [3n, 0x1_8000_0000n] };
    const answers = [specOf(["SCMP_ARCH_X86", "SCMP_ARCH_X32"]), specOf([])].map((spec) => {
      const { action, errno } = evaluateIn(buildFilter(spec, { native: "x86_64" }), call);
      assert.deepEqual([action, errno], ["SCMP_ACT_ERRNO", 1], "no rule matches");
      const [library] = libraryFilters([spec], "list");
      assert.ok(library);
      return createBpfRunner(library.program).run({ ...call, arch: auditArch("x86_64") }).action;
    });
    assert.deepEqual(answers, ["SCMP_ACT_LOG", "SCMP_ACT_ERRNO"]);
  });

  const has = librarySyscallsOnce();
  for (const { name, spec } of DEFAULTS.flatMap(({ name, specOf }) =>
    CAPABILITIES.map((capabilities) => ({
      name: `${name} with ${capabilities.join(" ") || "no capability"}`,
      spec: specOf(capabilities),
    })),
  )) {
    test(`every number: ${name}`, (t) => {
      const { syscalls = [] } = spec;
      for (const architectures of [
        undefined,
        ["SCMP_ARCH_X86"],
        ARCHES.map((arch) => `SCMP_ARCH_${arch.toUpperCase()}`),
      ]) {
        const { architectures: _, ...rest } = spec;
        const variant = architectures ? { ...rest, architectures } : rest;
        const libraries = (["list", "tree"] as const).flatMap((form) => libraryFilters([variant], form));
        const compared = compareAll(variant, libraries, everyCall(syscalls), { hasSyscall: has() });
        t.diagnostic(`${compared} calls compared, ${libraries[0]?.program.length} instructions`);
        assert.ok(compared > 2000);
      }
    });
  }
});

function librarySyscallsOnce(): () => NonNullable<SeccompFilterOptions["hasSyscall"]> {
  let has: SeccompFilterOptions["hasSyscall"];
  return () => {
    has ??= librarySyscalls(SYSCALL_NAMES);
    return has;
  };
}

/** Every number on the three architectures, with arguments around what the rules for its name compare with. */
function* everyCall(
  rules: readonly LinuxSyscall[],
): Generator<{ arch: string; nr: number; args: readonly bigint[] }> {
  const tables = new Map<string, bigint[][]>();
  for (const name of new Set(rules.flatMap(({ names, args }) => (args?.length ? (names ?? []) : [])))) {
    tables.set(
      name,
      probesOf(
        rules.filter(({ names }) => names?.includes(name)),
        3,
      ),
    );
  }
  // Calls that arrive through a multiplexer have its code first.
  tables.set(
    "socketcall",
    Array.from({ length: 24 }, (_, code) => [BigInt(code), 0n, 0n]),
  );
  tables.set(
    "ipc",
    Array.from({ length: 30 }, (_, code) => [BigInt(code), 0n, 0n]),
  );
  for (const arch of ARCHES) {
    const first = arch === "x32" ? X32_BIT : 0;
    for (const nr of [...Array.from({ length: 700 }, (_, at) => first + at), -1, X32_BIT - 1, 2 ** 32 - 2]) {
      const name = syscallName(seccompArch(arch), nr);
      for (const args of (name && tables.get(name)) || [[]]) yield { arch, nr, args };
    }
  }
}

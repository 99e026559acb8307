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
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../src/seccomp/types.ts";
import { type LibraryFilter, libraryFilters, librarySyscalls, whyNoLibseccomp } from "./libseccomp.ts";
import { needs } from "./parts.ts";

const ARCHES = ["x86_64", "x86", "x32"] as const;
const X32_BIT = 0x4000_0000;
const SYSCALL_NAMES = SYSCALLS.split(";")
  .map((entry) => entry.trim().split(" ")[0] ?? "")
  .filter(Boolean);
const MAX = 0xffff_ffff_ffff_ffffn;
const SETS_A_SHAPE = 1000;
const seed = Number(process.env["LADING_FUZZ_SEED"] ?? Date.now()) >>> 0;

/** What a shape of rule sets is made of. */
interface Shape {
  name: string;
  operators: readonly string[];
  /** Arguments that a rule has conditions on: at least one of them. */
  args: number;
  /** Whether rules have different actions. */
  mixed: boolean;
  /** Operands are below. */
  bound: bigint;
  /** Whether the filters have no other architecture than x86_64. */
  nativeOnly?: boolean;
}

/** The shapes in which libseccomp 2.5 follows its own order of rules without exception. */
const SHAPES: readonly Shape[] = [
  { name: "equality", operators: ["EQ", "NE"], args: 1, mixed: true, bound: 2n ** 32n },
  { name: "ranges", operators: ["LT", "LE", "GT", "GE"], args: 1, mixed: true, bound: 2n ** 32n },
  { name: "masks", operators: ["MASKED_EQ"], args: 1, mixed: true, bound: 2n ** 32n },
  {
    name: "all operators",
    operators: ["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ"],
    args: 1,
    mixed: true,
    bound: 2n ** 32n,
  },
  {
    name: "all operators, one action",
    operators: ["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ"],
    args: 1,
    mixed: false,
    bound: 2n ** 32n,
  },
  { name: "two arguments", operators: ["EQ"], args: 2, mixed: true, bound: 2n ** 32n },
  { name: "three arguments", operators: ["EQ"], args: 3, mixed: true, bound: 2n ** 32n },
  {
    name: "three arguments with masks",
    operators: ["EQ", "MASKED_EQ"],
    args: 3,
    mixed: true,
    bound: 2n ** 32n,
    // libseccomp shares a masked test between architectures, though one of them has another argument loaded there.
    nativeOnly: true,
  },
];

/** Names with the numbers of their calls on the three architectures, one that socketcall leads to among them. */
const CALLS: readonly { name: string; numbers: readonly [number, number, number] }[] = [
  { name: "personality", numbers: [135, 136, X32_BIT + 135] },
  { name: "socket", numbers: [41, 359, X32_BIT + 41] },
  { name: "clone", numbers: [56, 120, X32_BIT + 56] },
  // Another number on x32.
  { name: "ioctl", numbers: [16, 54, X32_BIT + 514] },
];
const SOCKETCALL = 102;

/** Numbers from 0 to 1 that depend on a seed alone (mulberry32). */
function random(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface RuleSet {
  spec: LinuxSeccomp;
  call: (typeof CALLS)[number];
  probes: bigint[][];
}

function ruleSet(shape: Shape, next: () => number): RuleSet {
  const below = (count: number): number => Math.floor(next() * count);
  const pick = <T>(values: readonly T[]): T => {
    const value = values[below(values.length)];
    if (value === undefined) throw new RangeError("nothing to pick from");
    return value;
  };
  const operand = (): bigint => {
    const kind = below(3);
    if (kind === 0) return BigInt(below(8));
    if (kind === 1) return pick([0x2_0000n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_fffen, 0xffff_ffffn]);
    return BigInt(below(Number(shape.bound)));
  };
  const call = pick(CALLS);
  const condition = (index: number): LinuxSeccompArg => {
    const op = pick(shape.operators);
    const base = { index, op: `SCMP_CMP_${op}`, value: operand() };
    if (op !== "MASKED_EQ") return base;
    const mask = pick([1n, 2n, 3n, 0xffn, 0xffff_ffffn, 0x7e02_0000n, base.value]);
    return { ...base, value: mask, valueTwo: operand() & mask };
  };
  const rule = (): LinuxSyscall => {
    const action = shape.mixed
      ? pick(["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_ERRNO"])
      : "SCMP_ACT_ALLOW";
    const indexes = Array.from({ length: shape.args }, (_, index) => index);
    const kept = indexes.filter(() => shape.args === 1 || next() < 0.6);
    const args = (kept.length > 0 ? kept : [below(shape.args)]).map(condition);
    return { names: [call.name], action, errnoRet: 2 + below(3), args };
  };
  const syscalls = Array.from({ length: 2 + below(4) }, rule);
  const spec: LinuxSeccomp = {
    defaultAction: pick(["SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"]),
    architectures: shape.nativeOnly ? [] : ["SCMP_ARCH_X86", "SCMP_ARCH_X32"].filter(() => next() < 0.7),
    // One more call: libseccomp goes wrong where multiplexed ones are all that an architecture has.
    syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }, ...syscalls],
  };
  return { spec, call, probes: probesOf(syscalls, shape.args) };
}

/** Every combination of the ends of what conditions tell apart; the low word counts alone on some architectures. */
function probesOf(rules: readonly LinuxSyscall[], count: number): bigint[][] {
  const points = Array.from({ length: count }, () => new Set([0n, MAX]));
  for (const { index, op, value, valueTwo = 0n } of rules.flatMap(({ args = [] }) => args)) {
    const isMask = op === "SCMP_CMP_MASKED_EQ";
    const found = isMask
      ? [valueTwo, valueTwo ^ value, valueTwo | ~value, value]
      : [value - 1n, value, value + 1n];
    for (const point of [...found, (isMask ? valueTwo : value) + 2n ** 32n]) {
      points[index]?.add(BigInt.asUintN(64, point));
    }
  }
  let probes: bigint[][] = [[]];
  for (const values of points)
    probes = probes.flatMap((probe) => [...values].map((value) => [...probe, value]));
  // Of very many, some: evenly.
  const step = Math.ceil(probes.length / 150);
  return probes.filter((_, at) => at % step === 0);
}

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

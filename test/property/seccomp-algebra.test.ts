import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import {
  type DifferentRegion,
  diffProfiles,
  evaluateStack,
  intersectProfiles,
  isSubset,
  unionProfiles,
} from "../../src/seccomp/algebra/index.ts";
import { seccompArch } from "../../src/seccomp/arch.ts";
import { evaluateSyscall } from "../../src/seccomp/evaluate.ts";
import type { SeccompFilterOptions } from "../../src/seccomp/filter.ts";
import { conditionHolds, type Operator } from "../../src/seccomp/filter-tree.ts";
import type { LinuxSeccomp, LinuxSeccompArg } from "../../src/seccomp/types.ts";
import { property } from "./runs.ts";

/** From strict to loose, as the kernel's documentation lists them. */
const ORDER = ["KILL_PROCESS", "KILL_THREAD", "TRAP", "ERRNO", "NOTIFY", "TRACE", "LOG", "ALLOW"];
const ARCHES = ["x86_64", "x86", "x32"] as const;
const NAMES = ["personality", "socket", "ipc", "shmget", "read"];
/** Values next to which conditions change their mind, and some of which differ in the high half alone. */
const EDGES = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  0xffff_fffen,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x1_0000_0001n,
  2n ** 64n - 1n,
];

const word = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...EDGES) },
  { weight: 1, arbitrary: fc.bigInt(0n, 2n ** 64n - 1n) },
);
const condition: fc.Arbitrary<LinuxSeccompArg> = fc.record({
  index: fc.nat({ max: 2 }),
  op: fc.constantFrom("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ").map((name) => `SCMP_CMP_${name}`),
  value: word,
  valueTwo: word,
});
const action = fc
  .constantFrom("ALLOW", "LOG", "ERRNO", "TRAP", "KILL", "KILL_PROCESS")
  .map((name) => `SCMP_ACT_${name}`);
const rule = fc.record({
  names: fc.subarray(NAMES, { minLength: 1, maxLength: 2 }),
  action,
  errnoRet: fc.constantFrom(1, 38),
  args: fc.array(condition, { maxLength: 3 }),
});
const profile: fc.Arbitrary<LinuxSeccomp> = fc.record({
  defaultAction: action,
  architectures: fc.subarray(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]),
  syscalls: fc.array(rule, { maxLength: 5 }),
});
const layers = fc.oneof(profile, fc.constant(null), fc.array(profile, { maxLength: 3 }));
const call = fc.record({
  arch: fc.constantFrom(...ARCHES),
  nr: fc.constantFrom(
    0,
    26,
    41,
    102,
    117,
    135,
    136,
    359,
    395,
    0x4000_0029,
    0x4000_0087,
    0xffff_ffff,
    77,
    5000,
  ),
  args: fc.array(word, { minLength: 3, maxLength: 3 }),
});
const runtime = fc.constantFrom(undefined, "runc" as const);

/** Combining takes longer than comparing. */
const fewer = { ...property, numRuns: Math.ceil(property.numRuns / 10) };

describe("seccomp algebra, against evaluating single calls", () => {
  test("a difference covers a call exactly where the two decisions differ, once, and tells both", () => {
    fc.assert(
      fc.property(
        layers,
        layers,
        fc.array(call, { minLength: 1, maxLength: 20 }),
        runtime,
        (a, b, calls, runtime) => {
          const options = { native: "x86_64", runtime };
          const diff = loadable(() => diffProfiles(a, b, options));
          if (!diff) return;
          for (const { arch, nr, args } of calls) {
            const [before, after] = [
              outcome(a, arch, nr, args, options),
              outcome(b, arch, nr, args, options),
            ];
            const name = kernelName(arch, nr);
            const regions: DifferentRegion[] = diff.differences
              .filter((each) => each.arch === name)
              .filter(({ numbers }) => numbers.some(({ from, to }) => from <= nr && nr <= to))
              .flatMap(({ regions }) => regions)
              .filter(({ conditions }) =>
                conditions.every((each) => holds(each, args, seccompArch(name).bits)),
              );
            const isKnown = diff.differences.some((each) => each.arch === name) || covers(name, a, b);
            if (!isKnown && diff.elsewhere) {
              assert.deepEqual([text(diff.elsewhere.before), text(diff.elsewhere.after)], [before, after]);
            } else {
              const told = regions.map((each) => [text(each.before), text(each.after)]);
              assert.deepEqual(told, before === after ? [] : [[before, after]], `${name} ${nr} ${args}`);
            }
          }
        },
      ),
      property,
    );
  });

  test("a counterexample is one, and without one no call is looser", () => {
    fc.assert(
      fc.property(
        layers,
        layers,
        fc.array(call, { minLength: 1, maxLength: 20 }),
        runtime,
        (a, b, calls, runtime) => {
          const options = { native: "x86_64", runtime };
          const verdict = loadable(() => isSubset(a, b, options));
          if (!verdict) return;
          const probes = verdict.kind === "subset" ? calls : [verdict.counterexample];
          for (const { arch, nr, args } of probes) {
            const [inner, outer] = [outcome(a, arch, nr, args, options), outcome(b, arch, nr, args, options)];
            assert.equal(rank(inner) > rank(outer), verdict.kind === "not-subset", `${arch} ${nr} ${args}`);
          }
        },
      ),
      property,
    );
  });

  test("what does not differ is within each other, and only what differs is not", () => {
    fc.assert(
      fc.property(layers, layers, (a, b) => {
        const options = { native: "x86_64" };
        const diff = loadable(() => diffProfiles(a, b, options));
        if (!diff) return;
        const changes = new Set(
          diff.differences.flatMap(({ regions }) => regions.map(({ change }) => change)),
        );
        if (diff.elsewhere)
          changes.add(diff.elsewhere.before.action === "SCMP_ACT_ALLOW" ? "stricter" : "looser");
        assert.equal(isSubset(b, a, options).kind === "subset", !changes.has("looser"));
        assert.equal(isSubset(a, b, options).kind === "subset", !changes.has("stricter"));
      }),
      property,
    );
  });
});

describe("seccomp combinations, against evaluating single calls", () => {
  const pair = fc.array(profile, { minLength: 2, maxLength: 3 });

  test("an intersection decides as the strictest, the first of equals, and is within each", () => {
    fc.assert(
      fc.property(pair, fc.array(call, { minLength: 1, maxLength: 20 }), (specs, calls) => {
        const options = { native: "x86_64" };
        const spec = loadable(() => intersectProfiles(specs, options))?.spec;
        if (!spec) return;
        for (const { arch, nr, args } of calls) {
          if (!specs.every((each) => isCovered(each, kernelName(arch, nr)))) continue;
          const each = specs.map((one) => outcome(one, arch, nr, args, options));
          const strictest = each.reduce((a, b) => (rank(b) < rank(a) ? b : a));
          assert.equal(outcome(spec, arch, nr, args, options), strictest, `${arch} ${nr} ${args}`);
        }
        const isSame = specs.every(
          ({ architectures }) => `${architectures}` === `${specs[0]?.architectures}`,
        );
        if (isSame) for (const one of specs) assert.equal(isSubset(spec, one, options).kind, "subset");
      }),
      fewer,
    );
  });

  test("a union decides as the loosest, the first of equals, and each is within it", () => {
    fc.assert(
      fc.property(pair, fc.array(call, { minLength: 1, maxLength: 20 }), (specs, calls) => {
        const options = { native: "x86_64" };
        const spec = loadable(() => unionProfiles(specs, options))?.spec;
        if (!spec) return;
        for (const { arch, nr, args } of calls) {
          const each = specs.map((one) => outcome(one, arch, nr, args, options));
          const loosest = each.reduce((a, b) => (rank(b) > rank(a) ? b : a));
          assert.equal(outcome(spec, arch, nr, args, options), loosest, `${arch} ${nr} ${args}`);
        }
        for (const one of specs) assert.equal(isSubset(one, spec, options).kind, "subset");
      }),
      fewer,
    );
  });

  test("a stack decides as the strictest, the newest of equals", () => {
    fc.assert(
      fc.property(fc.array(fc.option(profile), { minLength: 1, maxLength: 3 }), call, (specs, probe) => {
        const options = { native: "x86_64" };
        const decision = loadable(() => evaluateStack(specs, probe, options));
        if (!decision) return;
        assert.equal(text(decision), outcome(specs, probe.arch, probe.nr, probe.args, options));
        assert.deepEqual(text(decision.layers[decision.layer] ?? { action: "" }), text(decision));
      }),
      fewer,
    );
  });
});

function isCovered({ architectures = [] }: LinuxSeccomp, name: string): boolean {
  return name === "x86_64" || architectures.includes(`SCMP_ARCH_${name.toUpperCase()}`);
}

const NOT_COMPARED = new Set(["ERR_SECCOMP_RULE_CONFLICT", "ERR_SECCOMP_UNSUPPORTED"]);

/** Nothing for a profile that contradicts itself, and for the rare one with too many regions. */
function loadable<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (isLadingError(error) && NOT_COMPARED.has(error.code)) return undefined;
    throw error;
  }
}

type Layers = LinuxSeccomp | null | readonly (LinuxSeccomp | null)[];

function listOf(layers: Layers): readonly (LinuxSeccomp | null)[] {
  return layers === null || "defaultAction" in layers ? [layers] : layers;
}

/** What happens with a call under each filter by itself, the strictest of it; of equal ones the newest. */
function outcome(
  layers: Layers,
  arch: string,
  nr: number,
  args: bigint[],
  options: SeccompFilterOptions,
): string {
  return listOf(layers)
    .filter((spec) => spec !== null)
    .map((spec) => text(evaluateSyscall(spec, { arch, nr, args }, options)))
    .reduce((older, newer) => (rank(newer) <= rank(older) ? newer : older), "ALLOW");
}

function text({ action, errno }: { action: string; errno?: number }): string {
  return `${action.slice("SCMP_ACT_".length)}${errno === undefined ? "" : ` ${errno}`}`;
}

function rank(outcome: string): number {
  return ORDER.indexOf(outcome.split(" ")[0] ?? "");
}

/** x86_64 and x32 are one architecture to the kernel: the number tells them apart. */
function kernelName(arch: string, nr: number): string {
  if (arch === "x86") return arch;
  return nr >= 0x4000_0000 && nr < 0xffff_ffff ? "x32" : "x86_64";
}

function covers(name: string, ...sides: Layers[]): boolean {
  if (name !== "x86") return true;
  return sides.flatMap(listOf).some((spec) => spec?.architectures?.includes("SCMP_ARCH_X86"));
}

function holds({ index, op, value, valueTwo = 0n }: LinuxSeccompArg, args: bigint[], bits: 32 | 64): boolean {
  const name = op.slice("SCMP_CMP_".length) as Operator;
  const [operand, mask] = name === "MASKED_EQ" ? [valueTwo, value] : [value, 2n ** 64n - 1n];
  return conditionHolds({ arg: index, op: name, value: operand, mask }, args, bits);
}

/** Intersections and unions of lading against the programs that libseccomp makes of each part. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isLadingError } from "../../src/core/errors.ts";
import { intersectProfiles, unionProfiles } from "../../src/seccomp/algebra/combine.ts";
import { auditArch } from "../../src/seccomp/bpf/audit-arch.ts";
import { compileFilter } from "../../src/seccomp/bpf/compile.ts";
import { createBpfRunner } from "../../src/seccomp/bpf/run.ts";
import { defaultSeccomp } from "../../src/seccomp/defaults/index.ts";
import { SYSCALLS } from "../../src/seccomp/syscall-data.ts";
import type { LinuxSeccomp } from "../../src/seccomp/types.ts";
import { libraryFilters, librarySyscalls, whyNoLibseccomp } from "./libseccomp.ts";
import { needs } from "./parts.ts";
import { CALLS, probesOf, type RuleSet, random, ruleSet, SHAPES, X32_BIT } from "./seccomp-rule-sets.ts";

/** By the number of arguments: diagrams over several take longer. */
const PAIRS: readonly number[] = [0, 40, 15, 8];
/** Not every pair has one profile that decides as both. */
const TRIES = 4;
const OPTIONS = { native: "x86_64" };
const KILL_THREAD = 0;
const SOCKETCALL = 102;
/** Always the same unless told: in some tens of thousands of rule sets there is one that libseccomp compiles wrongly. */
const seed = Number(process.env["LADING_FUZZ_SEED"] ?? 20_261_121) >>> 0;

interface Call {
  arch: string;
  nr: number;
  args: readonly bigint[];
}

interface Kind {
  name: "intersection" | "union";
  combine: typeof intersectProfiles;
  choose(a: number, b: number): number;
}

/** Order in which the kernel takes the answers of several filters: the smallest first, without their data. */
function strictness(value: number): number {
  return value & 0xffff_0000;
}

const KINDS: readonly Kind[] = [
  {
    name: "intersection",
    combine: intersectProfiles,
    choose: (a: number, b: number): number => (strictness(b) < strictness(a) ? b : a),
  },
  {
    name: "union",
    combine: unionProfiles,
    choose: (a: number, b: number): number => (strictness(b) > strictness(a) ? b : a),
  },
];

/** The combination; nothing where there is no one profile that decides so. */
function combined(
  combine: typeof intersectProfiles,
  parts: readonly LinuxSeccomp[],
): LinuxSeccomp | undefined {
  try {
    const { spec } = combine(parts, OPTIONS);
    assert.ok(spec);
    return spec;
  } catch (error) {
    if (isLadingError(error) && error.code === "ERR_SECCOMP_UNSUPPORTED") return undefined;
    throw error;
  }
}

function covers({ architectures = [] }: LinuxSeccomp, arch: string): boolean {
  return arch === "x86_64" || architectures.includes(`SCMP_ARCH_${arch.toUpperCase()}`);
}

describe(
  "combined profiles decide as libseccomp's programs of their parts together",
  needs(whyNoLibseccomp()),
  () => {
    for (const [at, shape] of SHAPES.entries()) {
      for (const { name, combine, choose } of KINDS) {
        const count = PAIRS[shape.args] ?? 0;
        test(`${count} times the ${name} of two: ${shape.name}`, (t) => {
          t.diagnostic(`seed ${seed}`);
          const next = random(seed + 1000 + at);
          const pairs = Array.from({ length: TRIES * count }, (): [RuleSet, RuleSet] => {
            const one = ruleSet(shape, next);
            const other = ruleSet(shape, next, one.call);
            // What only one covers has rules there that the other cannot have.
            if (name === "union") other.spec.architectures = one.spec.architectures ?? [];
            return [one, other];
          });
          const programs = libraryFilters(
            pairs.flat().map(({ spec }) => spec),
            "list",
          );
          let compared = 0;
          let without = 0;
          let combinations = 0;
          for (const [index, [one, other]] of pairs.entries()) {
            if (combinations === count) break;
            const loads = programs
              .slice(2 * index, 2 * index + 2)
              .map(({ codes }) => codes.every((code) => code === 0));
            // No runtime loads a part that contradicts itself, and lading refuses to combine it.
            if (loads.includes(false)) {
              assert.throws(() => combine([one.spec, other.spec], OPTIONS), {
                code: "ERR_SECCOMP_RULE_CONFLICT",
              });
              continue;
            }
            const spec = combined(combine, [one.spec, other.spec]);
            if (!spec) {
              without++;
              continue;
            }
            combinations++;
            const own = createBpfRunner(compileFilter(spec, OPTIONS).program);
            const parts = programs
              .slice(2 * index, 2 * index + 2)
              .map(({ program }) => createBpfRunner(program));
            const [a, b] = parts;
            assert.ok(a && b);
            for (const { arch, nr, args } of callsOf(one.call, [...one.probes, ...other.probes])) {
              const call = { arch: auditArch(arch), nr, args };
              const x: number = a.run(call).value;
              const y: number = b.run(call).value;
              const isCovered = covers(one.spec, arch) && covers(other.spec, arch);
              const wanted: number = isCovered || name === "union" ? choose(x, y) : KILL_THREAD;
              assert.equal(
                own.run(call).value,
                wanted,
                described(arch, nr, args, [one.spec, other.spec, spec]),
              );
              compared++;
            }
          }
          t.diagnostic(`${compared} calls compared; ${without} pairs have no one profile`);
          assert.equal(combinations, count);
          assert.ok(compared > 20 * count, `${compared} calls compared`);
        });
      }
    }

    const names = SYSCALLS.split(";").map((entry) => entry.trim().split(" ")[0] ?? "");
    const all = (["containers-common", "cri-o", "moby", "containerd"] as const).flatMap((name) =>
      [[], ["CAP_SYS_ADMIN"]].map((capabilities) => ({
        name: `${name} with ${capabilities.join(" ") || "no capability"}`,
        spec: defaultSeccomp(name, { arch: "amd64", capabilities, kernel: "6.1" }),
      })),
    );
    test("every number: default profiles by two", (t) => {
      const hasSyscall = librarySyscalls(names.filter(Boolean));
      const programs = libraryFilters(
        all.map(({ spec }) => spec),
        "list",
      ).map(({ program }) => createBpfRunner(program));
      let compared = 0;
      for (const [i, one] of all.entries()) {
        for (const [j, other] of all.entries()) {
          const [a, b] = [programs[i], programs[j]];
          if (i >= j || !a || !b) continue;
          const calls = [...everyCall([one.spec, other.spec])];
          for (const { name, combine, choose } of KINDS) {
            const spec = combined(combine, [one.spec, other.spec]);
            assert.ok(spec, `${name} of ${one.name} and ${other.name}`);
            const own = createBpfRunner(compileFilter(spec, { ...OPTIONS, hasSyscall }).program);
            for (const { arch, nr, args } of calls) {
              const call = { arch: auditArch(arch), nr, args };
              const wanted = choose(a.run(call).value, b.run(call).value);
              if (own.run(call).value === wanted) continue;
              assert.fail(
                `${name} of ${one.name} and ${other.name}: ${arch} ${nr} (${args.join()}), not ${wanted}`,
              );
            }
            compared += calls.length;
          }
        }
      }
      t.diagnostic(`${compared} calls compared`);
      assert.ok(compared > 50_000);
    });
  },
);

function* callsOf({ numbers }: RuleSet["call"], probes: readonly (readonly bigint[])[]): Generator<Call> {
  for (const [at, arch] of (["x86_64", "x86", "x32"] as const).entries()) {
    const number = numbers[at] ?? 0;
    for (const nr of arch === "x86" ? [number, SOCKETCALL, 3] : [number, number + 1]) {
      for (const args of probes) yield { arch, nr, args };
    }
  }
}

/** Every number of the three architectures, with the arguments that the rules of either profile tell apart. */
function* everyCall(specs: readonly LinuxSeccomp[]): Generator<Call> {
  const rules = specs.flatMap(({ syscalls = [] }) => syscalls);
  const conditional = rules.filter(({ args = [] }) => args.length > 0);
  const byNumber = new Map<string, bigint[][]>();
  for (const { name, numbers } of CALLS) {
    const own = conditional.filter((rule) => rule.names?.includes(name));
    for (const number of numbers) byNumber.set(`${number}`, probesOf(own, 3));
  }
  for (const arch of ["x86_64", "x86", "x32"]) {
    const first = arch === "x32" ? X32_BIT : 0;
    for (const nr of [...Array.from({ length: 500 }, (_, at) => first + at), -1]) {
      for (const args of byNumber.get(`${nr}`) ?? [[]]) yield { arch, nr, args };
    }
  }
  for (let code = 0n; code < 24n; code++) yield { arch: "x86", nr: SOCKETCALL, args: [code, 0n, 0n] };
}

function described(
  arch: string,
  nr: number,
  args: readonly bigint[],
  specs: readonly LinuxSeccomp[],
): string {
  const text = JSON.stringify(specs, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value));
  return `${arch} ${nr} (${args.join()}): ${text}`;
}

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { returnValue } from "../../src/seccomp/actions.ts";
import { auditArch } from "../../src/seccomp/bpf/audit-arch.ts";
import { compileFilter } from "../../src/seccomp/bpf/compile.ts";
import { decodeBpf, encodeBpf } from "../../src/seccomp/bpf/instruction.ts";
import { createBpfRunner } from "../../src/seccomp/bpf/run.ts";
import { createEvaluator, type SyscallVerdict } from "../../src/seccomp/evaluate.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../src/seccomp/types.ts";
import { property } from "./runs.ts";

const OPERATORS = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"].map((name) => `SCMP_CMP_${name}`);
const ACTIONS = ["ALLOW", "ERRNO", "LOG", "TRACE", "TRAP", "KILL_PROCESS", "NOTIFY"].map(
  (name) => `SCMP_ACT_${name}`,
);
const NAMES = ["read", "personality", "clone", "socket", "bind", "semop", "chown32", "openat2", "exit_group"];
/** Native architectures, with what may stand beside them. */
const FAMILIES: readonly (readonly string[])[] = [
  ["x86_64", "x86", "x32"],
  ["x32", "x86_64", "x86"],
  ["x86", "x32"],
  ["aarch64", "arm"],
  ["s390x", "s390"],
  ["riscv64"],
];

const word = fc.constantFrom(0n, 1n, 2n, 38n, 0x8000_0000n, 0xffff_ffffn);
const operand = fc.tuple(word, word).map(([high, low]) => (high << 32n) | low);
const arg: fc.Arbitrary<LinuxSeccompArg> = fc.record({
  index: fc.nat({ max: 5 }),
  op: fc.constantFrom(...OPERATORS),
  value: operand,
  valueTwo: operand,
});
const entry: fc.Arbitrary<LinuxSyscall> = fc.record({
  names: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }),
  action: fc.constantFrom(...ACTIONS),
  errnoRet: fc.constantFrom(1, 38, 97),
  args: fc.array(arg, { maxLength: 3 }),
});
const subject = fc.constantFrom(...FAMILIES).chain((family) =>
  fc.record({
    family: fc.constant(family),
    runtime: fc.constantFrom(undefined, "runc" as const),
    runcVersion: fc.constantFrom(undefined, "1.1.5", "1.1.2", "1.0.0-rc92"),
    spec: fc.record({
      defaultAction: fc.constantFrom("SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW", "SCMP_ACT_KILL"),
      defaultErrnoRet: fc.constantFrom(1, 38),
      listenerPath: fc.constant("/run/listener"),
      architectures: fc
        .subarray([...family.slice(1)])
        .map((names) => names.map((name) => `SCMP_ARCH_${name.toUpperCase()}`)),
      syscalls: fc.array(entry, { maxLength: 6 }),
    }),
    registers: fc.array(fc.array(operand, { maxLength: 6 }), { minLength: 1, maxLength: 6 }),
  }),
);

/** Numbers of the names above somewhere, their neighbours, and the ends of the ranges. */
const NUMBERS = [
  ...[0, 3, 41, 49, 56, 63, 65, 92, 93, 102, 117, 120, 135, 136, 200, 212, 220, 231, 248, 359, 361, 437, 438],
  ...[0x3fff_ffff, 0x4000_0000, 0x4000_0029, 0x4000_0087, 0x4000_01b5, 0x4000_01b6, 0x7fff_ffff, -1],
];

describe("compiled filters", () => {
  test("answer as the evaluator does in both its ways, as a list and as a tree", () => {
    let compared = 0;
    fc.assert(
      fc.property(subject, ({ family, runtime, runcVersion, spec, registers }) => {
        const [native = ""] = family;
        const evaluator = loadable(() => createEvaluator(spec, { native, runtime, runcVersion }));
        const lists = loadable(() => compileFilter(spec, { native, runtime, runcVersion, form: "list" }));
        assert.equal(lists === undefined, evaluator === undefined);
        if (!evaluator || !lists) return;
        const trees = compileFilter(spec, { native, runtime, runcVersion, form: "tree" });
        const runners = [lists, trees].map(({ program, endian }) => createBpfRunner(program, { endian }));
        for (const arch of family) {
          for (const nr of NUMBERS) {
            for (const args of registers) {
              const { nr: _, name, considered, caveats, ...reason } = evaluator.evaluate({ arch, nr, args });
              const verdict = evaluator.decide({ arch, nr, args });
              assert.deepEqual(verdict, reason);
              const { action, errno } = verdict;
              const call = { arch: auditArch(arch), nr, args };
              for (const runner of runners) assert.equal(runner.run(call).value, returnValue(action, errno));
              compared++;
            }
          }
        }
      }),
      { ...property, numRuns: Math.ceil(property.numRuns / 10) },
    );
    assert.ok(compared > 1000, `${compared} calls compared`);
  });

  test("and both ways of the evaluator refuse the same calls", () => {
    const argument = fc.oneof(
      fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }),
      fc.double(),
      fc.integer({ min: -5, max: 5 }),
      fc.maxSafeInteger(),
    );
    const call = fc.record({
      arch: fc.constantFrom("x86_64", "amd64", "SCMP_ARCH_X86", "x32", "mips64", "vax", "__proto__", ""),
      nr: fc.oneof(fc.constantFrom(0, 135, -1, 2 ** 32 - 1, 2 ** 32, 0.5, Number.NaN), fc.nat({ max: 500 })),
      args: fc.array(argument, { maxLength: 7 }),
    });
    const named = fc.record({
      arch: fc.constantFrom("x86_64", "x86", "mips64"),
      name: fc.constantFrom("read", "semop", "chown32", "toString", ""),
    });
    const spec: LinuxSeccomp = {
      defaultAction: "SCMP_ACT_ERRNO",
      architectures: ["SCMP_ARCH_X86"],
      syscalls: [
        { names: ["read"], action: "SCMP_ACT_ALLOW" },
        {
          names: ["personality", "lseek"],
          action: "SCMP_ACT_TRACE",
          args: [
            { index: 1, op: "SCMP_CMP_GT", value: 5n },
            { index: 0, op: "SCMP_CMP_NE", value: 2n ** 64n - 1n },
          ],
        },
      ],
    };
    const evaluators = [spec, null].map((one) => createEvaluator(one, { native: "x86_64" }));
    fc.assert(
      fc.property(fc.oneof(call, named), (asked) => {
        for (const evaluator of evaluators) {
          const [one, other] = [evaluator.evaluate, evaluator.decide].map((ask) =>
            outcomeOf(() => ask(asked)),
          );
          assert.equal(one, other);
        }
      }),
      property,
    );
  });

  test("come back from their bytes, and changed bytes give a program that ends, or an error", () => {
    const spec: LinuxSeccomp = {
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [{ names: ["read", "clone"], action: "SCMP_ACT_ALLOW" }],
    };
    const { program } = compileFilter(spec, { native: "x86_64", runtime: "runc" });
    const bytes = encodeBpf(program);
    assert.deepEqual(decodeBpf(bytes), program);
    const change = fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(), (changes, nr) => {
        const changed = bytes.slice();
        for (const [at, value] of changes) changed[at] = value;
        const read = loadable(() => decodeBpf(changed));
        if (!read) return;
        const { steps } = createBpfRunner(read).run({ nr, arch: auditArch("x86_64") });
        assert.ok(steps <= read.length);
      }),
      property,
    );
  });
});

/** What happens with a call, or what is thrown, as text. */
function outcomeOf(ask: () => SyscallVerdict): string {
  try {
    const { action, errno, kind, rule } = ask();
    return `${action} ${errno} ${kind} ${rule}`;
  } catch (error) {
    if (isLadingError(error) || error instanceof RangeError) return String(error);
    throw error;
  }
}

/** What a function gives; nothing where it throws an error of lading, as it may for a filter that none loads. */
function loadable<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (isLadingError(error)) return undefined;
    throw error;
  }
}

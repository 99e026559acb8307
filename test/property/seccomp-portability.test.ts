import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { evaluateSyscall } from "../../src/seccomp/evaluate.ts";
import { explainPortability, reportPortability } from "../../src/seccomp/portability/index.ts";
import { property } from "./runs.ts";

const NODE = { arch: "amd64", capabilities: ["CAP_CHOWN"], kernel: "6.1" };
const VALID = JSON.stringify({
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrno: "ENOSYS",
  archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
  syscalls: [
    { names: ["read", "nosuch"], action: "SCMP_ACT_ALLOW", comment: "x" },
    { name: "socket", action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 16, op: "SCMP_CMP_LE" }] },
    { names: ["mount"], action: "SCMP_ACT_ERRNO", errno: "EACCES", excludes: { caps: ["CAP_SYS_ADMIN"] } },
    { names: ["ptrace"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "4.8", arches: ["amd64"] } },
  ],
});

const piece = fc.oneof(
  fc.string({ maxLength: 4 }),
  fc.constantFrom("null", "{}", "[]", "-1", "1e9", '"', "18446744073709551616", '"__proto__":1,', "\u0000"),
);
const edit = fc.tuple(fc.nat({ max: VALID.length }), fc.nat({ max: 12 }), piece);
const mutated = fc
  .array(edit, { minLength: 1, maxLength: 3 })
  .map((edits) =>
    edits.reduce((text, [at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut), VALID),
  );

const gate = fc.constantFrom(
  {},
  { includes: { caps: ["CAP_CHOWN"] } },
  { includes: { caps: ["CAP_BPF"] } },
  { excludes: { arches: ["amd64"] } },
  { includes: { minKernel: "6.2" } },
);
const entry = fc
  .record({
    names: fc.uniqueArray(fc.constantFrom("read", "mount", "nosuch"), { minLength: 1 }),
    action: fc.constantFrom("SCMP_ACT_ALLOW", "SCMP_ACT_LOG"),
    gate,
  })
  .map(({ names, action, gate }) => ({ names, action, ...gate }));

describe("portability reports, for any input", () => {
  test("throw nothing but lading's errors, and are told in words", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, fc.json(), fc.string()), async (text) => {
        try {
          const report = await reportPortability(text, NODE);
          assert.equal(report.engines.length, 6);
          assert.ok(explainPortability(report).length >= 6);
        } catch (error) {
          if (!isLadingError(error)) throw error;
        }
      }),
      // Each input is read, converted and compared six times.
      { ...property, numRuns: Math.ceil(property.numRuns / 10) },
    );
  });

  test("name a call as different exactly where evaluation finds it so", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 4 }), async (syscalls) => {
        const text = JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO", syscalls });
        const { engines } = await reportPortability(text, NODE);
        const [reference] = engines;
        assert.ok(reference?.outcome.kind === "filter");
        for (const { engine, outcome, difference } of engines) {
          if (outcome.kind !== "filter" || difference.kind === "not-comparable") continue;
          const named = new Set(
            difference.kind === "different" ? difference.differences.flatMap(({ names }) => names) : [],
          );
          const runtime = engine === "runc" || engine === "crun" ? { runtime: engine } : {};
          for (const name of ["read", "mount", "write"]) {
            const call = { arch: "x86_64", name };
            const before = evaluateSyscall(reference.outcome.spec, call, runtime);
            const after = evaluateSyscall(outcome.spec, call, runtime);
            const isDifferent = before.action !== after.action || before.errno !== after.errno;
            assert.equal(named.has(name), isDifferent, `${engine}: ${name}`);
          }
        }
      }),
      { ...property, numRuns: Math.ceil(property.numRuns / 20) },
    );
  });
});

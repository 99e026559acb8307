import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { evaluateSyscall } from "../../src/seccomp/evaluate.ts";
import { parseProfile } from "../../src/seccomp/parse.ts";
import { resolveOperatorProfile } from "../../src/seccomp/recordings/index.ts";
import { property } from "./runs.ts";

/** From strict to loose. */
const ORDER = ["KILL_PROCESS", "KILL_THREAD", "TRAP", "ERRNO", "LOG", "ALLOW"].map(
  (name) => `SCMP_ACT_${name}`,
);
const NONE = "SCMP_ACT_KILL_PROCESS";

const condition = fc.record({
  index: fc.constantFrom(0, 1),
  value: fc.constantFrom(1, 2),
  op: fc.constantFrom("SCMP_CMP_EQ", "SCMP_CMP_NE"),
});
const entry = fc.record({
  names: fc.uniqueArray(fc.constantFrom("read", "personality", "mount"), { minLength: 1 }),
  action: fc.constantFrom("SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_LOG", "SCMP_ACT_ALLOW"),
  args: fc.uniqueArray(condition, { maxLength: 2, selector: ({ index }) => index }),
});
const lists = fc.array(fc.array(entry, { maxLength: 3 }), { minLength: 1, maxLength: 3 });
const defaultAction = fc.constantFrom("SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW", "SCMP_ACT_KILL_THREAD");

function objectOf(spec: object): string {
  const apiVersion = "security-profiles-operator.x-k8s.io/v1";
  return JSON.stringify({ apiVersion, kind: "SeccompProfile", spec });
}

const VALID = objectOf({
  baseProfileName: "b",
  defaultAction: "SCMP_ACT_ERRNO",
  architectures: ["SCMP_ARCH_X86_64"],
  syscalls: [
    { names: ["read", "socket"], action: "SCMP_ACT_ALLOW", errnoRet: "1", args: [{ index: 0, value: 1 }] },
  ],
});
const piece = fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom("null", "{}", "[]", "-1", '"', '"x":1,'));
const edit = fc.tuple(fc.nat({ max: VALID.length }), fc.nat({ max: 12 }), piece);
const text = fc.oneof(
  fc.json(),
  fc
    .array(edit, { maxLength: 3 })
    .map((edits) =>
      edits.reduce((all, [at, cut, put]) => all.slice(0, at) + put + all.slice(at + cut), VALID),
    ),
);

describe("profiles that build on others", () => {
  test("throw nothing but lading's errors, whatever an object and its base are", async () => {
    await fc.assert(
      fc.asyncProperty(text, text, async (input, base) => {
        try {
          await resolveOperatorProfile(input, { native: "x86_64", readBase: async () => base });
        } catch (error) {
          if (!isLadingError(error)) throw error;
        }
      }),
      property,
    );
  });

  test("do with each call the loosest that any of them has a rule for, else what they do by default", async () => {
    const runs = { ...property, numRuns: Math.ceil(property.numRuns / 4) };
    await fc.assert(
      fc.asyncProperty(lists, defaultAction, async (lists, defaultAction) => {
        const objects = lists.map((syscalls, at) => {
          const base = at < lists.length - 1 ? { baseProfileName: `${at + 1}` } : {};
          return objectOf({ defaultAction, architectures: ["SCMP_ARCH_X86_64"], syscalls, ...base });
        });
        try {
          const { spec } = await resolveOperatorProfile(objects[0] ?? "", {
            native: "x86_64",
            readBase: async (name) => objects[Number(name)] ?? null,
          });
          for (const name of ["read", "personality", "mount"]) {
            for (const args of [
              [1, 1],
              [1, 2],
              [2, 1],
              [2, 2],
              [3, 3],
            ]) {
              const call = { arch: "x86_64", name, args };
              const said = lists.map((syscalls) => {
                const text = JSON.stringify({ defaultAction: NONE, syscalls });
                const alone = parseProfile(text, { engine: "containerd" });
                const own = (alone.syscalls ?? []).filter(({ names }) => names?.includes(name));
                // Runtimes leave out what says the default, where the list says anything else.
                const counting = own.filter(({ action }) => action !== defaultAction);
                const rules = counting.length > 0 ? counting : own;
                const each = rules.map((rule) => ({ ...rule, names: rule.names ?? [] }));
                const decision = evaluateSyscall({ defaultAction: NONE, syscalls: each }, call);
                // Rules of one list that overlap are decided by libseccomp's own order.
                return decision.caveats.length > 0 ? undefined : decision.action;
              });
              if (said.includes(undefined)) continue;
              const [loosest = NONE] = said
                .map((action) => action ?? NONE)
                .sort((a, b) => ORDER.indexOf(b) - ORDER.indexOf(a));
              const wanted = loosest === NONE ? defaultAction : loosest;
              assert.equal(evaluateSyscall(spec, call).action, wanted, `${name} ${args}`);
            }
          }
        } catch (error) {
          if (!isLadingError(error)) throw error;
        }
      }),
      runs,
    );
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { OCI_MANIFEST } from "../../src/core/media-types.ts";
import { profileArtifactReference } from "../../src/seccomp/artifact-check.ts";
import { readArtifactDocument } from "../../src/seccomp/artifact-manifest.ts";
import { toRuntimeSpec } from "../../src/seccomp/convert.ts";
import { evaluateSyscall } from "../../src/seccomp/evaluate.ts";
import { type Condition, conditionHolds, type Operator } from "../../src/seccomp/filter-tree.ts";
import { parseKernelRelease, parseMinKernel } from "../../src/seccomp/kernel.ts";
import { parseProfile } from "../../src/seccomp/parse.ts";
import { formatSeccomp } from "../../src/seccomp/runtime-spec.ts";
import type { LinuxSeccomp, LinuxSyscall, SeccompEngine } from "../../src/seccomp/types.ts";
import { property } from "./runs.ts";

const VALID = JSON.stringify({
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 38,
  defaultErrno: "ENOSYS",
  archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
  flags: ["SECCOMP_FILTER_FLAG_LOG"],
  listenerPath: "/run/x",
  syscalls: [
    { names: ["read", "write"], action: "SCMP_ACT_ALLOW", comment: "x" },
    {
      name: "clone",
      action: "SCMP_ACT_ALLOW",
      args: [{ index: 0, value: 2114060288, op: "SCMP_CMP_MASKED_EQ" }],
    },
    { names: ["mount"], action: "SCMP_ACT_ERRNO", errno: "EPERM", excludes: { caps: ["CAP_SYS_ADMIN"] } },
    { names: ["ptrace"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "4.8", arches: ["amd64"] } },
  ],
});
const MANIFEST = `{"schemaVersion":2,"mediaType":"${OCI_MANIFEST}","config":{"mediaType":"a"},"layers":[{"mediaType":"b","size":1,"digest":"sha256:${"0".repeat(64)}","annotations":{"org.opencontainers.image.title":"t"}}]}`;

const engine = fc.constantFrom<SeccompEngine>("containers-common", "moby", "containerd");

/** A valid text with some characters replaced, removed or put in. */
function mutated(valid: string): fc.Arbitrary<string> {
  const piece = fc.oneof(
    fc.string({ maxLength: 4 }),
    fc.constantFrom("null", "{}", "[]", "-1", "1e9", '"', "18446744073709551616", '"__proto__":1,', "\u0000"),
  );
  const edit = fc.tuple(fc.nat({ max: valid.length }), fc.nat({ max: 12 }), piece);
  return fc
    .array(edit, { minLength: 1, maxLength: 3 })
    .map((edits) =>
      edits.reduce((text, [at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut), valid),
    );
}

function onlyLadingErrors(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!isLadingError(error)) throw error;
  }
}

const word = fc.oneof(
  fc.bigInt(0n, 9n),
  fc.constantFrom(0xffff_ffffn, 0x1_0000_0000n, 0x1_0000_0001n),
  fc.bigInt(0n, 2n ** 64n - 1n),
);
const op = fc.constantFrom("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ");
const argument = fc.record({
  index: fc.nat({ max: 5 }),
  op: op.map((name) => `SCMP_CMP_${name}`),
  value: word,
  valueTwo: word,
});
const rule = fc.record({
  names: fc.array(fc.constantFrom("read", "personality", "socket", "nosuch"), { minLength: 1, maxLength: 2 }),
  action: fc.constantFrom("SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL"),
  args: fc.array(argument, { maxLength: 3 }),
});
const args = fc.array(word, { maxLength: 6 });

describe("seccomp, for any input", () => {
  test("reading and converting a profile throws nothing but its own errors, and is the same twice", () => {
    fc.assert(
      fc.property(fc.oneof(mutated(VALID), fc.json(), fc.string()), engine, (text, engine) => {
        onlyLadingErrors(() => {
          const profile = parseProfile(text, { engine });
          const options = { arch: "amd64", capabilities: ["CAP_CHOWN"], kernel: "6.1" };
          const once = formatSeccomp(toRuntimeSpec(profile, options));
          assert.equal(formatSeccomp(toRuntimeSpec(parseProfile(text, { engine }), options)), once);
          const again = parseProfile(once, { engine: "containerd" });
          if (once !== "null") assert.equal(formatSeccomp(toRuntimeSpec(again, options)), once);
        });
      }),
      property,
    );
  });

  test("reading bytes that are not text throws nothing but its own errors", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        onlyLadingErrors(() => parseProfile(bytes));
        onlyLadingErrors(() => readArtifactDocument(bytes, OCI_MANIFEST));
      }),
      property,
    );
  });

  test("reading manifests, references and versions throws nothing but its own errors", () => {
    fc.assert(
      fc.property(fc.oneof(mutated(MANIFEST), fc.string()), mutated("r.example/a/b:v1"), (manifest, text) => {
        onlyLadingErrors(() => readArtifactDocument(Buffer.from(manifest), OCI_MANIFEST));
        onlyLadingErrors(() => profileArtifactReference(text, { version: "1.36" }));
        onlyLadingErrors(() => profileArtifactReference(text, { version: "1.37" }));
        onlyLadingErrors(() => parseMinKernel(text));
        onlyLadingErrors(() => parseKernelRelease(text));
      }),
      property,
    );
  });

  test("64-bit operands survive writing and reading", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), fc.bigInt(1n, 2n ** 64n - 1n), (value, valueTwo) => {
        const spec: LinuxSeccomp = {
          defaultAction: "A",
          syscalls: [{ names: ["x"], action: "B", args: [{ index: 0, value, valueTwo, op: "C" }] }],
        };
        const read = parseProfile(formatSeccomp(spec, { indent: 1 }), { engine: "containerd" });
        assert.deepEqual(read.syscalls?.[0]?.args, spec.syscalls?.[0]?.args);
      }),
      property,
    );
  });

  test("where all matching rules agree and none is subtle, the decision is the one that the text reads as", () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 4 }), args, (syscalls, args) => {
        const spec = { defaultAction: "SCMP_ACT_LOG", syscalls };
        onlyLadingErrors(() => {
          const decision = evaluateSyscall(spec, { arch: "x86_64", name: "personality", args });
          if (decision.caveats.length > 0) return;
          const actions = syscalls
            .filter((each) => each.names.includes("personality"))
            .filter((each) => holds(each, args));
          const unconditional = syscalls.filter(
            (each) => each.names.includes("personality") && isPlain(each),
          );
          const [first] = unconditional.length > 0 ? unconditional : actions;
          assert.equal(decision.action, short(first?.action ?? spec.defaultAction));
        });
      }),
      property,
    );
  });
});

function short(action: string): string {
  return action === "SCMP_ACT_KILL" ? "SCMP_ACT_KILL_THREAD" : action;
}

function isPlain({ args = [] }: LinuxSyscall): boolean {
  const masks = args.map(({ op, value }) => (op === "SCMP_CMP_MASKED_EQ" ? value : 1n));
  const repeated = new Set(args.map(({ index }) => index)).size < args.length;
  return repeated ? masks.some((mask) => mask === 0n) : masks.every((mask) => mask === 0n);
}

function holds({ args: conditions = [] }: LinuxSyscall, args: bigint[]): boolean {
  const each = conditions.map(({ index, op, value, valueTwo = 0n }) => {
    const name = op.slice("SCMP_CMP_".length) as Operator;
    const masked = name === "MASKED_EQ";
    const condition: Condition = {
      arg: index,
      op: name,
      value: masked ? valueTwo : value,
      mask: masked ? value : 2n ** 64n - 1n,
    };
    return conditionHolds(condition, args, 64);
  });
  const repeated = new Set(conditions.map(({ index }) => index)).size < conditions.length;
  return repeated ? each.some(Boolean) : each.every(Boolean);
}

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ConvertProfileOptions, convertProfile, toRuntimeSpec } from "../../../src/seccomp/convert.ts";
import { parseProfile } from "../../../src/seccomp/parse.ts";
import type { LinuxSeccomp, SeccompEngine, SeccompProfile } from "../../../src/seccomp/types.ts";

const NODE: ConvertProfileOptions = { arch: "amd64", capabilities: [], kernel: "6.1.0" };

function convert(
  profile: unknown,
  options: Partial<ConvertProfileOptions> = {},
  engine: SeccompEngine = "containers-common",
): LinuxSeccomp | null {
  return toRuntimeSpec(parseProfile(JSON.stringify(profile), { engine }), { ...NODE, ...options });
}

function gated(gate: object): object {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [{ names: ["mount"], action: "SCMP_ACT_ALLOW", ...gate }],
  };
}

const ARCH_MAP = [
  { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] },
  { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X32"] },
  { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
  { architecture: "SCMP_ARCH_RISCV64" },
  { architecture: "SCMP_ARCH_X86" },
];

describe("toRuntimeSpec", () => {
  test("takes a profile without default action and rules for no filter, whatever else it has", () => {
    for (const engine of ["containers-common", "moby"] as const) {
      assert.equal(convert({}, {}, engine), null);
      assert.equal(convert({ flags: ["x"], listenerPath: "/x", syscalls: [] }, {}, engine), null);
      const both = { architectures: ["SCMP_ARCH_X86"], archMap: ARCH_MAP };
      assert.equal(convert(both, {}, engine), null, "before any conflict is looked for");
      assert.notEqual(convert({ defaultAction: "x" }, {}, engine), null);
      assert.notEqual(convert({ syscalls: [{}] }, {}, engine), null);
    }
    assert.deepEqual(convert({}, {}, "containerd"), { defaultAction: "" });
  });

  test("reads a hand-made profile as containers-common", () => {
    const profile: SeccompProfile = { defaultAction: "SCMP_ACT_ERRNO", defaultErrno: "ENOSYS" };
    assert.deepEqual(toRuntimeSpec(profile, NODE), { defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38 });
  });

  test("maps only some native architectures, and only the first entry", () => {
    const profile = { defaultAction: "A", archMap: ARCH_MAP };
    assert.deepEqual(convert(profile)?.architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
    assert.deepEqual(convert(profile, { arch: "arm64" })?.architectures, [
      "SCMP_ARCH_AARCH64",
      "SCMP_ARCH_ARM",
    ]);
    assert.equal(convert(profile, { arch: "riscv64" })?.architectures, undefined);
    assert.equal(convert(profile, { arch: "386" })?.architectures, undefined);
    assert.deepEqual(convert(profile, { arch: "riscv64" }, "moby")?.architectures, ["SCMP_ARCH_RISCV64"]);
    assert.deepEqual(convert(profile, { arch: "386" }, "moby")?.architectures, ["SCMP_ARCH_X86"]);
    assert.equal(convert(profile, {}, "containerd")?.architectures, undefined);
  });

  test("knows architectures by Go's names, and refuses others rather than matching nothing", () => {
    const only386 = gated({ includes: { arches: ["x86"] } });
    assert.equal(convert(only386, { arch: "386" })?.syscalls?.length, 1);
    assert.equal(convert(only386, { arch: "x86" })?.syscalls?.length, 1);
    for (const arch of ["x86_64", "x64", "", "AMD64", "__proto__", "constructor"]) {
      for (const engine of ["containers-common", "moby"] as const) {
        assert.throws(() => convert(only386, { arch }, engine), RangeError);
      }
    }
    assert.throws(() => convert(only386, { arch: "x86" }, "moby"), RangeError);
  });

  test("tests capabilities exactly: all of includes, any of excludes, bounding set only", () => {
    const needsTwo = gated({ includes: { caps: ["CAP_A", "CAP_B"] } });
    const shunsTwo = gated({ excludes: { caps: ["CAP_A", "CAP_B"] } });
    for (const engine of ["containers-common", "moby"] as const) {
      const kept = (profile: unknown, capabilities: string[]): boolean =>
        convert(profile, { capabilities }, engine)?.syscalls !== undefined;
      assert.equal(kept(needsTwo, ["CAP_A", "CAP_B"]), true);
      assert.equal(kept(needsTwo, ["CAP_A"]), false);
      assert.equal(kept(needsTwo, ["cap_a", "CAP_B"]), false);
      assert.equal(kept(shunsTwo, []), true);
      assert.equal(kept(shunsTwo, ["CAP_B"]), false);
    }
    // containerd loses the condition, so the rule is unconditional.
    assert.equal(convert(needsTwo, {}, "containerd")?.syscalls?.length, 1);
  });

  test("asks for capabilities: leaving them out is a mistake, null is a statement", () => {
    const profile = gated({ includes: { caps: ["CAP_A"] } });
    const without = { arch: "amd64" } as ConvertProfileOptions;
    assert.throws(() => toRuntimeSpec(parseProfile(JSON.stringify(profile)), without), TypeError);
    assert.equal(convert(profile, { capabilities: null })?.syscalls?.length, 1);
    assert.throws(() => convert(profile, { capabilities: null }, "moby"), TypeError);
    assert.notEqual(convert(gated({}), { capabilities: null }, "moby"), null);
  });

  test("honours minKernel for moby only", () => {
    const profile = gated({ includes: { minKernel: "4.8" } });
    assert.equal(convert(profile, { kernel: "4.7.99" }, "moby")?.syscalls, undefined);
    assert.equal(convert(profile, { kernel: "4.10.0" }, "moby")?.syscalls?.length, 1);
    assert.equal(convert(profile, { kernel: "4.7.99" })?.syscalls?.length, 1);
    assert.throws(() => convert(profile, { kernel: undefined }, "moby"), TypeError);
    const excluded = gated({ excludes: { minKernel: "4.8" } });
    assert.equal(convert(excluded, { kernel: "4.8" }, "moby")?.syscalls, undefined);
    assert.equal(convert(excluded, { kernel: "4.7" }, "moby")?.syscalls?.length, 1);
  });

  test("says why each rule was kept or dropped", () => {
    const rule = { names: ["read"], action: "SCMP_ACT_ALLOW" };
    const profile = {
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [
        { ...rule, excludes: { arches: ["amd64"] } },
        rule,
        { ...rule, excludes: { caps: ["CAP_A"] } },
        { ...rule, includes: { arches: ["arm64"] } },
        { ...rule, includes: { caps: ["CAP_A", "CAP_B"] } },
        { action: "SCMP_ACT_ALLOW" },
        rule,
      ],
    };
    const { rules } = convertProfile(parseProfile(JSON.stringify(profile)), {
      ...NODE,
      capabilities: ["CAP_A"],
    });
    assert.deepEqual(rules, [
      { kind: "dropped", index: 0, by: "excludes.arches", value: "amd64" },
      { kind: "kept", index: 1, rule: 0 },
      { kind: "dropped", index: 2, by: "excludes.caps", value: "CAP_A" },
      { kind: "dropped", index: 3, by: "includes.arches", value: "amd64" },
      { kind: "dropped", index: 4, by: "includes.caps", value: "CAP_B" },
      { kind: "dropped", index: 5, by: "names", value: "" },
      { kind: "kept", index: 6, rule: 1 },
    ]);
  });

  test("refuses fields that exclude each other, in the words of each engine", () => {
    const both = { defaultAction: "A", architectures: ["SCMP_ARCH_X86"], archMap: ARCH_MAP };
    const names = gated({ name: "read" });
    for (const [profile, fields] of [
      [both, "'architectures' and 'archMap'"],
      [names, "'name' and 'names'"],
    ] as const) {
      assert.throws(() => convert(profile), {
        code: "ERR_SECCOMP_FIELD_CONFLICT",
        message: `${fields} were specified in the seccomp profile, use either ${fields.replace("and", "or")}`,
      });
      assert.throws(() => convert(profile, {}, "moby"), {
        code: "ERR_SECCOMP_FIELD_CONFLICT",
        message: `both ${fields} are specified in the seccomp profile, use either ${fields.replace("and", "or")}`,
      });
      assert.notEqual(convert(profile, {}, "containerd"), null);
    }
    // Only moby looks at names in an entry that is dropped anyway.
    const dropped = gated({ name: "read", includes: { arches: ["arm64"] } });
    assert.equal(convert(dropped)?.syscalls, undefined);
    assert.throws(() => convert(dropped, {}, "moby"), { code: "ERR_SECCOMP_FIELD_CONFLICT" });
  });

  test("resolves errno names for containers-common only", () => {
    const profile = { ...gated({ errno: "EPERM", errnoRet: 5 }), defaultErrno: "13", defaultErrnoRet: 7 };
    const common = convert(profile);
    assert.deepEqual([common?.defaultErrnoRet, common?.syscalls?.[0]?.errnoRet], [13, 1]);
    for (const engine of ["moby", "containerd"] as const) {
      const other = convert(profile, {}, engine);
      assert.deepEqual([other?.defaultErrnoRet, other?.syscalls?.[0]?.errnoRet], [7, 5]);
    }
    for (const errno of ["EWHAT", "enosys", "EWOULDBLOCK", "4294967296", "-1", "+1", " 1", "constructor"]) {
      assert.throws(() => convert(gated({ errno })), {
        code: "ERR_SECCOMP_UNKNOWN_ERRNO",
        message: `unknown errno ${errno}`,
      });
    }
    assert.equal(convert(gated({ errno: "4294967295" }))?.syscalls?.[0]?.errnoRet, 4294967295);
    assert.equal(convert(gated({ errno: "000013" }))?.syscalls?.[0]?.errnoRet, 13);
    const mips = convert(gated({ errno: "ENOSYS" }), { arch: "mips64le" });
    assert.equal(mips?.syscalls?.[0]?.errnoRet, 89);
  });

  test("keeps names as they are: null, empty, repeated", () => {
    const names = (value: unknown, engine: SeccompEngine): unknown =>
      convert({ defaultAction: "A", syscalls: [value] }, {}, engine)?.syscalls?.[0]?.names;
    assert.equal(names({}, "containers-common"), undefined);
    assert.equal(names({}, "moby"), null);
    assert.equal(names({ name: "read" }, "containerd"), null);
    assert.deepEqual(names({ names: [] }, "containerd"), []);
    assert.deepEqual(names({ name: "read", names: [] }, "moby"), ["read"]);
    assert.deepEqual(names({ names: ["b", "a", "b"] }, "containers-common"), ["b", "a", "b"]);
  });

  test("shares nothing with the profile", () => {
    const profile = parseProfile(
      JSON.stringify({
        defaultAction: "A",
        architectures: ["SCMP_ARCH_X86"],
        flags: ["F"],
        syscalls: [{ names: ["read"], action: "B", args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }] }],
      }),
    );
    const before = structuredClone(profile);
    const spec = toRuntimeSpec(profile, NODE);
    spec?.architectures?.push("x");
    spec?.syscalls?.[0]?.names?.push("x");
    for (const arg of spec?.syscalls?.[0]?.args ?? []) arg.value = 9n;
    assert.deepEqual(profile, before);
  });

  test("refuses an engine it does not know", () => {
    const profile = { engine: "podman" as SeccompEngine, defaultAction: "A" };
    assert.throws(() => toRuntimeSpec(profile, NODE), TypeError);
  });
});

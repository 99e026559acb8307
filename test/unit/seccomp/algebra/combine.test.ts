import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  diffProfiles,
  evaluateStack,
  intersectProfiles,
  isSubset,
  unionProfiles,
} from "../../../../src/seccomp/algebra/index.ts";
import { defaultSeccomp } from "../../../../src/seccomp/defaults/index.ts";
import { evaluateSyscall } from "../../../../src/seccomp/evaluate.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../../../src/seccomp/types.ts";

const native = { native: "x86_64" };
const X86_FAMILY = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];

function arg(op: string, value: bigint, index = 0): LinuxSeccompArg {
  return { index, value, op: `SCMP_CMP_${op}` };
}

function rule(action: string, names: string[], ...args: LinuxSeccompArg[]): LinuxSyscall {
  return { names, action: `SCMP_ACT_${action}`, ...(args.length > 0 ? { args } : {}) };
}

function deny(...syscalls: LinuxSyscall[]): LinuxSeccomp {
  return { defaultAction: "SCMP_ACT_ERRNO", syscalls };
}

describe("intersectProfiles", () => {
  test("computes conditions that two rules have on one call", () => {
    const low = deny(rule("ALLOW", ["personality"], arg("LE", 8n)));
    const high = deny(rule("ALLOW", ["personality"], arg("GE", 8n)));
    const { spec } = intersectProfiles([low, high], native);
    assert.deepEqual(spec?.syscalls, [rule("ALLOW", ["personality"], arg("EQ", 8n))]);
  });

  test("joins conditions on different arguments", () => {
    const first = deny(rule("ALLOW", ["socket"], arg("EQ", 2n)));
    const second = deny(rule("ALLOW", ["socket"], arg("NE", 3n, 1)));
    const { spec } = intersectProfiles([first, second], native);
    assert.deepEqual(spec?.syscalls, [rule("ALLOW", ["socket"], arg("EQ", 2n), arg("NE", 3n, 1))]);
  });

  test("refuses what no kernel loads: thousands of instructions for conditions that cannot be one", () => {
    const above = [0, 1].map((index) => arg("GT", 0x5555_5555_5555_5555n, index));
    const odd = [0, 1].map((index) => ({ ...arg("MASKED_EQ", 3n, index), valueTwo: 1n }));
    const of = (args: LinuxSeccompArg[]): LinuxSeccomp => deny(rule("ALLOW", ["personality"], ...args));
    assert.ok(intersectProfiles([of(above.slice(1)), of(odd.slice(1))], native).spec?.syscalls);
    assert.throws(() => intersectProfiles([of(above), of(odd)], native), {
      code: "ERR_SECCOMP_UNSUPPORTED",
      message: /4096 instructions/,
    });
  });

  test("keeps the errno of the first of two that deny", () => {
    const first = { ...deny(rule("ALLOW", ["read"])), defaultErrnoRet: 38 };
    const { spec } = intersectProfiles([first, deny(rule("ALLOW", ["write"]))], native);
    assert.deepEqual([spec?.defaultAction, spec?.defaultErrnoRet], ["SCMP_ACT_ERRNO", 38]);
    const write = evaluateSyscall(spec ?? null, { arch: "x86_64", name: "write" });
    assert.deepEqual([write.action, write.errno], ["SCMP_ACT_ERRNO", 38]);
  });

  test("covers the architectures that all cover", () => {
    const all = { ...deny(), architectures: X86_FAMILY };
    const some = { ...deny(), architectures: ["SCMP_ARCH_X86"] };
    assert.deepEqual(intersectProfiles([all, some], native).spec?.architectures, [
      "SCMP_ARCH_X86_64",
      "SCMP_ARCH_X86",
    ]);
    const asked = { ...native, architectures: X86_FAMILY };
    assert.deepEqual(intersectProfiles([deny(), some], asked).spec?.architectures, X86_FAMILY);
  });

  test("keeps flags that all list that list any, and the first listener", () => {
    const [log, tsync] = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"];
    const one = { ...deny(), flags: [log, tsync] };
    const two = { ...deny(), flags: [tsync], listenerPath: "/a", listenerMetadata: "m" };
    const { spec } = intersectProfiles([one, deny(), two, { ...deny(), listenerPath: "/b" }], native);
    assert.deepEqual([spec?.flags, spec?.listenerPath, spec?.listenerMetadata], [[tsync], "/a", "m"]);
    assert.deepEqual(unionProfiles([one, two], native).spec?.flags, [log, tsync]);
  });

  test("takes no filter for no restriction, and tells names that it cannot place", () => {
    const one = deny(rule("ALLOW", ["read", "nosuchcall"]));
    assert.deepEqual(intersectProfiles([null, one], native).unknown, ["nosuchcall"]);
    assert.equal(intersectProfiles([null, one], native).spec?.defaultAction, "SCMP_ACT_ERRNO");
    assert.equal(intersectProfiles([null, null], native).spec, null);
    assert.equal(unionProfiles([one, null], native).spec, null);
    assert.throws(() => intersectProfiles([], native), RangeError);
    assert.throws(() => unionProfiles([], native), RangeError);
  });

  test("refuses what rules that hold on all architectures cannot say", () => {
    const one = {
      ...deny(rule("ERRNO", ["personality"], arg("EQ", 0x1_0000_0001n))),
      defaultAction: "SCMP_ACT_ALLOW",
    };
    const two = {
      ...deny({ ...rule("ERRNO", ["personality"], arg("EQ", 1n)), errnoRet: 2 }),
      defaultAction: "SCMP_ACT_ALLOW",
    };
    assert.equal(intersectProfiles([one, two], native).spec?.syscalls?.length, 2);
    const both = { ...native, architectures: X86_FAMILY };
    assert.throws(() => intersectProfiles([one, two], both), { code: "ERR_SECCOMP_UNSUPPORTED" });
  });

  test("combines each pair of default profiles, for three architectures", () => {
    const options = { arch: "amd64", capabilities: [], kernel: "6.8.0" };
    const names = ["containers-common", "cri-o", "moby", "containerd"] as const;
    const specs = names.map((name) => defaultSeccomp(name, options));
    for (const a of specs) {
      for (const b of specs) {
        const { spec } = intersectProfiles([a, b], native);
        for (const each of [a, b]) assert.equal(isSubset(spec, each, native).kind, "subset");
        assert.equal(isSubset([a, b], spec, native).kind, "subset");
        const union = unionProfiles([a, b], native).spec;
        for (const each of [a, b]) assert.equal(isSubset(each, union, native).kind, "subset");
      }
      assert.deepEqual(diffProfiles(a, intersectProfiles([a], native).spec, native).differences, []);
    }
  });
});

describe("unionProfiles", () => {
  test("opens a condition where another profile does", () => {
    const one = deny(rule("ALLOW", ["personality"], arg("LT", 8n)), rule("ALLOW", ["read"]));
    const two = deny(rule("ALLOW", ["personality"], arg("GT", 8n)), rule("ALLOW", ["write"]));
    const { spec } = unionProfiles([one, two], native);
    const allowed = [7n, 8n, 9n].map(
      (value) => evaluateSyscall(spec, { arch: "x86_64", name: "personality", args: [value] }).action,
    );
    assert.deepEqual(allowed, ["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW"]);
    assert.deepEqual(spec?.syscalls?.[0]?.names, ["read", "write"]);
  });

  test("refuses different rules for different architectures, unless told which count", () => {
    const one = deny(rule("ALLOW", ["read"]));
    const two = { ...deny(rule("ALLOW", ["write"])), architectures: X86_FAMILY };
    assert.throws(() => unionProfiles([one, two], native), { code: "ERR_SECCOMP_UNSUPPORTED" });
    const { spec } = unionProfiles([one, two], { ...native, architectures: X86_FAMILY });
    assert.deepEqual(spec?.syscalls, [rule("ALLOW", ["read", "write"])]);
  });
});

describe("kep-6061", () => {
  const kep = { ...native, mode: "kep-6061" } as const;
  const A = rule("ALLOW", ["a"], arg("EQ", 1n));
  const B = rule("ALLOW", ["a"], arg("EQ", 2n));
  const plain = rule("ALLOW", ["a"]);

  test("merges conditions as the proposal's library does", () => {
    const table: [left: LinuxSyscall[], right: LinuxSyscall[], both: LinuxSyscall[], any: LinuxSyscall[]][] =
      [
        [[A], [B], [rule("KILL_PROCESS", ["a"])], [A, B]],
        [[A], [plain], [A], [plain]],
        [[plain], [A], [A], [plain]],
        [[A], [A], [A], [A]],
        [[A], [rule("LOG", ["a"], arg("EQ", 1n))], [rule("LOG", ["a"], arg("EQ", 1n))], [A]],
        [[A], [], [], [A]],
        [
          [rule("ALLOW", ["b", "a"])],
          [rule("LOG", ["a", "c"])],
          [rule("LOG", ["a"])],
          [plain, rule("ALLOW", ["b"]), rule("LOG", ["c"])],
        ],
      ];
    for (const [left, right, both, any] of table) {
      assert.deepEqual(intersectProfiles([deny(...left), deny(...right)], kep).spec?.syscalls, both);
      assert.deepEqual(unionProfiles([deny(...left), deny(...right)], kep).spec?.syscalls, any);
    }
  });

  test("takes an empty list for not said, and the errno of the profile whose action is chosen", () => {
    const one = { ...deny(), defaultErrnoRet: 38, architectures: ["SCMP_ARCH_X86"], flags: [] };
    const two = { ...deny(), defaultErrnoRet: 1, flags: ["SECCOMP_FILTER_FLAG_LOG"] };
    const { spec } = intersectProfiles([one, two], kep);
    assert.deepEqual(
      [spec?.defaultErrnoRet, spec?.architectures, spec?.flags],
      [38, ["SCMP_ARCH_X86"], ["SECCOMP_FILTER_FLAG_LOG"]],
    );
    const trap = { ...deny(), defaultAction: "SCMP_ACT_TRAP" };
    assert.equal(intersectProfiles([one, trap], kep).spec?.defaultAction, "SCMP_ACT_TRAP");
    assert.equal(unionProfiles([trap, two], kep).spec?.defaultErrnoRet, 1);
    assert.throws(() => intersectProfiles([deny(rule("NOSUCH", ["a"])), one], kep), {
      code: "ERR_SECCOMP_FILTER_INVALID",
    });
  });

  test("gives up arguments that the exact mode computes", () => {
    const [one, two] = [A, B].map((each) => deny({ ...each, names: ["personality"] }));
    if (!one || !two) throw new Error("two profiles");
    assert.equal(
      isSubset(intersectProfiles([one, two], kep).spec, intersectProfiles([one, two], native).spec, native)
        .kind,
      "subset",
    );
    assert.deepEqual(intersectProfiles([one, two], native).spec?.syscalls, undefined);
  });
});

describe("evaluateStack", () => {
  test("lets the strictest decide, and of equals the newest", () => {
    const call = { arch: "x86_64", name: "mount" };
    const errno = (defaultErrnoRet: number): LinuxSeccomp => ({
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet,
    });
    const open: LinuxSeccomp = { defaultAction: "SCMP_ACT_ALLOW" };
    const table: [(LinuxSeccomp | null)[], layer: number, errno: number | undefined][] = [
      [[errno(1), errno(2)], 1, 2],
      [[errno(1), open], 0, 1],
      [[null, errno(7)], 1, 7],
      [[errno(7), null], 0, 7],
      [[open, null], 0, undefined],
      [[null, open], 1, undefined],
    ];
    for (const [profiles, layer, expected] of table) {
      const decision = evaluateStack(profiles, call);
      assert.deepEqual([decision.layer, decision.errno, decision.layers.length], [layer, expected, 2]);
    }
    assert.throws(() => evaluateStack([], call), RangeError);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { diffProfiles, isSubset, type SyscallDifference } from "../../../../src/seccomp/algebra/index.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../../../src/seccomp/types.ts";

const native = { native: "x86_64" };

function arg(op: string, value: bigint, index = 0, valueTwo?: bigint): LinuxSeccompArg {
  return { index, value, ...(valueTwo === undefined ? {} : { valueTwo }), op: `SCMP_CMP_${op}` };
}

function rule(action: string, names: string[], ...args: LinuxSeccompArg[]): LinuxSyscall {
  return { names, action: `SCMP_ACT_${action}`, args };
}

function deny(...syscalls: LinuxSyscall[]): LinuxSeccomp {
  return { defaultAction: "SCMP_ACT_ERRNO", syscalls };
}

function regionsOf(differences: SyscallDifference[]): string[] {
  return differences.flatMap(({ arch, names, regions }) =>
    regions.map(({ conditions, before, after, change }) => {
      const where = conditions.map(({ index, op, value }) => `a${index} ${op.slice(9)} ${value}`).join(", ");
      return `${arch} ${names.join(" ")} [${where}]: ${before.action.slice(9)} ${after.action.slice(9)} ${change}`;
    }),
  );
}

describe("diffProfiles", () => {
  test("finds no difference between texts that decide alike", () => {
    const one = deny(rule("ALLOW", ["read", "write"]), rule("ALLOW", ["personality"], arg("GE", 8n)));
    const other = deny(
      rule("ALLOW", ["personality"], arg("GT", 7n)),
      rule("ALLOW", ["write"]),
      rule("ALLOW", ["read"], arg("EQ", 1n)),
      rule("ALLOW", ["read"]),
    );
    assert.deepEqual(diffProfiles(one, other, native), { differences: [] });
  });

  test("tells the arguments for which a call changes, as comparisons where they are some", () => {
    const table: [before: LinuxSeccompArg, after: LinuxSeccompArg | undefined, expected: string][] = [
      [arg("EQ", 5n), undefined, "[a0 NE 5]: ERRNO ALLOW looser"],
      [arg("NE", 5n), undefined, "[a0 EQ 5]: ERRNO ALLOW looser"],
      [arg("GT", 0x1_0000_0000n), undefined, "[a0 LE 4294967296]: ERRNO ALLOW looser"],
      [arg("LT", 9n), arg("LE", 9n), "[a0 EQ 9]: ERRNO ALLOW looser"],
      [arg("MASKED_EQ", 0x10n), undefined, "[a0 MASKED_EQ 16]: ERRNO ALLOW looser"],
    ];
    for (const [before, after, expected] of table) {
      const old = deny(rule("ALLOW", ["personality"], before));
      const now = deny(rule("ALLOW", ["personality"], ...(after ? [after] : [])));
      assert.deepEqual(regionsOf(diffProfiles(old, now, native).differences), [
        `x86_64 personality ${expected}`,
      ]);
    }
  });

  test("groups calls that change alike, by architecture", () => {
    const old = { ...deny(rule("ALLOW", ["read"])), architectures: ["SCMP_ARCH_X86"] };
    const now = { ...deny(rule("ALLOW", ["read", "write", "mmap"])), architectures: ["SCMP_ARCH_X86"] };
    const { differences } = diffProfiles(old, now, native);
    assert.deepEqual(
      differences.map(({ arch, names, numbers }) => ({ arch, names, numbers })),
      [
        {
          arch: "x86_64",
          names: ["write", "mmap"],
          numbers: [
            { from: 1, to: 1 },
            { from: 9, to: 9 },
          ],
        },
        {
          arch: "x86",
          names: ["write", "mmap"],
          numbers: [
            { from: 4, to: 4 },
            { from: 90, to: 90 },
          ],
        },
      ],
    );
  });

  test("tells an errno apart, which a subset does not", () => {
    const [one, other] = [deny(), { ...deny(), defaultErrnoRet: 38 }];
    const changes = diffProfiles(one, other, native).differences.flatMap(({ regions }) => regions);
    assert.deepEqual(
      [...new Set(changes.map(({ change, before, after }) => `${change} ${before.errno} ${after.errno}`))],
      ["errno 1 38"],
    );
    assert.equal(isSubset(one, other, native).kind, "subset");
    assert.equal(isSubset(other, one, native).kind, "subset");
  });

  test("sees an architecture that only one side covers", () => {
    const { differences } = diffProfiles(deny(), { ...deny(), architectures: ["SCMP_ARCH_X86"] }, native);
    assert.deepEqual(
      differences.map(({ arch, numbers, regions }) => [arch, numbers, regions.length]),
      [["x86", [{ from: 0, to: 0xffff_ffff }], 1]],
    );
    assert.deepEqual(differences[0]?.regions[0]?.before, { action: "SCMP_ACT_KILL_THREAD" });
  });

  test("tells what the lack of a filter means on other architectures", () => {
    const { elsewhere } = diffProfiles(null, deny(), native);
    assert.deepEqual(elsewhere, {
      before: { action: "SCMP_ACT_ALLOW" },
      after: { action: "SCMP_ACT_KILL_THREAD" },
    });
    assert.deepEqual(diffProfiles(null, [null, null], native), { differences: [] });
  });

  test("knows runc's answer to calls that are newer than the profile", () => {
    const old = deny(rule("ALLOW", ["read", "clone3"]));
    const now = deny(rule("ALLOW", ["read"]), rule("ERRNO", ["clone3"]));
    const plain = diffProfiles(old, now, native).differences;
    assert.deepEqual(
      plain.map(({ names }) => names),
      [["clone3"]],
    );
    const short = deny(rule("ALLOW", ["read", "write"]));
    const runc = diffProfiles(deny(rule("ALLOW", ["read", "write"]), rule("ALLOW", ["close"])), short, {
      ...native,
      runtime: "runc",
    });
    assert.deepEqual(
      runc.differences.map(({ names, regions }) => [names, regions[0]?.after.errno]),
      [
        [["open"], 38],
        [["close"], 38],
      ],
    );
  });

  test("refuses what no runtime loads", () => {
    const broken = deny(rule("ALLOW", ["read"], arg("EQ", 1n, 6)));
    const conflict = deny(rule("ALLOW", ["read"], arg("EQ", 1n)), rule("LOG", ["read"], arg("EQ", 1n)));
    assert.throws(() => diffProfiles(deny(), broken, native), { code: "ERR_SECCOMP_FILTER_INVALID" });
    assert.throws(() => isSubset(conflict, deny(), native), { code: "ERR_SECCOMP_RULE_CONFLICT" });
  });

  test("refuses conditions with more combinations than it can hold", () => {
    const bits = Array.from({ length: 64 }, (_, at) => 1n << BigInt(at));
    const rules = bits.flatMap((bit) =>
      [0, 1, 2].map((index) =>
        rule(
          "ALLOW",
          ["personality"],
          arg("MASKED_EQ", bit, index, bit),
          arg("MASKED_EQ", bit, index + 3, bit),
        ),
      ),
    );
    assert.throws(() => diffProfiles(deny(), deny(...rules), native), { code: "ERR_SECCOMP_UNSUPPORTED" });
  });
});

describe("isSubset", () => {
  test("orders actions as the kernel does", () => {
    const order = ["KILL_PROCESS", "KILL", "TRAP", "ERRNO", "NOTIFY", "TRACE", "LOG", "ALLOW"];
    for (const [at, strict] of order.entries()) {
      for (const [other, loose] of order.entries()) {
        const [inner, outer] = [strict, loose].map((action) => ({
          defaultAction: "SCMP_ACT_KILL_PROCESS",
          syscalls: [rule(action, ["read"])],
        }));
        if (!inner || !outer) throw new Error("two profiles");
        assert.equal(isSubset(inner, outer, native).kind === "subset", at <= other, `${strict} in ${loose}`);
      }
    }
  });

  test("shows a named call where there is one", () => {
    const inner = deny(rule("ALLOW", ["personality"], arg("GE", 0x1_0000_0000n, 2)));
    const verdict = isSubset(inner, deny(), native);
    assert.deepEqual(verdict, {
      kind: "not-subset",
      counterexample: {
        arch: "x86_64",
        nr: 135,
        name: "personality",
        args: [0n, 0n, 0x1_0000_0000n, 0n, 0n, 0n],
        inner: { action: "SCMP_ACT_ALLOW" },
        outer: { action: "SCMP_ACT_ERRNO", errno: 1 },
      },
    });
  });

  test("takes several filters of one process for what the strictest of them says", () => {
    const first = deny(rule("ALLOW", ["read", "write"]));
    const second = deny(rule("ALLOW", ["read", "close"]));
    const both = deny(rule("ALLOW", ["read"]));
    assert.equal(isSubset([first, second], both, native).kind, "subset");
    assert.equal(isSubset(both, [first, second, null], native).kind, "subset");
    assert.equal(isSubset(first, [first, second], native).kind, "not-subset");
  });

  test("does not take no filter for a subset of one that lets the native architecture do everything", () => {
    const open = { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] };
    const verdict = isSubset(null, open, native);
    assert.equal(verdict.kind, "not-subset");
    assert.equal(isSubset(open, null, native).kind, "subset");
  });
});

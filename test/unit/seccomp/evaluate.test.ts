import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createEvaluator, evaluateSyscall, type SyscallDecision } from "../../../src/seccomp/evaluate.ts";
import { buildFilter } from "../../../src/seccomp/filter.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../../src/seccomp/types.ts";

const X86_FAMILY = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];

function arg(op: string, value: bigint, index = 0, valueTwo = 0n): LinuxSeccompArg {
  return { index, op: `SCMP_CMP_${op}`, value, valueTwo };
}

function allow(names: string[], ...args: LinuxSeccompArg[]): LinuxSyscall {
  return { names, action: "SCMP_ACT_ALLOW", args };
}

function deny(names: string[], errnoRet: number, ...args: LinuxSeccompArg[]): LinuxSyscall {
  return { names, action: "SCMP_ACT_ERRNO", errnoRet, args };
}

function profile(...syscalls: LinuxSyscall[]): LinuxSeccomp {
  return { defaultAction: "SCMP_ACT_ERRNO", syscalls };
}

/** `ALLOW`, `ERRNO 5`, … for a call of personality with these arguments. */
function outcome(spec: LinuxSeccomp, ...args: bigint[]): string {
  return textOf(evaluateSyscall(spec, { arch: "x86_64", name: "personality", args }));
}

function textOf({ action, errno }: SyscallDecision): string {
  return `${action.slice("SCMP_ACT_".length)}${errno === undefined ? "" : ` ${errno}`}`;
}

describe("evaluateSyscall", () => {
  test("names the rule that decided, and why others did not", () => {
    const spec = profile(
      allow(["read"]),
      allow(["personality"], arg("EQ", 8n)),
      deny(["personality"], 5, arg("EQ", 9n)),
    );
    const decision = evaluateSyscall(spec, { arch: "x86_64", name: "personality", args: [9] });
    assert.equal(decision.kind, "rule");
    assert.equal(decision.rule, 2);
    assert.equal(textOf(decision), "ERRNO 5");
    assert.deepEqual(
      decision.considered.map((rule) => [rule.index, rule.kind === "rule" && rule.matches]),
      [
        [1, false],
        [2, true],
      ],
    );
    const other = evaluateSyscall(spec, { arch: "x86_64", name: "personality", args: [7] });
    assert.deepEqual([other.kind, textOf(other), other.rule], ["default", "ERRNO 1", undefined]);
  });

  test("compares the whole 64-bit register, unsigned", () => {
    const max = 0xffff_ffff_ffff_ffffn;
    const table: [op: string, value: bigint, yes: bigint[], no: bigint[]][] = [
      ["EQ", 0x1_0000_0001n, [0x1_0000_0001n], [1n, 0x1_0000_0000n, 0x2_0000_0001n]],
      ["NE", 5n, [4n, 0x1_0000_0005n, max], [5n]],
      ["GT", 0xffff_ffffn, [0x1_0000_0000n, max], [0n, 0xffff_ffffn]],
      ["GE", 5n, [5n, 6n, 0x1_0000_0000n, max], [4n, 0n]],
      ["LT", 0x1_0000_0000n, [0n, 0xffff_ffffn], [0x1_0000_0000n, max]],
      ["LE", 5n, [0n, 5n], [6n, 0x1_0000_0000n, max]],
    ];
    for (const [op, value, yes, no] of table) {
      const spec = profile(allow(["personality"], arg(op, value)));
      for (const actual of yes) assert.equal(outcome(spec, actual), "ALLOW", `${actual} ${op} ${value}`);
      for (const actual of no) assert.equal(outcome(spec, actual), "ERRNO 1", `${actual} ${op} ${value}`);
    }
  });

  test("takes the mask from value and the operand from valueTwo", () => {
    const spec = profile(allow(["personality"], arg("MASKED_EQ", 0xf0n, 0, 0x1fn)));
    assert.equal(outcome(spec, 0x15n), "ALLOW");
    assert.equal(outcome(spec, 0x25n), "ERRNO 1");
    assert.equal(outcome(profile(allow(["personality"], arg("MASKED_EQ", 0n, 0, 7n))), 99n), "ALLOW");
  });

  test("looks at each argument that a condition names", () => {
    for (let index = 0; index < 6; index++) {
      const spec = profile(allow(["personality"], arg("EQ", 7n, index)));
      const args = [0n, 0n, 0n, 0n, 0n, 0n];
      assert.equal(outcome(spec, ...args), "ERRNO 1");
      args[index] = 7n;
      assert.equal(outcome(spec, ...args), "ALLOW");
    }
  });

  test("joins the conditions of a rule by AND, unless an argument repeats: then each stands alone", () => {
    const both = profile(allow(["personality"], arg("EQ", 1n, 0), arg("EQ", 2n, 1)));
    assert.equal(outcome(both, 1n, 2n), "ALLOW");
    assert.equal(outcome(both, 1n, 3n), "ERRNO 1");
    const repeated = profile(allow(["personality"], arg("EQ", 1n), arg("EQ", 2n), arg("EQ", 9n, 1)));
    for (const args of [[1n], [2n], [5n, 9n]]) assert.equal(outcome(repeated, ...args), "ALLOW");
    assert.equal(outcome(repeated, 5n, 8n), "ERRNO 1");
  });

  test("lets an unconditional rule take the call over, in any order", () => {
    const conditional = deny(["personality"], 5, arg("EQ", 1n));
    for (const rules of [
      [conditional, allow(["personality"])],
      [allow(["personality"]), conditional],
    ]) {
      assert.equal(outcome(profile(...rules), 1n), "ALLOW");
    }
    assert.equal(outcome(profile(allow(["personality"]), deny(["personality"], 5))), "ALLOW");
  });

  test("orders rules as libseccomp does, and says that it did", () => {
    const spec = profile(allow(["personality"], arg("GE", 1n)), deny(["personality"], 5, arg("EQ", 2n)));
    const decision = evaluateSyscall(spec, { arch: "x86_64", name: "personality", args: [2n] });
    assert.deepEqual([textOf(decision), decision.caveats], ["ERRNO 5", ["order-dependent"]]);
    const plain = evaluateSyscall(spec, { arch: "x86_64", name: "personality", args: [3n] });
    assert.deepEqual([textOf(plain), plain.caveats], ["ALLOW", []]);
  });

  test("takes an errno up to 4094, which is what libseccomp takes, of its low 16 bits", () => {
    for (const errno of [0, 4094, 65536 + 4094]) {
      assert.equal(outcome(profile(deny(["personality"], errno))), `ERRNO ${errno % 65536}`);
      assert.equal(outcome({ ...profile(), defaultErrnoRet: errno }), `ERRNO ${errno % 65536}`);
    }
    const refused = { code: "ERR_SECCOMP_FILTER_INVALID", message: /errno above 4094/ };
    for (const errno of [4095, 5000, 65535]) {
      assert.throws(() => outcome(profile(deny(["personality"], errno))), refused);
      assert.throws(() => outcome({ ...profile(), defaultErrnoRet: errno }), refused);
      // Only an errno is limited.
      const trace = { names: ["personality"], action: "SCMP_ACT_TRACE", errnoRet: errno };
      assert.equal(outcome(profile(trace)), `TRACE ${errno}`);
    }
  });

  test("takes the same of several ranges as libseccomp 2.5.4, above their words and where sides meet", () => {
    const wide = 2n ** 32n;
    const table: [ranges: [op: string, value: bigint][], argument: bigint, rule: number][] = [
      [
        [
          ["GT", 5n],
          ["GT", 10n],
          ["GT", 7n],
        ],
        wide,
        2,
      ],
      [
        [
          ["GT", 5n],
          ["GT", 10n],
          ["GT", 7n],
        ],
        12n,
        1,
      ],
      [
        [
          ["GT", 10n],
          ["GT", 5n],
          ["GT", 7n],
        ],
        wide,
        0,
      ],
      [
        [
          ["LT", 5n],
          ["GT", 10n],
          ["GT", 8n],
        ],
        wide,
        2,
      ],
      [
        [
          ["LT", 20n],
          ["GT", 5n],
          ["GT", 10n],
        ],
        wide,
        1,
      ],
      [
        [
          ["GT", 7n],
          ["LT", 1n],
          ["GT", 10n],
          ["GT", 5n],
        ],
        wide,
        2,
      ],
      // The test of the second is already there, but behind the one of the first.
      [
        [
          ["GT", 10n],
          ["LE", 20n],
          ["LE", 10n],
        ],
        0n,
        2,
      ],
      [
        [
          ["GT", 10n],
          ["LE", 20n],
          ["LE", 10n],
        ],
        15n,
        1,
      ],
    ];
    for (const [ranges, argument, rule] of table) {
      const spec = profile(...ranges.map(([op, value], at) => deny(["personality"], 2 + at, arg(op, value))));
      const decision = evaluateSyscall(spec, { arch: "x86_64", name: "personality", args: [argument] });
      assert.equal(decision.rule, rule, `${ranges.join(" ")}: ${argument}`);
    }
  });

  test("refuses a profile whose rules contradict each other, as the runtimes do", () => {
    const spec = profile(allow(["personality"], arg("EQ", 1n)), deny(["personality"], 5, arg("EQ", 1n)));
    assert.throws(() => outcome(spec, 1n), { code: "ERR_SECCOMP_RULE_CONFLICT" });
    // Also for a call that is not about it: the container does not start.
    assert.throws(() => evaluateSyscall(spec, { arch: "x86_64", name: "read" }), {
      code: "ERR_SECCOMP_RULE_CONFLICT",
    });
  });

  test("leaves out rules that one on a higher argument covers, so that they contradict nothing", () => {
    const both = (errno: number) => deny(["personality"], errno, arg("EQ", 2n, 0), arg("EQ", 9n, 1));
    const covers = allow(["personality"], arg("EQ", 9n, 1));
    const beside = allow(["personality"], arg("EQ", 2n, 0), arg("EQ", 1n, 1));
    const other = allow(["personality"], arg("EQ", 3n, 1));
    // The codes of libseccomp 2.5.4.
    const table: [rules: LinuxSyscall[], codes: number[]][] = [
      [
        [both(2), both(3)],
        [0, -17],
      ],
      [
        [both(2), beside, both(3)],
        [0, 0, -17],
      ],
      [
        [both(2), other, beside, both(3)],
        [0, 0, 0, -17],
      ],
      [
        [both(2), covers, both(3)],
        [0, 0, 0],
      ],
      [
        [covers, both(2), both(3)],
        [0, 0, 0],
      ],
      [
        [both(2), beside, covers, both(3)],
        [0, 0, 0, 0],
      ],
      [
        [both(2), other, beside, covers, both(3)],
        [0, 0, 0, 0, 0],
      ],
    ];
    for (const architectures of [[], X86_FAMILY]) {
      for (const [rules, codes] of table) {
        const spec = { ...profile(...rules), architectures };
        const { results } = buildFilter(spec, { native: "x86_64" });
        assert.deepEqual(
          results.map(({ code }) => code),
          codes,
        );
        if (codes.includes(-17) || !rules.includes(covers)) continue;
        assert.deepEqual([outcome(spec, 2n, 9n), outcome(spec, 1n, 9n)], ["ALLOW", "ALLOW"]);
        assert.equal(outcome(spec, 2n, 8n), "ERRNO 1");
      }
    }
  });

  test("kills calls of architectures that the profile does not list", () => {
    const spec = profile(allow(["personality"]));
    const at = (arch: string, architectures: string[], native = "x86_64"): SyscallDecision =>
      evaluateSyscall({ ...spec, architectures }, { arch, name: "personality" }, { native });
    assert.equal(at("x86_64", []).kind, "rule");
    for (const arch of ["x86", "x32", "aarch64"]) {
      const decision = at(arch, []);
      assert.deepEqual([decision.kind, decision.action], ["bad-architecture", "SCMP_ACT_KILL_THREAD"]);
    }
    for (const arch of ["x86_64", "x86", "x32"]) assert.equal(at(arch, X86_FAMILY).kind, "rule");
    assert.equal(at("x32", ["SCMP_ARCH_X86"]).kind, "bad-architecture");
    assert.equal(at("arm", ["SCMP_ARCH_ARM"], "arm64").kind, "rule");
  });

  test("takes the 64-bit relative for native where none is given", () => {
    const spec = profile(allow(["personality"]));
    assert.equal(evaluateSyscall(spec, { arch: "x86", name: "personality" }).kind, "bad-architecture");
    assert.equal(evaluateSyscall(spec, { arch: "amd64", name: "personality" }).kind, "rule");
  });

  test("compares low words on 32-bit architectures", () => {
    const spec = { ...profile(allow(["personality"], arg("EQ", 0x1_0000_0001n))), architectures: X86_FAMILY };
    const at = (arch: string, value: bigint): string =>
      textOf(evaluateSyscall(spec, { arch, name: "personality", args: [value] }));
    assert.equal(at("x86_64", 1n), "ERRNO 1");
    assert.equal(at("x86", 1n), "ALLOW");
    assert.equal(at("x32", 0x7_0000_0001n), "ALLOW");
    assert.equal(at("x32", 2n), "ERRNO 1");
  });

  test("follows socket and IPC calls through their multiplexers", () => {
    const spec = { ...profile(allow(["bind", "semop"])), architectures: X86_FAMILY };
    const at = (nr: number, code: number): string =>
      textOf(evaluateSyscall(spec, { arch: "x86", nr, args: [code] }));
    assert.equal(at(102, 2), "ALLOW");
    assert.equal(at(102, 1), "ERRNO 1");
    assert.equal(at(117, 1), "ALLOW");
    assert.equal(at(361, 99), "ALLOW");
    assert.throws(() => evaluateSyscall(spec, { arch: "x86", name: "semop" }), {
      code: "ERR_SECCOMP_UNKNOWN_SYSCALL",
    });
  });

  test("skips rules equal to the default and unknown names, and reports them", () => {
    const spec = profile(deny(["read"], 1), allow(["nosuchcall", "read"]));
    const decision = evaluateSyscall(spec, { arch: "x86_64", name: "read" });
    assert.equal(textOf(decision), "ALLOW");
    assert.deepEqual(decision.considered[0], {
      kind: "skipped",
      index: 0,
      name: "read",
      reason: "equals-default",
    });
    const filter = buildFilter(spec, { native: "x86_64" });
    assert.deepEqual(filter.skipped[1], { index: 1, name: "nosuchcall", reason: "unknown-name" });
    // SCMP_ACT_KILL is SCMP_ACT_KILL_THREAD.
    const kill = {
      defaultAction: "SCMP_ACT_KILL_THREAD",
      syscalls: [{ names: ["read"], action: "SCMP_ACT_KILL" }],
    };
    assert.equal(buildFilter(kill, { native: "x86_64" }).skipped.length, 1);
  });

  test("gives EPERM where no errno is given, and its low 16 bits else", () => {
    const read = (rule: Omit<LinuxSyscall, "names">): string =>
      textOf(
        evaluateSyscall(
          { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["read"], ...rule }] },
          { arch: "x86_64", name: "read" },
        ),
      );
    assert.equal(read({ action: "SCMP_ACT_ERRNO" }), "ERRNO 1");
    assert.equal(read({ action: "SCMP_ACT_ERRNO", errnoRet: 0 }), "ERRNO 0");
    assert.equal(read({ action: "SCMP_ACT_ERRNO", errnoRet: 65575 }), "ERRNO 39");
    assert.equal(read({ action: "SCMP_ACT_TRACE", errnoRet: 7 }), "TRACE 7");
    assert.equal(read({ action: "SCMP_ACT_LOG", errnoRet: 7 }), "LOG");
    const noRule = { defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38 };
    assert.equal(textOf(evaluateSyscall(noRule, { arch: "x86_64", name: "read" })), "ERRNO 38");
  });

  test("adds what runc adds", () => {
    const spec = profile(allow(["read", "statx"]));
    const at = (nr: number, defaultAction = "SCMP_ACT_ERRNO"): SyscallDecision =>
      evaluateSyscall({ ...spec, defaultAction }, { arch: "x86_64", nr }, { runtime: "runc" });
    assert.deepEqual([at(333).kind, textOf(at(333))], ["enosys-stub", "ERRNO 38"]);
    assert.deepEqual([at(331).kind, textOf(at(331))], ["default", "ERRNO 1"]);
    assert.equal(at(332).kind, "rule");
    assert.equal(at(333, "SCMP_ACT_LOG").kind, "default");
    // The stub leaves numbers with bit 30 to the filter, which kills them.
    assert.equal(at(0x4000_0001).kind, "bad-architecture");
    const notify = { ...profile({ names: ["write"], action: "SCMP_ACT_NOTIFY" }) };
    assert.throws(() => createEvaluator(notify, { native: "x86_64", runtime: "runc" }), {
      code: "ERR_SECCOMP_FILTER_INVALID",
    });
    const empty = { defaultAction: "" };
    assert.equal(
      evaluateSyscall(empty, { arch: "x86_64", name: "read" }, { runtime: "runc" }).kind,
      "no-filter",
    );
    for (const runtime of [undefined, "crun"] as const) {
      assert.throws(() => evaluateSyscall(empty, { arch: "x86_64", name: "read" }, { runtime }), {
        code: "ERR_SECCOMP_FILTER_INVALID",
      });
    }
  });

  test("refuses what crun refuses", () => {
    const spec = profile({ names: ["read"], action: "SCMP_ACT_ALLOW", errnoRet: 1 });
    assert.equal(evaluateSyscall(spec, { arch: "x86_64", name: "read" }).kind, "rule");
    assert.throws(() => createEvaluator(spec, { native: "x86_64", runtime: "crun" }), {
      code: "ERR_SECCOMP_FILTER_INVALID",
    });
  });

  test("refuses a filter that no runtime loads", () => {
    const bad: LinuxSeccomp[] = [
      { defaultAction: "ALLOW" },
      { defaultAction: "" },
      { defaultAction: "toString" },
      profile({ names: ["read"], action: "SCMP_ACT_WHAT" }),
      profile({ names: [""], action: "SCMP_ACT_ALLOW" }),
      profile(allow(["read"], { index: 0, op: "EQ", value: 1n })),
      profile(allow(["read"], arg("XX", 1n))),
      profile(allow(["read"], arg("EQ", 1n, 6))),
      profile(allow(["read"], arg("EQ", 2n ** 64n))),
      { ...profile(), architectures: ["SCMP_ARCH_X87"] },
      { ...profile(), architectures: ["SCMP_ARCH_S390X"] },
      { ...profile(), flags: ["NOPE"] },
    ];
    for (const spec of bad) {
      assert.throws(() => evaluateSyscall(spec, { arch: "x86_64", name: "read" }), {
        code: "ERR_SECCOMP_FILTER_INVALID",
      });
    }
  });

  test("refuses a call it cannot place, and arguments that are none", () => {
    const spec = profile(allow(["read"]));
    assert.throws(() => evaluateSyscall(spec, { arch: "x86_64", name: "chown32" }), {
      code: "ERR_SECCOMP_UNKNOWN_SYSCALL",
    });
    const mips = { ...spec, architectures: ["SCMP_ARCH_MIPS64"] };
    assert.throws(() => evaluateSyscall(mips, { arch: "mips64", nr: 1 }), {
      code: "ERR_SECCOMP_UNSUPPORTED",
    });
    assert.throws(() => evaluateSyscall(spec, { arch: "vax", name: "read" }), {
      code: "ERR_SECCOMP_FILTER_INVALID",
    });
    for (const args of [[0.5], [2 ** 53], [2n ** 64n], [-(2n ** 63n) - 1n], [1, 2, 3, 4, 5, 6, 7]]) {
      assert.throws(() => evaluateSyscall(spec, { arch: "x86_64", name: "read", args }), RangeError);
    }
    for (const nr of [0.5, 2 ** 32, -(2 ** 31) - 1, Number.NaN]) {
      assert.throws(() => evaluateSyscall(spec, { arch: "x86_64", nr }), RangeError);
    }
    assert.equal(evaluateSyscall(spec, { arch: "x86_64", nr: -1 }).kind, "default");
  });

  test("allows everything without a filter, and only then", () => {
    const decision = evaluateSyscall(null, { arch: "x86_64", name: "mount" });
    assert.deepEqual([decision.kind, decision.action], ["no-filter", "SCMP_ACT_ALLOW"]);
  });

  test("builds a filter of 100,000 names, and refuses more tests than a program can have", () => {
    const many = profile(
      ...Array.from({ length: 10_000 }, () => allow(["read", "write", "openat", "mount", "x"])),
    );
    const evaluator = createEvaluator(many, { native: "x86_64" });
    assert.equal(textOf(evaluator.evaluate({ arch: "x86_64", name: "mount" })), "ALLOW");
    const tests = profile(
      ...Array.from({ length: 4_200 }, (_, at) => allow(["read"], arg("EQ", BigInt(at) << 32n))),
    );
    assert.throws(() => createEvaluator(tests, { native: "x86_64" }), { code: "ERR_SECCOMP_FILTER_INVALID" });
  });
});

describe("createEvaluator", () => {
  const spec = profile(
    allow(["read"]),
    allow(["personality"], arg("EQ", 2n ** 32n + 7n)),
    deny(["mount"], 5),
  );

  test("gives the same frozen verdict for the same reason", () => {
    const { decide } = createEvaluator(spec, { native: "x86_64" });
    const read = decide({ arch: "x86_64", name: "read" });
    assert.deepEqual(read, { action: "SCMP_ACT_ALLOW", kind: "rule", rule: 0 });
    assert.ok(Object.isFrozen(read));
    assert.equal(decide({ arch: "amd64", nr: 0, args: [1n, 2, -1n] }), read);
    const mount = decide({ arch: "x86_64", name: "mount" });
    assert.deepEqual(mount, { action: "SCMP_ACT_ERRNO", errno: 5, kind: "rule", rule: 2 });
    const other = decide({ arch: "x86_64", name: "write" });
    assert.deepEqual(other, { action: "SCMP_ACT_ERRNO", errno: 1, kind: "default" });
    assert.equal(decide({ arch: "x86_64", nr: 9999 }), other);
    for (const verdict of [mount, other]) assert.ok(Object.isFrozen(verdict));
  });

  test("reads arguments as registers, numbers and negative ones too", () => {
    const { decide } = createEvaluator(spec, { native: "x86_64" });
    const isTaken = (argument: bigint | number): boolean =>
      decide({ arch: "x86_64", name: "personality", args: [argument] }).kind === "rule";
    assert.ok(isTaken(2n ** 32n + 7n));
    assert.ok(isTaken(2 ** 32 + 7));
    for (const argument of [7, 7n, 2 ** 33 + 7, -7]) assert.ok(!isTaken(argument));
    const least = profile(allow(["personality"], arg("EQ", 2n ** 64n - 2n ** 33n)));
    for (const argument of [-(2 ** 33), -(2n ** 33n), 2n ** 64n - 2n ** 33n]) {
      const verdict = createEvaluator(least, { native: "x86_64" }).decide({
        arch: "x86_64",
        name: "personality",
        args: [argument],
      });
      assert.equal(verdict.action, "SCMP_ACT_ALLOW");
    }
  });

  test("says of each place that it has no rules for what happens there", () => {
    const at = (nr: number, architectures: string[] = [], arch = "x86_64"): string =>
      createEvaluator({ ...spec, architectures }, { native: "x86_64", runtime: "runc" }).decide({ arch, nr })
        .kind;
    assert.equal(at(0x4000_0000), "bad-architecture");
    assert.equal(at(166), "enosys-stub");
    assert.equal(at(164), "default");
    assert.equal(at(0, [], "s390x"), "bad-architecture");
    assert.equal(at(0x4000_0000, ["SCMP_ARCH_X32"]), "rule");
    // -1 is above every number with bit 30.
    assert.equal(at(-1, ["SCMP_ARCH_X32"]), "enosys-stub");
    assert.equal(at(-1), "default");
  });

  test("allows everything without a filter, but no call that cannot be", () => {
    const { decide } = createEvaluator(null, { native: "x86_64" });
    assert.deepEqual(decide({ arch: "x86_64", name: "mount" }), {
      action: "SCMP_ACT_ALLOW",
      kind: "no-filter",
    });
    assert.throws(() => decide({ arch: "x86_64", nr: 2 ** 40 }), RangeError);
    assert.throws(() => decide({ arch: "x86_64", name: "read", args: [2n ** 64n] }), RangeError);
    // From untyped code.
    const args = JSON.parse('["5"]') as bigint[];
    assert.throws(() => decide({ arch: "x86_64", name: "read", args }), TypeError);
  });
});

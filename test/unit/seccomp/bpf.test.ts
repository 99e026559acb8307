import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { auditArch } from "../../../src/seccomp/bpf/audit-arch.ts";
import { type CompileFilterOptions, compileFilter } from "../../../src/seccomp/bpf/compile.ts";
import { disassembleBpf } from "../../../src/seccomp/bpf/disassemble.ts";
import {
  BPF,
  type BpfInstruction,
  checkBpf,
  decodeBpf,
  encodeBpf,
} from "../../../src/seccomp/bpf/instruction.ts";
import { createBpfRunner, runBpf } from "../../../src/seccomp/bpf/run.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../../src/seccomp/types.ts";

const X86_FAMILY = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];
const X86_64 = auditArch("x86_64");
const KILL = 0;
const ERRNO = 0x0005_0000;
const ENOSYS = ERRNO + 38;
const ALLOW = 0x7fff_0000;

function allow(names: string[], ...args: LinuxSeccompArg[]): LinuxSyscall {
  return { names, action: "SCMP_ACT_ALLOW", args };
}

function profile(...syscalls: LinuxSyscall[]): LinuxSeccomp {
  return { defaultAction: "SCMP_ACT_ERRNO", syscalls };
}

function instruction(code: number, k: number, jt = 0, jf = 0): BpfInstruction {
  return { code, jt, jf, k };
}

const END = instruction(BPF.RETURN, ALLOW);

describe("compileFilter", () => {
  function answers(
    spec: LinuxSeccomp,
    calls: readonly [arch: string, nr: number, ...args: bigint[]][],
    options: Partial<CompileFilterOptions> = {},
  ): number[] {
    return calls.map(([arch, nr, ...args]) => {
      const values = (["list", "tree"] as const).map((form) => {
        const { program, endian } = compileFilter(spec, { native: "x86_64", form, ...options });
        return runBpf(program, { arch: auditArch(arch), nr, args }, { endian }).value;
      });
      assert.equal(values[0], values[1]);
      return values[0] ?? Number.NaN;
    });
  }

  test("kills calls of an architecture or number range that is not covered, and leaves -1 to the default", () => {
    const spec = profile(allow(["read"]));
    const calls: [string, number][] = [
      ["x86_64", 0],
      ["x86_64", 1],
      ["x86_64", 0x4000_0000],
      ["x86_64", -1],
      ["x86", 3],
      ["aarch64", 63],
    ];
    assert.deepEqual(answers(spec, calls), [ALLOW, ERRNO + 1, KILL, ERRNO + 1, KILL, KILL]);
    const x32 = answers(spec, calls, { native: "x32" });
    assert.deepEqual(x32, [KILL, KILL, ALLOW, ERRNO + 1, KILL, KILL]);
    const all = answers({ ...spec, architectures: X86_FAMILY }, calls);
    assert.deepEqual(all, [ALLOW, ERRNO + 1, ALLOW, ERRNO + 1, ALLOW, KILL]);
  });

  test("compares both words of an argument where registers have 64 bits, and the low one elsewhere", () => {
    const spec = {
      ...profile(allow(["personality"], { index: 2, op: "SCMP_CMP_EQ", value: 0x1_0000_0001n })),
      architectures: X86_FAMILY,
    };
    const calls: [string, number, ...bigint[]][] = [
      ["x86_64", 135, 0n, 0n, 0x1_0000_0001n],
      ["x86_64", 135, 0n, 0n, 1n],
      ["x86", 136, 0n, 0n, 1n],
      ["x86", 136, 0n, 0n, 2n],
    ];
    assert.deepEqual(answers(spec, calls), [ALLOW, ERRNO + 1, ALLOW, ERRNO + 1]);
  });

  test("looks for the high word first on a big-endian machine", () => {
    const spec = profile(allow(["personality"], { index: 0, op: "SCMP_CMP_GT", value: 0x1_0000_0005n }));
    const calls: [string, number, ...bigint[]][] = [
      ["s390x", 136, 0x1_0000_0006n],
      ["s390x", 136, 0x1_0000_0005n],
      ["s390x", 136, 0x2_0000_0000n],
      ["s390x", 136, 0x6_0000_0001n],
      ["s390x", 136, 6n],
    ];
    assert.deepEqual(answers(spec, calls, { native: "s390x" }), [ALLOW, ERRNO + 1, ALLOW, ALLOW, ERRNO + 1]);
    assert.equal(compileFilter(spec, { native: "s390x" }).endian, "big");
  });

  test("puts runc's answer to newer calls first, by architecture", () => {
    const spec = { ...profile(allow(["read", "openat2"])), architectures: X86_FAMILY };
    const calls: [string, number][] = [
      ["x86_64", 437],
      ["x86_64", 436],
      ["x86_64", 438],
      ["x86", 438],
      ["x86_64", 0x4000_0000 + 438],
      ["x86_64", 0x4000_0000 + 437],
      // Only bit 30 is looked at, so that -1 is newer than all calls of x32.
      ["x86_64", -1],
    ];
    const allAllowed = [ALLOW, ERRNO + 1];
    assert.deepEqual(answers(spec, calls, { runtime: "runc" }), [
      ...allAllowed,
      ENOSYS,
      ENOSYS,
      ENOSYS,
      ALLOW,
      ENOSYS,
    ]);
    assert.deepEqual(answers(spec, calls, { runtime: "crun" }).slice(2, 4), [ERRNO + 1, ERRNO + 1]);
    const native = answers({ ...spec, architectures: [] }, calls, { runtime: "runc" });
    assert.deepEqual(native, [...allAllowed, ENOSYS, KILL, KILL, KILL, ERRNO + 1]);
  });

  test("takes number 0 of s390x for newer under runc", () => {
    const options = { native: "s390x", runtime: "runc" } as const;
    const values = answers(
      profile(allow(["read"])),
      [
        ["s390x", 0],
        ["s390x", 3],
        ["s390x", 2],
      ],
      options,
    );
    assert.deepEqual(values, [ENOSYS, ALLOW, ERRNO + 1]);
  });

  test("takes the form that the runtime takes unless one is given", () => {
    const names = "read write open close stat fstat lstat poll lseek mmap mprotect munmap brk ioctl".split(
      " ",
    );
    const few = profile(allow(names), allow(names));
    const many = profile(allow(names), allow(names), allow(names));
    const form = (spec: LinuxSeccomp, options: Partial<CompileFilterOptions> = {}): string =>
      compileFilter(spec, { native: "x86_64", runtime: "runc", ...options }).form;
    assert.equal(form(few), "list");
    assert.equal(form(many), "tree");
    assert.equal(form(many, { form: "list" }), "list");
    assert.equal(form(many, { runtime: "crun" }), "list");
    assert.throws(() => form(few, { form: "heap" as "tree" }), TypeError);
  });

  test("leaves out what the node's libseccomp does not have", () => {
    const spec = { ...profile(allow(["read", "openat2"])), architectures: X86_FAMILY };
    const hasSyscall = (arch: string, name: string): boolean => arch === "x86" || name !== "openat2";
    const values = answers(
      spec,
      [
        ["x86_64", 437],
        ["x86", 437],
      ],
      { hasSyscall },
    );
    assert.deepEqual(values, [ERRNO + 1, ALLOW]);
  });

  test("reaches what is far away", () => {
    const spec = {
      ...profile(
        ...Array.from({ length: 900 }, (_, at): LinuxSyscall => {
          const args: LinuxSeccompArg[] = [{ index: 0, op: "SCMP_CMP_EQ", value: BigInt(at) }];
          return { names: ["personality"], action: "SCMP_ACT_ERRNO", errnoRet: 2 + at, args };
        }),
        allow(["read"]),
      ),
      architectures: X86_FAMILY,
    };
    for (const at of [0, 1, 254, 255, 256, 257, 600, 899]) {
      for (const [arch, nr] of [
        ["x86_64", 135],
        ["x86", 136],
      ] as const) {
        assert.deepEqual(answers(spec, [[arch, nr, BigInt(at)]]), [ERRNO + 2 + at]);
      }
    }
    assert.deepEqual(
      answers(spec, [
        ["x86_64", 0],
        ["x86_64", 135, 900n],
      ]),
      [ALLOW, ERRNO + 1],
    );
  });

  test("refuses what does not fit, what contradicts itself and what it has no numbers for", () => {
    const eq = (value: number, errnoRet: number): LinuxSyscall => ({
      names: ["personality"],
      action: "SCMP_ACT_ERRNO",
      errnoRet,
      args: [{ index: 0, op: "SCMP_CMP_EQ", value: BigInt(value) }],
    });
    const long = profile(...Array.from({ length: 4090 }, (_, at) => eq(at, 5)));
    assert.throws(() => compileFilter(long, { native: "x86_64" }), { code: "ERR_SECCOMP_FILTER_INVALID" });
    const odd = profile(eq(1, 5), eq(1, 6));
    assert.throws(() => compileFilter(odd, { native: "x86_64" }), { code: "ERR_SECCOMP_RULE_CONFLICT" });
    const far = profile(allow(["read"], { index: 6, op: "SCMP_CMP_EQ", value: 0n }));
    assert.throws(() => compileFilter(far, { native: "x86_64" }), { code: "ERR_SECCOMP_FILTER_INVALID" });
    const mips = profile(allow(["read"]));
    assert.throws(() => compileFilter(mips, { native: "mips64" }), { code: "ERR_SECCOMP_UNSUPPORTED" });
    const nothing = { defaultAction: "" };
    assert.throws(() => compileFilter(nothing, { native: "x86_64", runtime: "runc" }), {
      code: "ERR_SECCOMP_FILTER_INVALID",
    });
  });
});

describe("runBpf", () => {
  const run = (...program: BpfInstruction[]): number =>
    runBpf(program, { nr: 5, arch: 7, args: [-1n, 0x2_0000_0003n], instructionPointer: 0x8_0000_0009n })
      .value;

  test("carries out each instruction", () => {
    const yes = instruction(BPF.RETURN, ALLOW);
    const no = instruction(BPF.RETURN, KILL);
    const nr = instruction(BPF.LOAD, 0);
    const table: [code: number, operand: number, value: number][] = [
      [BPF.JEQ, 5, ALLOW],
      [BPF.JEQ, 4, KILL],
      [BPF.JGT, 4, ALLOW],
      [BPF.JGT, 5, KILL],
      [BPF.JGE, 5, ALLOW],
      [BPF.JGE, 6, KILL],
      [BPF.JSET, 4, ALLOW],
      [BPF.JSET, 2, KILL],
    ];
    for (const [code, operand, value] of table) {
      assert.equal(run(nr, instruction(code, operand, 0, 1), yes, no), value, `${code} ${operand}`);
    }
    assert.equal(run(instruction(BPF.JUMP, 1), no, yes), ALLOW);
    assert.equal(run(nr, instruction(BPF.AND, 4), instruction(BPF.JEQ, 4, 0, 1), yes, no), ALLOW);
  });

  test("finds number, architecture, instruction pointer and words of arguments, unsigned", () => {
    const words = [5, 7, 9, 8, 0xffff_ffff, 0xffff_ffff, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0];
    for (const [at, word] of words.entries()) {
      const equal = instruction(BPF.JEQ, word, 0, 1);
      const top = instruction(BPF.JGT, 0x7fff_ffff, 0, 1);
      const load = instruction(BPF.LOAD, 4 * at);
      assert.equal(run(load, equal, END, instruction(BPF.RETURN, KILL)), ALLOW, `word ${at}`);
      assert.equal(run(load, top, END, instruction(BPF.RETURN, 1)), word > 0x7fff_ffff ? ALLOW : 1);
    }
    const big = [
      instruction(BPF.LOAD, 24),
      instruction(BPF.JEQ, 2, 0, 1),
      END,
      instruction(BPF.RETURN, KILL),
    ];
    const call = { nr: 0, arch: 0, args: [0n, 0x2_0000_0003n] };
    assert.equal(runBpf(big, call, { endian: "big" }).value, ALLOW);
  });

  test("counts steps, and takes an action that the kernel does not know for the end of the process", () => {
    const program = [instruction(BPF.JUMP, 1), END, instruction(BPF.RETURN, 0x0010_0007)];
    assert.deepEqual(runBpf(program, { nr: 0, arch: 0 }), {
      value: 0x0010_0007,
      action: "SCMP_ACT_KILL_PROCESS",
      steps: 2,
    });
    const errno = runBpf([instruction(BPF.RETURN, ERRNO + 97)], { nr: 0, arch: 0 });
    assert.deepEqual(errno, { value: ERRNO + 97, action: "SCMP_ACT_ERRNO", errno: 97, steps: 1 });
  });

  test("refuses calls that no register can hold", () => {
    const runner = createBpfRunner([END]);
    const call = { nr: 0, arch: X86_64 };
    for (const wrong of [
      { nr: 0.5 },
      { nr: 2 ** 32 },
      { nr: -(2 ** 31) - 1 },
      { arch: -1 },
      { arch: 2 ** 32 },
      { args: [2n ** 64n] },
      { args: [-(2n ** 63n) - 1n] },
      { args: Array.from({ length: 7 }, () => 0n) },
      { instructionPointer: 2n ** 64n },
    ]) {
      assert.throws(() => runner.run({ ...call, ...wrong }), RangeError);
    }
  });
});

describe("checkBpf, decodeBpf, encodeBpf", () => {
  test("refuse programs that may not end, and what is no filter", () => {
    const wrong: BpfInstruction[][] = [
      [],
      [instruction(BPF.LOAD, 0)],
      [instruction(BPF.LOAD, 2), END],
      [instruction(BPF.LOAD, 64), END],
      [instruction(BPF.JEQ, 0, 1, 0), END],
      [instruction(BPF.JEQ, 0, 0, 1), END],
      [instruction(BPF.JEQ, 0, 256, 0), ...Array.from({ length: 300 }, () => END)],
      [instruction(BPF.JUMP, 1), END],
      [instruction(BPF.JUMP, 0xffff_ffff), END],
      [instruction(BPF.JUMP, -1), END],
      [instruction(0x16, 0), END],
      [instruction(BPF.RETURN, 2 ** 32)],
      [instruction(BPF.RETURN, 0.5)],
      Array.from({ length: 4097 }, () => END),
    ];
    for (const program of wrong) {
      assert.throws(() => checkBpf(program), { code: "ERR_SECCOMP_PROGRAM" });
      assert.throws(() => runBpf(program, { nr: 0, arch: 0 }), { code: "ERR_SECCOMP_PROGRAM" });
    }
    checkBpf(Array.from({ length: 4096 }, () => END));
  });

  test("write and read 8 bytes an instruction, in either byte order", () => {
    const program = [instruction(BPF.LOAD, 4), instruction(BPF.JEQ, 0xc000_003e, 0, 1), END, END];
    const bytes = encodeBpf(program);
    assert.equal(Buffer.from(bytes).toString("hex").slice(0, 32), "2000000004000000150000013e0000c0");
    assert.deepEqual(decodeBpf(bytes), program);
    const big = encodeBpf(program, { endian: "big" });
    assert.equal(Buffer.from(big).toString("hex").slice(0, 32), "002000000000000400150001c000003e");
    assert.deepEqual(decodeBpf(big, { endian: "big" }), program);
    for (const wrong of [bytes.subarray(1), big, new Uint8Array(0), new Uint8Array(8 * 4097)]) {
      assert.throws(() => decodeBpf(wrong), { code: "ERR_SECCOMP_PROGRAM" });
    }
    assert.throws(() => encodeBpf(program, { endian: "middle" as "big" }), TypeError);
  });
});

describe("disassembleBpf", () => {
  test("tells what each instruction does, and which architecture and call it is about", () => {
    const spec = {
      ...profile(allow(["read"]), allow(["personality"], { index: 2, op: "SCMP_CMP_GE", value: 5n })),
      architectures: ["SCMP_ARCH_X86"],
    };
    const { program } = compileFilter(spec, { native: "x86_64" });
    const lines = disassembleBpf(program).split("\n");
    // The same program, instruction by instruction, is what libseccomp 2.5.4 makes of these rules.
    assert.deepEqual(lines, [
      "   0: load arch",
      "   1: if == 0xc000003e then 2 else 10  # x86_64, x32",
      "   2: load number",
      "   3: if >= 0x40000000 then 4 else 5",
      "   4: if == 0xffffffff then 5 else 18",
      "   5: if == 0x0 then 17 else 6  # read",
      "   6: if == 0x87 then 7 else 16  # personality",
      "   7: load argument 2 high",
      "   8: if > 0x0 then 17 else 9",
      "   9: if == 0x0 then 14 else 16",
      "  10: if == 0x40000003 then 11 else 18  # x86",
      "  11: load number",
      "  12: if == 0x3 then 17 else 13  # read",
      "  13: if == 0x88 then 14 else 16  # personality",
      "  14: load argument 2 low",
      "  15: if >= 0x5 then 17 else 16",
      "  16: return ERRNO 1",
      "  17: return ALLOW",
      "  18: return KILL_THREAD",
      "",
    ]);
  });

  test("names words by byte order, answers that the kernel does not know, and what is never reached", () => {
    const program = [
      instruction(BPF.LOAD, 8),
      instruction(BPF.LOAD, 20),
      instruction(BPF.AND, 0xff),
      instruction(BPF.JSET, 2, 1, 0),
      instruction(BPF.JUMP, 1),
      instruction(BPF.RETURN, 0x0010_0000),
      instruction(BPF.RETURN, ERRNO + 38),
      END,
    ];
    assert.equal(
      disassembleBpf(program, { endian: "big" }),
      [
        "   0: load instruction pointer high",
        "   1: load argument 0 low",
        "   2: and 0xff",
        "   3: if & 0x2 then 5 else 4",
        "   4: jump 6",
        "   5: return 0x100000",
        "   6: return ERRNO 38",
        "   7: return ALLOW  # never reached",
        "",
      ].join("\n"),
    );
    assert.throws(() => disassembleBpf([]), { code: "ERR_SECCOMP_PROGRAM" });
  });

  test("names no call where two architectures come together", () => {
    const program = [
      instruction(BPF.LOAD, 4),
      instruction(BPF.JEQ, auditArch("x86"), 1, 0),
      instruction(BPF.JEQ, auditArch("aarch64"), 0, 2),
      instruction(BPF.LOAD, 0),
      instruction(BPF.JEQ, 3, 0, 0),
      END,
    ];
    assert.match(disassembleBpf(program), /4: if == 0x3 then 5 else 5\n/);
  });
});

test("auditArch tells the kernel's value of an architecture, by the ELF number, width and byte order", () => {
  const values = ["amd64", "SCMP_ARCH_X32", "386", "arm64", "arm", "s390", "ppc64le", "loong64"].map(
    auditArch,
  );
  assert.deepEqual(
    values,
    [0xc000_003e, 0xc000_003e, 0x4000_0003, 0xc000_00b7, 0x4000_0028, 0x16, 0xc000_0015, 0xc000_0102],
  );
  assert.throws(() => auditArch("vax"), { code: "ERR_SECCOMP_FILTER_INVALID" });
});

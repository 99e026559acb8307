import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { evaluateSyscall } from "../../../../src/seccomp/evaluate.ts";
import { readAuditLog } from "../../../../src/seccomp/recordings/audit-log.ts";
import { readOperatorProfile } from "../../../../src/seccomp/recordings/operator.ts";
import { profileFromRecordings } from "../../../../src/seccomp/recordings/profile.ts";
import type { Recording } from "../../../../src/seccomp/recordings/recording.ts";
import { readStraceSummary } from "../../../../src/seccomp/recordings/strace-summary.ts";

const names = ({ calls }: Recording): string[] => calls.map(({ name }) => name);
const reasons = ({ passedOver }: Recording): string[] => passedOver.map(({ reason }) => reason);

function audit(arch: string, syscall: string, code = "0x7ffc0000"): string {
  return `audit: type=1326 audit(1700000000.123:45): auid=1000 uid=0 gid=0 ses=2 subj=unconfined pid=77 comm="sh" exe="/bin/sh" sig=0 arch=${arch} syscall=${syscall} compat=0 ip=0x7f6c code=${code}`;
}

describe("readAuditLog", () => {
  test("names calls by number on each architecture", () => {
    const log = [
      "[1.0] systemd[1]: Started.",
      audit("c000003e", "257"),
      audit("c000003e", "257"),
      audit("40000003", "5"),
      audit("c000003e", String(0x4000_0000 + 1)),
      audit("c00000b7", "56"),
      `type=SECCOMP msg=audit(1.2:3): pid=1 comm="a" arch=x86_64 syscall=read code=log`,
      `type=SECCOMP msg=audit(1.2:3): pid=1 arch=i386 syscall=exit_group code=log`,
      `type=SECCOMP msg=audit(1.2:3): pid=1 arch=c000003e syscall=2 code=0x7ffc0000\u001dARCH=x86_64 SYSCALL=open arch=1`,
    ].join("\r\n");
    const found = readAuditLog(log);
    assert.deepEqual(names(found), ["openat", "open", "write", "read", "exit_group"]);
    assert.deepEqual(found.architectures, [
      "SCMP_ARCH_X86_64",
      "SCMP_ARCH_X86",
      "SCMP_ARCH_X32",
      "SCMP_ARCH_AARCH64",
    ]);
    assert.deepEqual(found.passedOver, []);
  });

  test("takes no call that a filter stopped, and no record that can be read in two ways", () => {
    for (const code of ["0x80000000", "0x0", "0x00050001", "0x7ff00000", "kill", "0x7ffc00000"]) {
      const found = readAuditLog(audit("c000003e", "59", code));
      assert.deepEqual([names(found), reasons(found)], [[], ["stopped"]]);
    }
    const bad: [line: string, reason: string][] = [
      [`${audit("c000003e", "59")} syscall=0`, "malformed"],
      [`${audit("c000003e", "59")} arch=40000003`, "malformed"],
      [audit("deadbeef", "59"), "malformed"],
      [audit("c000003e", "59").replace("arch=", "ar="), "malformed"],
      [`${audit("c000003e", "59")} ${"x".repeat(16_384)}`, "malformed"],
      [audit("c000003e", "-1"), "unknown-call"],
      [audit("c000003e", "99999"), "unknown-call"],
      [audit("c000003e", "no_such"), "unknown-call"],
    ];
    for (const [line, reason] of bad) {
      const found = readAuditLog(`x\n${line}`);
      assert.deepEqual([names(found), reasons(found), found.passedOver[0]?.line], [[], [reason], 2], line);
    }
    assert.deepEqual(names(readAuditLog("type=13260 arch=c000003e syscall=1 code=0x7ffc0000")), []);
    assert.throws(() => readAuditLog("xx", { maxBytes: 1 }), { code: "ERR_SECCOMP_TOO_LARGE" });
  });
});

/** What strace 6.1 printed for `strace -c -f sh -c 'ls /'`, shortened. */
const SUMMARY = `bin  boot
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 45.28    0.000048          48         1           rt_sigreturn
 19.81    0.000021          10         2           dup2
 17.92    0.000019           9         2         1 wait4
 16.98    0.000018           0        28           close
  0.00    0.000000           0         8           read
  0.00    0.000000           0         1           write
  0.00    0.000000           0        38           mmap
  0.00    0.000000           0         8           mprotect
  0.00    0.000000           0         2           munmap
  0.00    0.000000           0         6           brk
  0.00    0.000000           0         2           rseq
------ ----------- ----------- --------- --------- ----------------
100.00    0.000106           0       219        31 total
`;

describe("readStraceSummary", () => {
  test("takes each call of the table", () => {
    const found = readStraceSummary(SUMMARY);
    assert.deepEqual(names(found), [
      ...[
        "rt_sigreturn",
        "dup2",
        "wait4",
        "close",
        "read",
        "write",
        "mmap",
        "mprotect",
        "munmap",
        "brk",
        "rseq",
      ],
    ]);
    assert.deepEqual(found.architectures, ["SCMP_ARCH_X86_64"]);
    assert.deepEqual(found.passedOver, []);
  });

  test("knows tables of narrower programs, and commas as decimal points", () => {
    const narrow = `${SUMMARY}System call usage summary for 32 bit mode:\n${SUMMARY.replaceAll(".", ",")}`;
    assert.deepEqual(readStraceSummary(narrow).architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
    assert.deepEqual(readStraceSummary(narrow, { arch: "arm64" }).architectures, [
      "SCMP_ARCH_AARCH64",
      "SCMP_ARCH_ARM",
    ]);
    assert.throws(() => readStraceSummary(SUMMARY, { arch: "vax" }), { code: "ERR_SECCOMP_FILTER_INVALID" });
  });

  test("passes over what is no call, and refuses what is no whole table", () => {
    const odd = readStraceSummary(SUMMARY.replace(" dup2", " syscall_0x1ff").replace(" wait4", " wait 4"));
    assert.deepEqual(reasons(odd), ["unknown-call", "malformed"]);
    assert.ok(!names(odd).includes("dup2"));
    const cut = SUMMARY.slice(0, SUMMARY.indexOf("munmap"));
    for (const text of ["", "read\n", cut, SUMMARY.replace("errors", "err")]) {
      assert.throws(() => readStraceSummary(text), { code: "ERR_SECCOMP_SYNTAX" });
    }
    assert.throws(() => readStraceSummary(SUMMARY, { maxBytes: 10 }), { code: "ERR_SECCOMP_TOO_LARGE" });
  });
});

function object(spec: object, change: object = {}): object {
  const apiVersion = "security-profiles-operator.x-k8s.io/v1beta1";
  return { apiVersion, kind: "SeccompProfile", metadata: { name: "x" }, spec, ...change };
}

const EQ = { index: 0, value: 2, op: "SCMP_CMP_EQ" };
const SPEC = {
  defaultAction: "SCMP_ACT_ERRNO",
  baseProfileName: "runc-v1.1",
  architectures: ["SCMP_ARCH_X86_64"],
  syscalls: [
    { names: ["read", "nosuch"], action: "SCMP_ACT_ALLOW" },
    { names: ["socket"], action: "SCMP_ACT_LOG", args: [EQ] },
    { names: ["mount"], action: "SCMP_ACT_ERRNO" },
  ],
};

describe("readOperatorProfile", () => {
  test("takes what an object or a list lets through, and tells the rest", () => {
    const list = { apiVersion: "v1", kind: "List", items: [object(SPEC), object(SPEC)] };
    for (const [text, times] of [
      [JSON.stringify(object(SPEC)), 1],
      [JSON.stringify(list), 2],
    ] as const) {
      const found = readOperatorProfile(text);
      assert.deepEqual(found.calls, [
        { name: "read" },
        { name: "socket", args: [{ index: 0, value: 2n, op: "SCMP_CMP_EQ" }] },
      ]);
      const once = ["base-profile", "unknown-call", "stopped"];
      assert.deepEqual(reasons(found), times === 1 ? once : [...once, ...once]);
    }
  });

  test("refuses what is no such object", () => {
    const bad: [text: string, code: string][] = [
      ["{", "ERR_SECCOMP_SYNTAX"],
      ['{"kind":"a","kind":"b"}', "ERR_SECCOMP_SYNTAX"],
      ["[".repeat(5000), "ERR_SECCOMP_SYNTAX"],
      ["null", "ERR_SECCOMP_TYPE"],
      ["{}", "ERR_SECCOMP_TYPE"],
      [JSON.stringify(SPEC), "ERR_SECCOMP_TYPE"],
      [JSON.stringify(object(SPEC, { kind: "AppArmorProfile" })), "ERR_SECCOMP_TYPE"],
      [JSON.stringify(object(SPEC, { apiVersion: "v1" })), "ERR_SECCOMP_TYPE"],
      [JSON.stringify(object(SPEC, { spec: undefined })), "ERR_SECCOMP_TYPE"],
      [JSON.stringify(object({ ...SPEC, syscalls: [{ names: "read" }] })), "ERR_SECCOMP_TYPE"],
    ];
    for (const [text, code] of bad) assert.throws(() => readOperatorProfile(text), { code }, text);
    assert.throws(() => readOperatorProfile("{}", { maxBytes: 1 }), { code: "ERR_SECCOMP_TOO_LARGE" });
  });
});

describe("profileFromRecordings", () => {
  const arg = (index: number, value: bigint) => ({ index, value, op: "SCMP_CMP_EQ" });
  const recording = (calls: Recording["calls"], architectures: string[] = []): Recording => ({
    calls,
    architectures,
    passedOver: [],
  });

  test("merges, leaves out what others cover, and groups equal conditions", () => {
    const a = recording(
      [{ name: "write" }, { name: "socket", args: [arg(1, 1n), arg(0, 2n)] }],
      ["SCMP_ARCH_X86_64"],
    );
    const b = recording([{ name: "socket", args: [arg(0, 2n)] }, { name: "read" }], ["SCMP_ARCH_X86"]);
    const c = recording([
      { name: "write", args: [arg(0, 1n)] },
      { name: "personality", args: [arg(0, 2n)] },
    ]);
    const expected = {
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 38,
      architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"],
      syscalls: [
        { names: ["execve", "read", "write"], action: "SCMP_ACT_ALLOW" },
        { names: ["personality", "socket"], action: "SCMP_ACT_ALLOW", args: [arg(0, 2n)] },
      ],
    };
    for (const order of [
      [a, b, c],
      [c, b, a],
    ]) {
      assert.deepEqual(profileFromRecordings(order, { also: ["execve"] }), expected);
    }
  });

  test("reads an argument that stands twice as runtimes do", () => {
    const spec = profileFromRecordings([
      recording([{ name: "personality", args: [arg(0, 1n), arg(0, 8n)] }]),
    ]);
    const action = (value: bigint): string =>
      evaluateSyscall(spec, { arch: "x86_64", name: "personality", args: [value] }).action;
    assert.deepEqual([1n, 8n, 9n].map(action), ["SCMP_ACT_ALLOW", "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"]);
  });

  test("allows nothing for recordings of nothing", () => {
    assert.deepEqual(profileFromRecordings([]), { defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38 });
    assert.deepEqual(profileFromRecordings([recording([])], { defaultAction: "SCMP_ACT_KILL_PROCESS" }), {
      defaultAction: "SCMP_ACT_KILL_PROCESS",
    });
  });

  test("refuses names and architectures that do not exist, and an errno of 0", () => {
    const unknown = { code: "ERR_SECCOMP_UNKNOWN_SYSCALL" };
    assert.throws(() => profileFromRecordings([recording([{ name: "nosuch" }])]), unknown);
    assert.throws(() => profileFromRecordings([], { also: ["nosuch"] }), unknown);
    assert.throws(() => profileFromRecordings([recording([], ["amd64"])]), {
      code: "ERR_SECCOMP_FILTER_INVALID",
    });
    for (const defaultErrnoRet of [0, -1, 4095, 1.5]) {
      assert.throws(() => profileFromRecordings([], { defaultErrnoRet }), RangeError);
    }
    const many = Array.from({ length: 4097 }, (_, at) => ({ name: "read", args: [arg(0, BigInt(at))] }));
    assert.throws(() => profileFromRecordings([recording(many)]), { code: "ERR_SECCOMP_TOO_LARGE" });
  });
});

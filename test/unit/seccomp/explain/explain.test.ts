import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { evaluateSyscall } from "../../../../src/seccomp/evaluate.ts";
import {
  explainAuditEvent,
  explainDecision,
  explainSyscall,
  parseAuditLine,
} from "../../../../src/seccomp/explain/index.ts";
import type { LinuxSeccomp, LinuxSeccompArg } from "../../../../src/seccomp/types.ts";

const EQ_2: LinuxSeccompArg = { index: 0, value: 2n, op: "SCMP_CMP_EQ" };
const PROFILE: LinuxSeccomp = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 38,
  syscalls: [
    { names: ["read"], action: "SCMP_ACT_ALLOW" },
    { names: ["socket"], action: "SCMP_ACT_ALLOW", args: [EQ_2] },
    { names: ["mount"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
    { names: ["socket"], action: "SCMP_ACT_ERRNO", errnoRet: 38 },
  ],
};
const LINE =
  'type=SECCOMP msg=audit(1732180000.123:456): auid=4294967295 uid=1000 gid=0 ses=4294967295 subj=unconfined pid=77 comm="mount" exe="/bin/mount" sig=0 arch=c000003e syscall=165 compat=0 ip=0x7f11 code=0x50000';

describe("parseAuditLine", () => {
  test("reads a line of the audit daemon and of the kernel's log alike", () => {
    const event = {
      time: new Date("2024-11-21T09:06:40.123Z"),
      serial: 456,
      pid: 77,
      uid: 1000,
      command: "mount",
      executable: "/bin/mount",
      arch: "x86_64",
      nr: 165,
      name: "mount",
      action: "SCMP_ACT_ERRNO",
      signal: 0,
    };
    assert.deepEqual(parseAuditLine(LINE), event);
    const kernel = LINE.replace("type=SECCOMP msg=", "[ 12.5] audit: type=1326 ");
    assert.deepEqual(parseAuditLine(`Nov 21 host kernel: ${kernel}`), event);
  });

  test("tells architectures apart, and x32 by the number", () => {
    const table: [arch: string, nr: string, expected: string | undefined, name: string | undefined][] = [
      ["40000003", "21", "x86", "mount"],
      ["c00000b7", "40", "aarch64", "mount"],
      ["c000003e", "1073741989", "x32", "mount"],
      ["c000003e", "-1", "x86_64", undefined],
      ["deadbeef", "1", undefined, undefined],
    ];
    for (const [arch, nr, expected, name] of table) {
      const event = parseAuditLine(LINE.replace("c000003e", arch).replace("syscall=165", `syscall=${nr}`));
      assert.deepEqual([event?.arch, event?.name], [expected, name], arch);
    }
  });

  test("reads every action, and hexadecimal names", () => {
    for (const [code, action] of [
      ["0x0", "KILL_THREAD"],
      ["0x80000000", "KILL_PROCESS"],
      ["0x30000", "TRAP"],
      ["0x7fc00000", "NOTIFY"],
      ["0x7ff00000", "TRACE"],
      ["0x7ffc0000", "LOG"],
    ] as const) {
      assert.equal(parseAuditLine(LINE.replace("0x50000", code))?.action, `SCMP_ACT_${action}`);
    }
    const odd = LINE.replace('comm="mount"', "comm=612062").replace('exe="/bin/mount"', "exe=(null)");
    assert.deepEqual([parseAuditLine(odd)?.command, parseAuditLine(odd)?.executable], ["a b", undefined]);
  });

  test("is not led astray by a program's name, and gives nothing for other lines", () => {
    const forged = LINE.replace('comm="mount"', 'comm="a syscall=0"');
    assert.equal(parseAuditLine(forged)?.nr, 165);
    for (const line of [
      "",
      "type=SYSCALL msg=audit(1.000:1): arch=c000003e syscall=1 code=0x0",
      ...[1, 2, 3, 4, 5, 6, 7, 30].map((cut) => LINE.slice(0, -cut)),
      LINE.replace("code=0x50000", "code=0x12340000"),
      LINE.replace("syscall=165", "syscall=1e3"),
      LINE + " ".repeat(17_000),
      `${LINE} syscall=0`,
      LINE.replace(" arch=", " arch=40000003 arch="),
    ]) {
      assert.equal(parseAuditLine(line), undefined);
    }
  });
});

describe("explainSyscall", () => {
  test("tells each entry that decides, for which arguments, and the default", () => {
    const { outcomes } = explainSyscall(PROFILE, { arch: "amd64", name: "socket" });
    assert.deepEqual(
      outcomes.map(({ kind, rule, action, errno, regions }) => ({ kind, rule, action, errno, regions })),
      [
        { kind: "rule", rule: 1, action: "SCMP_ACT_ALLOW", errno: undefined, regions: [[EQ_2]] },
        {
          kind: "default",
          rule: undefined,
          action: "SCMP_ACT_ERRNO",
          errno: 38,
          regions: [[{ index: 0, value: 2n, op: "SCMP_CMP_NE" }]],
        },
      ],
    );
    assert.match(outcomes[0]?.text ?? "", /^socket \(41 on x86_64\) when argument 0 == 2: .*entry 1/);
    assert.match(outcomes[1]?.text ?? "", /ENOSYS \(errno 38\).*default/);
  });

  test("tells what is no matter of entries", () => {
    const kinds = [
      explainSyscall(null, { arch: "x86_64", nr: 0 }),
      explainSyscall(PROFILE, { arch: "x86", name: "read" }),
      explainSyscall(PROFILE, { arch: "x86_64", name: "clone3" }, { runtime: "runc" }),
    ].map(({ outcomes }) => outcomes.map(({ kind }) => kind));
    assert.deepEqual(kinds, [["no-filter"], ["bad-architecture"], ["enosys-stub"]]);
  });
});

describe("explainAuditEvent", () => {
  test("finds the entries that a logged action can come from", () => {
    const event = parseAuditLine(LINE);
    assert.ok(event);
    const { outcomes } = explainAuditEvent(PROFILE, event);
    assert.deepEqual(
      outcomes.map(({ rule }) => rule),
      [2],
    );
    const socket = { ...event, nr: 41 };
    assert.deepEqual(
      explainAuditEvent(PROFILE, socket).outcomes.map(({ kind }) => kind),
      ["default"],
    );
    assert.deepEqual(explainAuditEvent(PROFILE, { ...event, nr: 0 }).outcomes, []);
  });
});

describe("explainDecision", () => {
  test("says why each other entry did not decide", () => {
    const decision = evaluateSyscall(PROFILE, { arch: "x86_64", name: "socket", args: [3] });
    const lines = explainDecision(decision, "x86_64");
    assert.equal(lines.length, 3);
    assert.match(lines[0] ?? "", /^socket \(41 on x86_64\): the call fails with ENOSYS/);
    assert.match(lines[1] ?? "", /^Entry 1 does not match: not argument 0 == 2\.$/);
    assert.match(lines[2] ?? "", /^Entry 3 is left out/);
  });
});

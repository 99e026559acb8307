import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ProfileLintCode } from "../../../../src/seccomp/lint/findings.ts";
import { lintProfile, type ProfileTarget } from "../../../../src/seccomp/lint/lint-profile.ts";

const TARGETS: ProfileTarget[] = ["cri-o", "podman", "docker", "containerd", "oci-artifact"];
const ALL_ARCHES = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];
const START = { names: ["execve", "exit_group", "futex"], action: "SCMP_ACT_ALLOW" };
const ALLOW = { names: ["personality"], action: "SCMP_ACT_ALLOW" };
const EQ = { index: 0, value: 38, op: "SCMP_CMP_EQ" };
const GATED = { ...ALLOW, names: ["mount"], includes: { caps: ["CAP_SYS_ADMIN"] } };

function profile(rules: object[] = [], change: object = {}): object {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    architectures: ALL_ARCHES.slice(0, 2),
    syscalls: [START, ...rules],
    ...change,
  };
}

/** Findings as `severity code path`, without what the base profile has by intent. */
async function lint(
  file: object | string,
  target: ProfileTarget = "cri-o",
  arch?: string,
): Promise<string[]> {
  const text = typeof file === "string" ? file : JSON.stringify(file);
  const findings = await lintProfile(text, { target, arch });
  return findings
    .map(({ severity, code, position }) => `${severity} ${code} ${position.path}`)
    .filter((line) => line !== "info compat-architecture-missing $['architectures']");
}

const RULE = "$['syscalls'][1]";

describe("lintProfile", () => {
  test("has nothing to say of a plain profile", async () => {
    for (const target of TARGETS) assert.deepEqual(await lint(profile([ALLOW]), target), []);
  });

  test("finds what the reader of the file does not read", async () => {
    const table: [file: object, line: string, targets: ProfileTarget[]][] = [
      [profile([GATED]), `error extended-member ${RULE}['includes']`, ["containerd", "oci-artifact"]],
      [
        profile([{ ...ALLOW, excludes: { arches: ["arm64"] } }]),
        `error extended-member ${RULE}['excludes']`,
        ["containerd", "oci-artifact"],
      ],
      [
        profile([], { architectures: undefined, archMap: [] }),
        "error extended-member $['archMap']",
        ["containerd", "oci-artifact"],
      ],
      [
        profile([{ name: "socket", action: "SCMP_ACT_ALLOW" }]),
        `error extended-member ${RULE}['name']`,
        ["containerd", "oci-artifact"],
      ],
      [
        profile([], { defaultErrno: "EPERM" }),
        "error errno-name-ignored $['defaultErrno']",
        ["docker", "containerd", "oci-artifact"],
      ],
      [
        profile([{ ...ALLOW, action: "SCMP_ACT_ERRNO", errno: "EIO" }]),
        `error errno-name-ignored ${RULE}['errno']`,
        ["docker", "containerd", "oci-artifact"],
      ],
      [
        profile([{ ...ALLOW, includes: { minKernel: "4.8" } }]),
        `error min-kernel-ignored ${RULE}['includes']['minKernel']`,
        ["cri-o", "podman"],
      ],
    ];
    for (const [file, line, targets] of table) {
      for (const target of TARGETS) {
        assert.equal(
          (await lint(file, target)).includes(line),
          targets.includes(target),
          `${target}: ${line}`,
        );
      }
    }
  });

  test("says loudly what is no filter, or one that stops nothing", async () => {
    for (const target of TARGETS) {
      for (const text of ["{}", "null", '{"default_action":"SCMP_ACT_ERRNO"}']) {
        assert.ok((await lint(text, target)).includes("error unconfined $"), `${target} ${text}`);
      }
      const open = profile([], { defaultAction: "SCMP_ACT_LOG", defaultErrnoRet: undefined });
      assert.ok((await lint(open, target)).includes("error stops-nothing $['defaultAction']"));
      const denied = profile([{ ...ALLOW, action: "SCMP_ACT_ERRNO" }], { defaultAction: "SCMP_ACT_ALLOW" });
      assert.ok((await lint(denied, target)).includes("warning allow-by-default $['defaultAction']"));
    }
    const gone = JSON.stringify({ syscalls: [{ ...GATED, action: "SCMP_ACT_ERRNO" }] });
    assert.ok((await lint(gone)).includes("error unconfined $"));
  });

  test("finds rules that do something else than they say", async () => {
    const deny = { ...ALLOW, action: "SCMP_ACT_ERRNO", errnoRet: 1 };
    const table: [rules: object[], lines: string[]][] = [
      [[ALLOW, { ...deny, args: [EQ] }], ["error rule-without-effect $['syscalls'][2]"]],
      [[{ ...deny, args: [EQ] }, ALLOW], [`error rule-without-effect ${RULE}`]],
      [[ALLOW, { ...ALLOW, args: [EQ] }], ["info rule-without-effect $['syscalls'][2]"]],
      [
        [
          { ...ALLOW, args: [EQ] },
          { ...deny, args: [EQ] },
        ],
        ["error rule-conflict $['syscalls'][2]"],
      ],
      [[{ ...ALLOW, args: [EQ, { ...EQ, value: 40 }] }], [`warning repeated-argument ${RULE}['args']`]],
      [
        [{ ...ALLOW, args: [EQ, { ...EQ, value: 40 }, { ...EQ, index: 1 }] }],
        [`error repeated-argument ${RULE}['args']`],
      ],
      [[{ ...deny, errnoRet: 38 }], [`info equals-default ${RULE}`]],
      [[{ ...ALLOW, names: ["sockett"] }], [`warning unknown-syscall ${RULE}['names'][0]`]],
      [[{ ...ALLOW, errnoRet: 1 }], [`warning errno-without-use ${RULE}['errnoRet']`]],
      [
        [{ ...deny, errnoRet: 4095 }],
        [`error filter-invalid ${RULE}`, `warning errno-too-large ${RULE}['errnoRet']`],
      ],
      [[{ ...deny, errnoRet: 4094 }], []],
      // Of 16 bits, the low ones count.
      [[{ ...deny, errnoRet: 65536 + 5 }], [`warning errno-too-large ${RULE}['errnoRet']`]],
      [
        [{ ...deny, action: "SCMP_ACT_TRACE", errnoRet: 65536 + 4095 }],
        [`warning errno-too-large ${RULE}['errnoRet']`],
      ],
      [[{ ...deny, action: "SCMP_ACT_TRACE", errnoRet: 65535 }], []],
      [[{ names: ["write"], action: "SCMP_ACT_NOTIFY" }], [`error notify-refused ${RULE}['names'][0]`]],
    ];
    for (const [rules, lines] of table) assert.deepEqual(await lint(profile(rules)), lines);
  });

  test("finds rules that contradict each other only through a multiplexer", async () => {
    // On x86 both are a rule for socketcall with 1 as argument 0, which is all that is left of the condition.
    const socket = { ...ALLOW, names: ["socket"] };
    const deny = { ...socket, action: "SCMP_ACT_ERRNO", errnoRet: 1, args: [EQ] };
    const line = "error rule-conflict $['syscalls'][2]";
    assert.ok((await lint(profile([socket, deny]))).includes(line));
    assert.ok(!(await lint(profile([socket, deny], { architectures: [] }))).includes(line));
  });

  test("finds rules that meet only where a container has the capabilities", async () => {
    const conditional = { ...ALLOW, action: "SCMP_ACT_TRAP", names: ["mount"], args: [EQ] };
    assert.deepEqual(await lint(profile([conditional, GATED])), [`error rule-without-effect ${RULE}`]);
    assert.deepEqual(
      await lint(profile([{ ...conditional, excludes: { caps: ["CAP_SYS_ADMIN"] } }, GATED])),
      [],
    );
  });

  test("finds numbers that other tools change", async () => {
    const text = JSON.stringify(profile([{ ...ALLOW, args: [EQ] }]));
    const with_ = (number: string): Promise<string[]> =>
      lint(text.replace('"value":38', `"value":${number}`));
    assert.deepEqual(await with_("9007199254740991"), []);
    const found = [`info unsafe-number ${RULE}['args'][0]['value']`];
    assert.deepEqual(await with_("9007199254740993"), found);
    assert.deepEqual(await with_("18446744073709551615"), found);
  });

  test("finds what no runtime or engine takes", async () => {
    const table: [file: object, code: ProfileLintCode][] = [
      [profile([{ ...ALLOW, action: "SCMP_ACT_PERMIT" }]), "filter-invalid"],
      [profile([{ ...ALLOW, args: [{ ...EQ, index: 6 }] }]), "filter-invalid"],
      [profile([], { archMap: [{ architecture: "SCMP_ARCH_X86_64" }] }), "not-converted"],
      [profile([], { architectures: ["SCMP_ARCH_S390X"] }), "filter-invalid"],
      [profile([], { defaultAction: "SCMP_ACT_NOTIFY" }), "notify-refused"],
      [profile([{ action: "SCMP_ACT_ALLOW" }]), "no-names"],
      [profile([], { flags: ["SECCOMP_FILTER_FLAG_FAST"] }), "not-strict"],
      [profile([], { listenerMetadata: "m" }), "not-strict"],
      [profile([], { sysCalls: [] }), "unknown-member"],
    ];
    for (const [file, code] of table) {
      const findings = await lintProfile(JSON.stringify(file));
      assert.ok(
        findings.some((finding) => finding.code === code),
        `${code}: ${JSON.stringify(findings)}`,
      );
    }
  });

  test("looks at the relatives of the architecture", async () => {
    const missing = async (architectures: string[], arch: string): Promise<string[]> =>
      (await lintProfile(JSON.stringify(profile([], { architectures })), { arch }))
        .filter(({ code }) => code.includes("architecture"))
        .map(({ code, message }) => `${code} ${/SCMP_ARCH_[A-Z0-9_]+/.exec(message)}`);
    assert.deepEqual(await missing(["SCMP_ARCH_X86"], "amd64"), [
      "compat-architecture-missing SCMP_ARCH_X32",
    ]);
    assert.deepEqual((await missing([], "amd64")).length, 2);
    assert.deepEqual(await missing(ALL_ARCHES, "amd64"), ["architecture-unneeded SCMP_ARCH_X32"]);
    assert.deepEqual(await missing([], "arm64"), ["compat-architecture-missing SCMP_ARCH_ARM"]);
    assert.deepEqual(await missing(["SCMP_ARCH_ARM"], "arm64"), []);
    assert.deepEqual(await missing(["SCMP_ARCH_ARM", "SCMP_ARCH_RISCV64"], "arm64"), [
      "architecture-unneeded SCMP_ARCH_RISCV64",
    ]);
    await assert.rejects(lintProfile("{}", { arch: "x86_64" }), RangeError);
  });

  test("finds a profile that a container cannot start or end under", async () => {
    const findings = await lintProfile(JSON.stringify(profile([], { syscalls: [ALLOW] })));
    const missing = findings.filter(({ code }) => code === "startup-call-missing");
    assert.deepEqual(missing.map(({ message }) => /execve|exit_group|futex/.exec(message)?.[0]).sort(), [
      "execve",
      "exit_group",
      "futex",
    ]);
  });

  test("finds what artifacts of KEP-6061 must not have", async () => {
    const artifact = "oci-artifact";
    const notify = { ...ALLOW, action: "SCMP_ACT_NOTIFY" };
    const line = "error notify-in-artifact";
    assert.deepEqual(await lint(profile([notify]), artifact), [`${line} ${RULE}['action']`]);
    assert.deepEqual(await lint(profile([notify]), "containerd"), []);
    assert.deepEqual(await lint(profile([], { listenerPath: "/run/x" }), artifact), [
      `${line} $['listenerPath']`,
    ]);
    const many = (count: number): object => profile(Array.from({ length: count }, () => ALLOW));
    assert.deepEqual(await lint(many(127), artifact), []);
    assert.deepEqual(await lint(many(128), artifact), ["error artifact-limit $['syscalls']"]);
    const padded = JSON.stringify(profile()).padEnd(1_048_576, " ");
    assert.deepEqual(await lint(padded, artifact), []);
    assert.deepEqual(await lint(`${padded} `, artifact), ["error artifact-limit $"]);
  });

  test("reports errors before the rest where there is not room for all", async () => {
    const many = Array.from({ length: 50 }, (_, at) => ({ ...ALLOW, names: [`nosuch${at}`] }));
    const file = profile([...many, { ...ALLOW, args: [EQ, EQ, { ...EQ, index: 1 }] }]);
    const findings = await lintProfile(JSON.stringify(file), { maxFindings: 3 });
    assert.deepEqual(
      findings.map(({ code }) => code),
      ["unknown-syscall", "unknown-syscall", "repeated-argument"],
    );
    assert.ok((findings[2]?.position.offset ?? 0) > 0);
    await assert.rejects(lintProfile("{}", { maxFindings: Number.NaN }), RangeError);
    await assert.rejects(lintProfile("{}", { target: "lxc" as ProfileTarget }), TypeError);
  });

  test("throws for what the target does not read", async () => {
    for (const target of TARGETS) {
      await assert.rejects(lintProfile("[]", { target }), { code: "ERR_SECCOMP_TYPE" });
      await assert.rejects(lintProfile("{", { target }), { code: "ERR_SECCOMP_SYNTAX" });
      await assert.rejects(lintProfile("{}", { target, maxBytes: 1 }), { code: "ERR_SECCOMP_TOO_LARGE" });
    }
  });

  test("says that crun does not start a container whose rule has no list of names", async () => {
    const text = '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"action":"SCMP_ACT_ALLOW"}]}';
    for (const [target, stops] of [
      ["docker", true],
      ["containerd", true],
      ["cri-o", false],
    ] as const) {
      const found = await lintProfile(text, { target });
      const named = found.find(({ code }) => code === "no-names");
      assert.equal(named?.message.includes("crun"), stops, target);
    }
  });
});

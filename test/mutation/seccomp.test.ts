/**
 * Every field of a profile matters: a profile, then each single change, which must change what comes out.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ConvertProfileOptions, toRuntimeSpec } from "../../src/seccomp/convert.ts";
import { evaluateSyscall, type SyscallDecision } from "../../src/seccomp/evaluate.ts";
import { parseProfile } from "../../src/seccomp/parse.ts";
import { type ResolveSeccompInput, resolveSeccomp } from "../../src/seccomp/resolve.ts";
import { formatSeccomp } from "../../src/seccomp/runtime-spec.ts";
import type { LinuxSeccomp, LinuxSeccompArg, SeccompEngine } from "../../src/seccomp/types.ts";

type Fields = { [key: string]: unknown };

const NODE: ConvertProfileOptions = { arch: "amd64", capabilities: ["CAP_A"], kernel: "5.0" };

/** The profile with the value at a path replaced; `undefined` removes it. */
function changed(profile: unknown, path: (string | number)[], value: unknown): Fields {
  const copy = structuredClone(profile) as Fields;
  let at: Fields = copy;
  for (const key of path.slice(0, -1)) at = at[key] as Fields;
  const last = path.at(-1) ?? "";
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

function converted(profile: unknown, engine: SeccompEngine, options = NODE): string {
  return formatSeccomp(toRuntimeSpec(parseProfile(JSON.stringify(profile), { engine }), options));
}

const STANDARD = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 38,
  architectures: ["SCMP_ARCH_X86_64"],
  flags: ["SECCOMP_FILTER_FLAG_LOG"],
  listenerPath: "/run/x",
  listenerMetadata: "m",
  syscalls: [
    {
      names: ["clone"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: 5,
      args: [{ index: 0, value: 1, valueTwo: 2, op: "SCMP_CMP_MASKED_EQ" }],
    },
  ],
};

const STANDARD_CHANGES: [path: (string | number)[], value: unknown][] = [
  [["defaultAction"], "SCMP_ACT_LOG"],
  [["defaultErrnoRet"], 1],
  [["defaultErrnoRet"], undefined],
  [["architectures"], ["SCMP_ARCH_X86"]],
  [["flags"], []],
  [["listenerPath"], "/run/y"],
  [["listenerMetadata"], ""],
  [["syscalls"], []],
  [["syscalls", 0, "names"], ["unshare"]],
  [["syscalls", 0, "action"], "SCMP_ACT_ALLOW"],
  [["syscalls", 0, "errnoRet"], 6],
  [["syscalls", 0, "args"], []],
  [["syscalls", 0, "args", 0, "index"], 1],
  [["syscalls", 0, "args", 0, "value"], 3],
  [["syscalls", 0, "args", 0, "valueTwo"], 3],
  [["syscalls", 0, "args", 0, "op"], "SCMP_CMP_EQ"],
];

const KEPT = {
  names: ["mount"],
  action: "SCMP_ACT_ALLOW",
  includes: { caps: ["CAP_A"], arches: ["amd64"] },
  excludes: { caps: ["CAP_B"], arches: ["arm64"] },
};

const KEPT_CHANGES: [path: (string | number)[], value: unknown][] = [
  [["includes", "caps"], ["CAP_B"]],
  [["includes", "arches"], ["arm64"]],
  [["excludes", "caps"], ["CAP_A"]],
  [["excludes", "arches"], ["amd64"]],
];

describe("each field of a profile changes the runtime-spec object", () => {
  for (const engine of ["containers-common", "moby", "containerd"] as const) {
    test(`${engine}: the fields of the runtime specification`, () => {
      const before = converted(STANDARD, engine);
      for (const [path, value] of STANDARD_CHANGES) {
        assert.notEqual(converted(changed(STANDARD, path, value), engine), before, path.join("."));
      }
    });
  }

  for (const engine of ["containers-common", "moby"] as const) {
    test(`${engine}: conditions on capabilities and architectures, and archMap`, () => {
      const profile = (rule: unknown): unknown => ({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [rule] });
      const before = converted(profile(KEPT), engine);
      assert.ok(before.includes("mount"));
      for (const [path, value] of KEPT_CHANGES) {
        const after = converted(profile(changed(KEPT, path, value)), engine);
        assert.ok(!after.includes("mount"), path.join("."));
      }
      const options: ConvertProfileOptions[] = [
        { ...NODE, capabilities: [] },
        { ...NODE, capabilities: ["CAP_A", "CAP_B"] },
        { ...NODE, arch: "arm64" },
        { ...NODE, arch: "s390x" },
      ];
      for (const option of options) assert.ok(!converted(profile(KEPT), engine, option).includes("mount"));
      const mapped = {
        defaultAction: "SCMP_ACT_ERRNO",
        archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X32"] }],
      };
      assert.ok(converted(mapped, engine).includes('["SCMP_ARCH_X86_64","SCMP_ARCH_X32"]'));
      for (const [path, value] of [
        [["archMap", 0, "architecture"], "SCMP_ARCH_AARCH64"],
        [["archMap", 0, "subArchitectures"], []],
      ] as [(string | number)[], unknown][]) {
        assert.notEqual(converted(changed(mapped, path, value), engine), converted(mapped, engine));
      }
    });
  }

  test("containers-common: names of errno values", () => {
    const profile = {
      ...STANDARD,
      defaultErrno: "EPERM",
      syscalls: [{ ...STANDARD.syscalls[0], errno: "EACCES" }],
    };
    const before = converted(profile, "containers-common");
    assert.ok(before.includes('"defaultErrnoRet":1,') && before.includes('"errnoRet":13,'));
    assert.notEqual(converted(changed(profile, ["defaultErrno"], undefined), "containers-common"), before);
    assert.notEqual(
      converted(changed(profile, ["syscalls", 0, "errno"], "EIO"), "containers-common"),
      before,
    );
  });

  test("moby: the kernel", () => {
    const gated = (gate: object): unknown => ({
      defaultAction: "A",
      syscalls: [{ names: ["x"], action: "B", ...gate }],
    });
    assert.ok(converted(gated({ includes: { minKernel: "5.0" } }), "moby").includes("syscalls"));
    assert.ok(!converted(gated({ includes: { minKernel: "5.1" } }), "moby").includes("syscalls"));
    assert.ok(!converted(gated({ excludes: { minKernel: "5.0" } }), "moby").includes("syscalls"));
  });
});

describe("each field of the runtime-spec object changes a decision", () => {
  const arg: LinuxSeccompArg = { index: 0, value: 0xffn, valueTwo: 7n, op: "SCMP_CMP_MASKED_EQ" };
  const spec: LinuxSeccomp = {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    architectures: ["SCMP_ARCH_X86"],
    syscalls: [{ names: ["clone"], action: "SCMP_ACT_TRACE", errnoRet: 5, args: [arg] }],
  };
  const ask = (profile: LinuxSeccomp): (string | number | undefined)[] => {
    const decisions: SyscallDecision[] = [
      evaluateSyscall(profile, { arch: "x86_64", name: "clone", args: [7n] }),
      evaluateSyscall(profile, { arch: "x86_64", name: "clone", args: [8n] }),
      evaluateSyscall(profile, { arch: "x86", name: "clone", args: [7n] }, { native: "x86_64" }),
    ];
    return decisions.flatMap(({ action, errno }) => [action, errno]);
  };

  test("the profile", () => {
    const before = ask(spec);
    const changes: [path: (string | number)[], value: unknown][] = [
      [["defaultAction"], "SCMP_ACT_LOG"],
      [["defaultErrnoRet"], 1],
      [["architectures"], []],
      [["syscalls"], []],
      [["syscalls", 0, "names"], ["unshare"]],
      [["syscalls", 0, "action"], "SCMP_ACT_ALLOW"],
      [["syscalls", 0, "errnoRet"], 6],
      [["syscalls", 0, "args"], []],
      [["syscalls", 0, "args", 0, "index"], 1],
      [["syscalls", 0, "args", 0, "value"], 0xf0n],
      [["syscalls", 0, "args", 0, "valueTwo"], 8n],
      [["syscalls", 0, "args", 0, "op"], "SCMP_CMP_LT"],
    ];
    for (const [path, value] of changes) {
      const mutant = changed(spec, path, value) as unknown as LinuxSeccomp;
      assert.notDeepEqual(ask(mutant), before, path.join("."));
    }
  });
});

describe("each input of a resolution changes the choice", () => {
  const V2 = "seccomp-profile.crio.io";
  const input: ResolveSeccompInput = {
    pod: { metadata: { annotations: { "wl/on": "" } }, spec: {} },
    container: { name: "ctr" },
    imageAnnotations: { [V2]: "r.example/image:1" },
    runtime: {
      kind: "cri-o",
      version: "1.36",
      workloads: [{ activationAnnotation: "wl/on", allowedAnnotations: [V2] }],
    },
    kubelet: { seccompDefault: false, seccompRoot: "/k" },
  };
  const outcome = (changedInput: unknown): string => {
    const choice = resolveSeccomp(changedInput as ResolveSeccompInput);
    if (choice.kind === "ambiguous") return choice.kind;
    const { trace: _, ...rest } = choice;
    return JSON.stringify(rest);
  };

  test("on CRI-O", () => {
    const before = outcome(input);
    assert.ok(before.includes("r.example/image:1"));
    const changes: [path: (string | number)[], value: unknown][] = [
      [["pod", "metadata", "annotations"], {}],
      [["pod", "metadata", "annotations", `${V2}/ctr`], "r.example/pod:1"],
      [["pod", "spec", "securityContext"], { seccompProfile: { type: "RuntimeDefault" } }],
      [["container", "securityContext"], { seccompProfile: { type: "RuntimeDefault" } }],
      [["container", "securityContext"], { privileged: true }],
      [["imageAnnotations"], {}],
      [["imageAnnotations", V2], "r.example/image:2"],
      [["imageAnnotations", V2], ""],
      [["runtime", "seccompEnabled"], false],
      [["runtime", "workloads"], []],
      [["runtime", "workloads", 0, "activationAnnotation"], "wl/off"],
      [["runtime", "workloads", 0, "allowedAnnotations"], []],
      [["runtime", "defaultAnnotations"], { [`${V2}/POD`]: "r.example/handler:1" }],
      [["runtime"], { kind: "containerd" }],
      [["kubelet", "seccompDefault"], true],
    ];
    for (const [path, value] of changes) {
      assert.notEqual(outcome(changed(input, path, value)), before, path.join("."));
    }
  });

  test("of files and defaults", () => {
    const set = (path: (string | number)[], value: unknown, from: unknown): Fields =>
      changed(from, path, value);
    const local = set(
      ["container", "securityContext"],
      { seccompProfile: { type: "Localhost", localhostProfile: "p" } },
      input,
    );
    assert.notEqual(outcome(set(["kubelet", "seccompRoot"], "/other", local)), outcome(local));
    const runtimeDefault = set(
      ["container", "securityContext"],
      { seccompProfile: { type: "RuntimeDefault" } },
      input,
    );
    for (const field of ["seccompProfile", "handlerSeccompProfile"]) {
      assert.notEqual(
        outcome(set(["runtime", field], "/x.json", runtimeDefault)),
        outcome(runtimeDefault),
        field,
      );
    }
    const handler = set(["runtime", "handlerSeccompProfile"], "/x.json", runtimeDefault);
    assert.notEqual(
      outcome(set(["runtime", "version"], "1.33", set(["runtime", "workloads"], [], handler))),
      outcome(handler),
    );
    const privileged = set(["container", "securityContext"], { privileged: true }, input);
    assert.notEqual(
      outcome(set(["runtime", "privilegedSeccompProfile"], "/p", privileged)),
      outcome(privileged),
    );
  });
});

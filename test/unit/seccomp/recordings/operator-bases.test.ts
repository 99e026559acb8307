import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { evaluateSyscall } from "../../../../src/seccomp/evaluate.ts";
import {
  type OperatorProfile,
  readOperatorProfile,
  resolveOperatorProfile,
} from "../../../../src/seccomp/recordings/index.ts";

const allow = (...names: string[]): object => ({ names, action: "SCMP_ACT_ALLOW" });
const only = (index: number, value: number): object => ({ args: [{ index, value, op: "SCMP_CMP_EQ" }] });

function object(name: string, spec: object): string {
  const apiVersion = "security-profiles-operator.x-k8s.io/v1beta1";
  const metadata = name === "" ? {} : { metadata: { name } };
  return JSON.stringify({ apiVersion, kind: "SeccompProfile", ...metadata, spec });
}

const ERRNO = { defaultAction: "SCMP_ACT_ERRNO" };

/** Resolves the first of some objects, by name. */
function resolved(objects: Record<string, object>, more: object = {}): Promise<OperatorProfile> {
  const [[name, spec] = ["", {}]] = Object.entries(objects);
  return resolveOperatorProfile(object(name, { ...ERRNO, ...spec }), {
    native: "x86_64",
    readBase: async (base) => {
      const found = objects[base];
      return found ? object(base, { ...ERRNO, ...found }) : null;
    },
    ...more,
  });
}

const rejected = (objects: Record<string, object>, code: string, more: object = {}): Promise<void> =>
  assert.rejects(resolved(objects, more), { code });

describe("resolveOperatorProfile", () => {
  test("joins the entries of all bases under the header of the object itself", async () => {
    const { spec, bases, origins } = await resolved({
      app: {
        baseProfileName: "web",
        architectures: ["SCMP_ARCH_X86_64"],
        flags: ["SECCOMP_FILTER_FLAG_LOG"],
        syscalls: [allow("read", "write")],
      },
      web: {
        defaultAction: "SCMP_ACT_KILL",
        architectures: ["SCMP_ARCH_AARCH64"],
        baseProfileName: "oci://r.example/runc:v1",
        syscalls: [allow("socket", "read")],
      },
      "oci://r.example/runc:v1": { syscalls: [allow("execve"), { ...allow("clone"), ...only(0, 1) }] },
    });
    assert.deepEqual(bases, ["web", "oci://r.example/runc:v1"]);
    assert.deepEqual(spec, {
      ...ERRNO,
      architectures: ["SCMP_ARCH_X86_64"],
      flags: ["SECCOMP_FILTER_FLAG_LOG"],
      syscalls: [
        {
          names: ["clone"],
          action: "SCMP_ACT_ALLOW",
          args: [{ index: 0, value: 1n, op: "SCMP_CMP_EQ" }],
        },
        allow("execve", "read", "socket", "write"),
      ],
    });
    assert.deepEqual(origins, [
      { name: "clone", from: [2] },
      { name: "execve", from: [2] },
      { name: "read", from: [0, 1] },
      { name: "socket", from: [1] },
      { name: "write", from: [0] },
    ]);
  });

  test("keeps conditions where several profiles have them", async () => {
    const { spec } = await resolved({
      app: { baseProfileName: "base", syscalls: [{ ...allow("socket"), ...only(0, 1) }] },
      base: {
        syscalls: [
          { ...allow("socket"), ...only(0, 2) },
          { names: ["mount"], action: "SCMP_ACT_TRAP" },
        ],
      },
    });
    const actions = [1, 2, 3].map((domain) => {
      return evaluateSyscall(spec, { arch: "x86_64", name: "socket", args: [domain] }).action;
    });
    assert.deepEqual(actions, ["SCMP_ACT_ALLOW", "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"]);
    // What one profile alone says of a call stays, also where it is stricter than the default.
    assert.equal(evaluateSyscall(spec, { arch: "x86_64", name: "mount" }).action, "SCMP_ACT_TRAP");
  });

  test("takes the loosest where several speak of the same call, and the denials of lists of denials", async () => {
    const deny = (errnoRet: string): object => ({ names: ["mount"], action: "SCMP_ACT_ERRNO", errnoRet });
    const { spec } = await resolved({
      app: { defaultAction: "SCMP_ACT_ALLOW", baseProfileName: "base", syscalls: [deny("13")] },
      base: { syscalls: [{ names: ["mount", "bpf"], action: "SCMP_ACT_TRAP" }] },
    });
    const mount = evaluateSyscall(spec, { arch: "x86_64", name: "mount" });
    assert.deepEqual([mount.action, mount.errno], ["SCMP_ACT_ERRNO", 13]);
    assert.equal(evaluateSyscall(spec, { arch: "x86_64", name: "bpf" }).action, "SCMP_ACT_TRAP");
    assert.equal(evaluateSyscall(spec, { arch: "x86_64", name: "read" }).action, "SCMP_ACT_ALLOW");
  });

  test("keeps names that no architecture has, and profiles without a base", async () => {
    const alone = await resolved({ app: { syscalls: [allow("nosuch")] } });
    assert.deepEqual([alone.bases, alone.spec.syscalls], [[], [allow("nosuch")]]);
    const both = await resolved({
      app: { baseProfileName: "b", syscalls: [allow("nosuch")] },
      b: { syscalls: [{ names: ["nosuch"], action: "SCMP_ACT_LOG" }] },
    });
    assert.deepEqual(both.spec.syscalls, [allow("nosuch")]);
  });

  test("refuses bases that are not there, lead back or are too many", async () => {
    const code = "ERR_SECCOMP_PROFILE_REQUEST";
    await rejected({ app: { baseProfileName: "b" } }, code);
    await rejected({ app: { baseProfileName: "app" } }, code);
    await rejected({ app: { baseProfileName: "b" }, b: { baseProfileName: "app" } }, code);
    await rejected({ app: { baseProfileName: "b" }, b: { baseProfileName: "b" } }, code);
    await rejected({ "": { baseProfileName: "b" }, b: { baseProfileName: "b" } }, code);
    const chain = (length: number): Record<string, object> =>
      Object.fromEntries(
        Array.from({ length: length + 1 }, (_, at) => [
          `p${at}`,
          { ...(at < length ? { baseProfileName: `p${at + 1}` } : {}), syscalls: [allow("read")] },
        ]),
      );
    assert.equal((await resolved(chain(15))).bases.length, 15);
    await rejected(chain(16), code);
  });

  test("refuses what is not one profile, and what it cannot join", async () => {
    const two = JSON.stringify({ items: [JSON.parse(object("a", ERRNO)), JSON.parse(object("b", ERRNO))] });
    const readBase = async (): Promise<string> => two;
    const options = { native: "x86_64", readBase };
    await assert.rejects(resolveOperatorProfile(two, options), { code: "ERR_SECCOMP_TYPE" });
    await rejected({ app: { baseProfileName: "b" } }, "ERR_SECCOMP_TYPE", { readBase });
    await rejected({ app: { baseProfileName: "b" } }, "ERR_SECCOMP_SYNTAX", { readBase: async () => "{" });
    const kills = { names: ["mount"], action: "SCMP_ACT_KILL_PROCESS" };
    await rejected(
      { app: { baseProfileName: "b", syscalls: [allow("mount")] }, b: { syscalls: [kills] } },
      "ERR_SECCOMP_UNSUPPORTED",
    );
    const alone = await resolved({ app: { baseProfileName: "b" }, b: { syscalls: [kills] } });
    assert.deepEqual(alone.spec.syscalls, [kills]);
  });

  test("hands the signal on, and ends with its reason", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const waiting = resolved(
      { app: { baseProfileName: "b" } },
      {
        signal: controller.signal,
        readBase: (_: string, { signal }: { signal?: AbortSignal }) => {
          assert.equal(signal, controller.signal);
          return new Promise(() => {});
        },
      },
    );
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    await assert.rejects(resolved({ app: {} }, { signal: AbortSignal.abort(reason) }), reason);
    const failure = new Error("forbidden");
    const readBase = async (): Promise<never> => Promise.reject(failure);
    await assert.rejects(resolved({ app: { baseProfileName: "b" } }, { readBase }), failure);
  });
});

test("errno values of objects are texts before v1, and numbers since", () => {
  for (const errnoRet of ["5", 5]) {
    const text = object("a", { ...ERRNO, syscalls: [{ ...allow("read"), errnoRet }] });
    assert.equal(readOperatorProfile(text).calls.length, 1);
  }
  for (const errnoRet of ["", "-1", "x", "0x5", "999999", true]) {
    const text = object("a", { ...ERRNO, syscalls: [{ ...allow("read"), errnoRet }] });
    assert.throws(() => readOperatorProfile(text), { code: "ERR_SECCOMP_TYPE" });
  }
});

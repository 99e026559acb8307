import assert from "node:assert/strict";
import { test } from "node:test";
import { explainPortability, reportPortability } from "../../../../src/seccomp/portability/index.ts";

async function lines(profile: object, options: object = {}): Promise<string[]> {
  const node = { arch: "amd64", capabilities: [], kernel: "6.1.0" };
  return explainPortability(await reportPortability(JSON.stringify(profile), { ...node, ...options }));
}

test("each engine has a line, and what it does otherwise below it", async () => {
  const file = {
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [
      { names: ["mount"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_SYS_ADMIN"] } },
      {
        names: ["socket"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }],
        includes: { minKernel: "9.0" },
      },
    ],
  };
  const engines = ["containers-common", "moby", "containerd", "runtime-spec"];
  assert.deepEqual(await lines(file, { engines }), [
    "containers-common: a filter",
    "  does not read minKernel: at $['syscalls'][1]['includes']['minKernel']",
    "  drops entries for includes.caps CAP_SYS_ADMIN: at $['syscalls'][0]",
    "moby: a filter",
    "  drops entries for includes.caps CAP_SYS_ADMIN: at $['syscalls'][0]",
    "  drops entries for includes.minKernel 9.0: at $['syscalls'][1]",
    "  stricter on x86_64: socket when argument 0 == 1: the call fails with EPERM (errno 1); with containers-common the call is made",
    "containerd: a filter",
    "  does not read includes: 2 times, first at $['syscalls'][0]['includes']",
    "  looser on x86_64: mount: the call is made; with containers-common the call fails with EPERM (errno 1)",
    "runtime-spec: not a profile to the letter: profile refused at $['syscalls'][0]['includes']: unknown member \"includes\"",
  ]);
});

test("no filter, no start and no difference are said in so many words", async () => {
  assert.deepEqual(await lines({}, { engines: ["containers-common", "containerd", "crun"] }), [
    "containers-common: NO FILTER: the container may make every call",
    "  runc starts the container without a filter",
    "  crun starts the container without a filter",
    "containerd: NO FILTER: the container may make every call",
    "  runc starts the container without a filter",
    '  crun does not start the container: unknown action ""',
    "  decides every call as with containers-common",
    "crun: refused, the container does not start: Required field 'defaultAction' not present",
  ]);
  const [all] = await lines({ defaultAction: "SCMP_ACT_LOG" });
  assert.equal(all, "containers-common: a filter that lets every call through");
});

test("an architecture that one side does not cover is one line", async () => {
  const archMap = [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }];
  const syscalls = [{ names: ["read"], action: "SCMP_ACT_ALLOW" }];
  const file = { defaultAction: "SCMP_ACT_ERRNO", archMap, syscalls };
  const uncovered = "stricter on x86: every call that moby does not kill for: the thread is killed";
  const covered = "looser on x86: calls that all kill the thread with containerd do not";
  assert.ok((await lines(file, { from: "moby" })).includes(`  ${uncovered}`));
  assert.ok((await lines(file, { from: "containerd" })).includes(`  ${covered}`));
});

test("many names are counted", async () => {
  const names = "read write open close stat fstat lstat poll lseek mmap".split(" ");
  const syscalls = [{ names, action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_BPF"] } }];
  const all = await lines({ defaultAction: "SCMP_ACT_ERRNO", syscalls }, { engines: ["containerd"] });
  const shown = "read, write, open, close, stat, fstat, lstat, poll, 2 more";
  assert.ok(all.some((line) => line.startsWith(`  looser on x86_64: ${shown}: the call is made`)));
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultProfile, defaultSeccomp } from "../../../src/seccomp/defaults/index.ts";
import type { DefaultProfileName } from "../../../src/seccomp/defaults/names.ts";
import { evaluateSyscall } from "../../../src/seccomp/evaluate.ts";

const ALL: DefaultProfileName[] = ["containers-common", "cri-o", "moby", "containerd"];
const PODMAN: DefaultProfileName[] = ["containers-common", "cri-o"];
const DOCKER: DefaultProfileName[] = ["moby", "containerd"];
const NEWNET = 0x4000_0000;

interface Node {
  arch?: string;
  capabilities?: string[];
  kernel?: string;
}

/** What a built-in profile answers to a call: `ALLOW`, or the errno. */
function answer(
  profile: DefaultProfileName,
  name: string,
  args: number[] = [],
  node: Node = {},
): string | number {
  const { arch = "amd64", capabilities = [], kernel = "6.1.0" } = node;
  const spec = defaultSeccomp(profile, { arch, capabilities, kernel });
  const { action, errno } = evaluateSyscall(spec, { arch, name, args });
  return errno ?? action.slice("SCMP_ACT_".length);
}

describe("the built-in profiles", () => {
  test("differ in what a call gives that no rule names", () => {
    for (const profile of PODMAN) assert.equal(answer(profile, "kexec_load"), 1, "known and refused");
    for (const profile of PODMAN) assert.equal(answer(profile, "afs_syscall"), 38, "as if not there");
    for (const profile of DOCKER) assert.equal(answer(profile, "afs_syscall"), 1);
  });

  test("let CRI-O, Docker and containerd make namespaces with CAP_SYS_ADMIN only", () => {
    for (const profile of ALL) {
      const plain = profile === "containers-common";
      assert.equal(answer(profile, "clone", [NEWNET]), plain ? "ALLOW" : 1, profile);
      assert.equal(answer(profile, "clone", [17]), "ALLOW", profile);
      assert.equal(answer(profile, "clone3"), plain ? "ALLOW" : 38, profile);
      const capabilities = ["CAP_SYS_ADMIN"];
      for (const call of ["clone", "clone3", "unshare"]) {
        assert.equal(answer(profile, call, [NEWNET], { capabilities }), "ALLOW", `${profile} ${call}`);
      }
    }
  });

  test("look at the second argument of clone on s390x", () => {
    for (const profile of ["cri-o", "moby", "containerd"] as const) {
      assert.equal(answer(profile, "clone", [0, NEWNET], { arch: "s390x" }), 1, profile);
      assert.equal(answer(profile, "clone", [NEWNET, 0], { arch: "s390x" }), "ALLOW", profile);
    }
  });

  test("treat families of sockets as the program does", () => {
    const [netlink, alg, vsock] = [16, 38, 40];
    for (const profile of DOCKER) {
      assert.deepEqual(
        [37, alg, 39, vsock, 41].map((family) => answer(profile, "socket", [family])),
        ["ALLOW", 1, "ALLOW", 1, "ALLOW"],
      );
    }
    for (const profile of PODMAN) {
      assert.equal(answer(profile, "socket", [alg]), "ALLOW");
      assert.equal(answer(profile, "socket", [vsock]), 1);
      assert.equal(answer(profile, "socket", [netlink, 0, 9]), 22, "EINVAL: no such protocol");
      const capabilities = ["CAP_AUDIT_WRITE"];
      assert.equal(answer(profile, "socket", [netlink, 0, 9], { capabilities }), "ALLOW");
    }
  });

  test("allow ptrace from kernel 4.8 in Docker and containerd, always in the others", () => {
    for (const profile of DOCKER) {
      assert.equal(answer(profile, "ptrace", [], { kernel: "4.7.99" }), 1);
      assert.equal(answer(profile, "ptrace", [], { kernel: "4.8.0-1-amd64" }), "ALLOW");
      const capabilities = ["CAP_SYS_PTRACE"];
      assert.equal(answer(profile, "ptrace", [], { kernel: "3.10", capabilities }), "ALLOW");
    }
    for (const profile of PODMAN) assert.equal(answer(profile, "ptrace"), "ALLOW");
  });

  test("take either of two capabilities for bpf and perf_event_open", () => {
    for (const profile of ALL) {
      assert.equal(answer(profile, "bpf"), 1);
      for (const cap of ["CAP_SYS_ADMIN", "CAP_BPF"]) {
        assert.equal(answer(profile, "bpf", [], { capabilities: [cap] }), "ALLOW");
      }
      assert.equal(answer(profile, "perf_event_open", [], { capabilities: ["CAP_PERFMON"] }), "ALLOW");
    }
  });

  test("cover the architectures that the program adds", () => {
    const covered = (name: DefaultProfileName, arch: string): string[] | undefined =>
      defaultSeccomp(name, { arch, capabilities: [], kernel: "6.1" }).architectures;
    const x86 = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];
    for (const name of ALL) assert.deepEqual(covered(name, "amd64"), x86);
    assert.deepEqual(covered("containerd", "arm64"), ["SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64"]);
    assert.deepEqual(covered("cri-o", "riscv64"), undefined, "native only");
    assert.deepEqual(covered("moby", "riscv64"), ["SCMP_ARCH_RISCV64"]);
  });

  test("belong to the caller", () => {
    const one = defaultProfile("moby");
    one.syscalls?.splice(0);
    one.archMap?.splice(0);
    const other = defaultProfile("moby");
    assert.ok((other.syscalls?.length ?? 0) > 20 && other.archMap?.length === 9);
  });

  test("refuse to guess what they depend on", () => {
    const node = { arch: "amd64", capabilities: [] };
    for (const name of DOCKER) {
      assert.throws(() => defaultSeccomp(name, node), TypeError);
      assert.throws(() => defaultSeccomp(name, { ...node, kernel: "6.1", capabilities: null }), TypeError);
      assert.throws(() => defaultSeccomp(name, { ...node, kernel: "x" }), {
        code: "ERR_SECCOMP_KERNEL_VERSION",
      });
    }
    for (const name of ALL) {
      assert.throws(() => defaultSeccomp(name, { ...node, kernel: "6.1", arch: "constructor" }), RangeError);
    }
    assert.throws(() => defaultProfile("containerd" as "moby"), TypeError);
    assert.throws(() => defaultSeccomp("docker" as "moby", node), TypeError);
    // ENOSYS.
    assert.equal(defaultSeccomp("cri-o", { ...node, arch: "mips64" }).defaultErrnoRet, 89);
  });
});

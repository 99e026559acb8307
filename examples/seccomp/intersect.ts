/** Allow what an application's profile allows, and never more than the node's baseline. */
import {
  defaultSeccomp,
  formatSeccomp,
  intersectProfiles,
  isSubset,
  type LinuxSeccomp,
} from "lading/seccomp";

const node = { arch: "amd64", capabilities: [], kernel: "6.8.0" };
const baseline = defaultSeccomp("containerd", node);
const application: LinuxSeccomp = {
  defaultAction: "SCMP_ACT_ERRNO",
  architectures: ["SCMP_ARCH_X86_64"],
  syscalls: [
    { names: ["read", "write", "exit_group", "mount"], action: "SCMP_ACT_ALLOW" },
    {
      names: ["socket"],
      action: "SCMP_ACT_ALLOW",
      args: [{ index: 1, value: 1n, op: "SCMP_CMP_EQ" }],
    },
  ],
};

const { spec } = intersectProfiles([application, baseline], { native: "amd64" });
console.log(formatSeccomp(spec, { indent: 2 }));
for (const part of [application, baseline]) {
  const { kind } = isSubset(spec, part, { native: "amd64" });
  console.log(kind);
  if (kind !== "subset") process.exitCode = 1;
}

/** A profile written for Podman: what would Docker and containerd do with the same file? */
import { explainPortability, reportPortability } from "lading/seccomp";

const profile = JSON.stringify({
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrno: "ENOSYS",
  archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
  syscalls: [
    { names: ["read", "write", "execve", "futex", "exit_group"], action: "SCMP_ACT_ALLOW" },
    { names: ["mount", "umount2"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_SYS_ADMIN"] } },
  ],
});
const report = await reportPortability(profile, {
  arch: "amd64",
  capabilities: ["CAP_CHOWN"],
  kernel: "6.1.0",
  engines: ["containers-common", "moby", "containerd"],
});
for (const line of explainPortability(report)) console.log(line);

/** What the built-in profiles decide on amd64 with Linux 6.1. */
import { type DefaultProfileName, defaultSeccomp, evaluateSyscall } from "../../src/seccomp/index.ts";
import { table } from "./markdown.ts";

const PROFILES: readonly DefaultProfileName[] = ["containers-common", "cri-o", "moby", "containerd"];
const CALLS: readonly [title: string, name: string, args: number[]][] = [
  ["a call that no rule names", "afs_syscall", []],
  ["kexec_load", "kexec_load", []],
  ["mount", "mount", []],
  ["reboot", "reboot", []],
  ["keyctl", "keyctl", []],
  ["ptrace", "ptrace", []],
  ["bpf", "bpf", []],
  ["clone, new network namespace", "clone", [0x4000_0000]],
  ["clone3", "clone3", []],
  ["unshare", "unshare", []],
  ["socket, AF_ALG", "socket", [38]],
  ["socket, AF_VSOCK", "socket", [40]],
  ["socket, AF_NETLINK for audit", "socket", [16, 0, 9]],
];

/** A row for each call, without capabilities and with CAP_SYS_ADMIN. */
export function defaultTable(): string {
  const rows = [["call", ...PROFILES]];
  for (const [title, name, args] of CALLS) {
    const cells = PROFILES.map((profile) => {
      const answers = [[], ["CAP_SYS_ADMIN"]].map((capabilities) => {
        const spec = defaultSeccomp(profile, { arch: "amd64", capabilities, kernel: "6.1.0" });
        const { action, errno } = evaluateSyscall(spec, { arch: "amd64", name, args });
        if (action === "SCMP_ACT_ALLOW") return "allowed";
        return errno === undefined ? action : `errno ${errno}`;
      });
      const [without = "", admin = ""] = answers;
      return without === admin ? without : `${without}; ${admin} with CAP_SYS_ADMIN`;
    });
    rows.push([title, ...cells]);
  }
  return table(rows);
}

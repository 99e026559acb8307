/**
 * Writes the table of docs/seccomp.md anew: `node --conditions=lading-source scripts/seccomp-tables.ts`.
 *
 * Every cell is what the built-in profile decides on amd64 with Linux 6.1.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DefaultProfileName, defaultSeccomp, evaluateSyscall } from "../src/seccomp/index.ts";

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

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const lines = [row(["call", ...PROFILES]), row(["---", ...PROFILES.map(() => "---")])];
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
  lines.push(row([title, ...cells]));
}

const path = join(import.meta.dirname, "../docs/seccomp.md");
const [before, rest] = readFileSync(path, "utf8").split("<!-- table -->\n");
const after = rest?.split("<!-- end of table -->")[1];
if (before === undefined || after === undefined)
  throw new Error("docs/seccomp.md has no place for the table");
writeFileSync(path, `${before}<!-- table -->\n${lines.join("\n")}\n<!-- end of table -->${after}`);

/**
 * What the rules of built-in profiles are made of.
 *
 * @module
 */
import type { LinuxSeccompArg, ProfileArchitecture, ProfileSyscall } from "../types.ts";
import { callsIn } from "./allowed.ts";

/** When a rule counts, and for which arguments. */
export type Gates = Pick<ProfileSyscall, "args" | "includes" | "excludes">;

/** A rule that allows the named calls. */
export function allow(calls: string | string[], gates: Gates = {}): ProfileSyscall {
  return { names: typeof calls === "string" ? callsIn(calls) : calls, action: "SCMP_ACT_ALLOW", ...gates };
}

/** A condition on an argument. */
export function arg(index: number, op: string, value: number, valueTwo = 0): LinuxSeccompArg {
  return { index, op: `SCMP_CMP_${op}`, value: BigInt(value), valueTwo: BigInt(valueTwo) };
}

/** Architectures that hand clone its flags as second argument. */
export const CLONE_BACKWARDS: readonly string[] = ["s390", "s390x"];

/**
 * The flags of clone that make a namespace.
 *
 * @see {@link https://man7.org/linux/man-pages/man2/clone.2.html}
 */
export const NEW_NAMESPACE: readonly number[] = [
  0x0002_0000, // CLONE_NEWNS
  0x0400_0000, // CLONE_NEWUTS
  0x0800_0000, // CLONE_NEWIPC
  0x1000_0000, // CLONE_NEWUSER
  0x2000_0000, // CLONE_NEWPID
  0x4000_0000, // CLONE_NEWNET
  0x0200_0000, // CLONE_NEWCGROUP
];

/** All of {@link NEW_NAMESPACE}. */
export const ANY_NEW_NAMESPACE: number = NEW_NAMESPACE.reduce((mask, flag) => mask | flag, 0);

/** Domains of socket(2). */
export const AF_NETLINK = 16;
export const AF_ALG = 38;
export const AF_VSOCK = 40;

/** The protocol of AF_NETLINK that writes to the audit log. */
export const NETLINK_AUDIT = 9;

/**
 * The execution domains that may be chosen: Linux and Linux on 32 bits, each also with UNAME26 (0x20000), and the
 * question for the current one.
 */
export function personalityRules(): ProfileSyscall[] {
  return [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff].map((domain) =>
    allow("personality", { args: [arg(0, "EQ", domain)] }),
  );
}

/** Calls that only exist on some architectures. containers-common and Docker agree on them. */
export function architectureRules(): ProfileSyscall[] {
  const rows: [arches: string[], calls: string][] = [
    [["ppc64le"], "swapcontext sync_file_range2"],
    [["arm", "arm64"], "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2"],
    [["amd64", "x32"], "arch_prctl"],
    [["amd64", "x32", "x86"], "modify_ldt"],
    [["s390", "s390x"], "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"],
    [["riscv64"], "riscv_flush_icache"],
  ];
  return rows.map(([arches, calls]) => allow(calls, { includes: { arches } }));
}

/** Families of architectures that one kernel runs. containers-common and Docker agree on them. */
export function archMap(): ProfileArchitecture[] {
  const families: [native: string, ...others: string[]][] = [
    ["X86_64", "X86", "X32"],
    ["AARCH64", "ARM"],
    ["MIPS64", "MIPS", "MIPS64N32"],
    ["MIPS64N32", "MIPS", "MIPS64"],
    ["MIPSEL64", "MIPSEL", "MIPSEL64N32"],
    ["MIPSEL64N32", "MIPSEL", "MIPSEL64"],
    ["S390X", "S390"],
  ];
  return families.map(([native, ...others]) => ({
    architecture: `SCMP_ARCH_${native}`,
    subArchitectures: others.map((name) => `SCMP_ARCH_${name}`),
  }));
}

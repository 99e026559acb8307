/**
 * What the kernel calls architectures in the data that a filter sees.
 *
 * @see {@link https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/audit.h}
 * @module
 */
import { type SeccompArch, seccompArch } from "../arch.ts";

/** `AUDIT_ARCH_…`: the number of the ELF machine, bit 31 for 64 bits, bit 30 for little endian, bit 29 for N32. */
const AUDIT: Readonly<Record<string, number>> = {
  x86: 0x4000_0003,
  x86_64: 0xc000_003e,
  // Told apart by bit 30 of the number alone.
  x32: 0xc000_003e,
  arm: 0x4000_0028,
  aarch64: 0xc000_00b7,
  loongarch64: 0xc000_0102,
  m68k: 0x0000_0004,
  mips: 0x0000_0008,
  mips64: 0x8000_0008,
  mips64n32: 0xa000_0008,
  mipsel: 0x4000_0008,
  mipsel64: 0xc000_0008,
  mipsel64n32: 0xe000_0008,
  parisc: 0x0000_000f,
  parisc64: 0x8000_000f,
  ppc: 0x0000_0014,
  ppc64: 0x8000_0015,
  ppc64le: 0xc000_0015,
  riscv64: 0xc000_00f3,
  s390: 0x0000_0016,
  s390x: 0x8000_0016,
  sh: 0x4000_002a,
  sheb: 0x0000_002a,
};

/** The kernel's `AUDIT_ARCH_…` value of an architecture, in any spelling. x86_64 and x32 have the same. */
export function auditArch(arch: string): number {
  return auditArchOf(seccompArch(arch));
}

/** As {@link auditArch}, for an architecture at hand. */
export function auditArchOf({ name }: SeccompArch): number {
  const value = AUDIT[name];
  if (value === undefined) throw new RangeError(`no value for ${name}`);
  return value;
}
/** libseccomp's names of the architectures that share an `AUDIT_ARCH_…` value; none for an unknown one. */
export function archesOfAudit(value: number): string[] {
  return Object.keys(AUDIT).filter((name) => AUDIT[name] === value);
}

/**
 * Names and numbers of system calls.
 *
 * @module
 */
import type { SeccompArch } from "./arch.ts";
import { MULTIPLEXED, SYSCALL_ARCHES, SYSCALLS } from "./syscall-data.ts";

/** Set in the number of an x32 call. */
export const X32_BIT = 0x4000_0000;

/** How a call also arrives on an architecture that multiplexes. */
export interface MultiplexedCall {
  /** Name of the multiplexer. */
  multiplexer: "socketcall" | "ipc";
  /** Its argument 0. */
  code: number;
}

interface Tables {
  names: ReadonlySet<string>;
  numbers: ReadonlyMap<string, ReadonlyMap<string, number>>;
  byNumber: ReadonlyMap<string, ReadonlyMap<number, string>>;
  ordered: ReadonlyMap<string, readonly (readonly [number: number, name: string])[]>;
  multiplexed: ReadonlyMap<string, MultiplexedCall>;
}

let tables: Tables | undefined;

/** Read from their text at first use, so that importing costs nothing. */
function load(): Tables {
  const names = new Set<string>();
  const numbers = new Map(SYSCALL_ARCHES.map((arch) => [arch, new Map<string, number>()]));
  const byNumber = new Map(SYSCALL_ARCHES.map((arch) => [arch, new Map<number, string>()]));
  for (const entry of SYSCALLS.split(/;\s*/)) {
    const [name = "", ...columns] = entry.trim().split(" ");
    if (name === "") continue;
    names.add(name);
    SYSCALL_ARCHES.forEach((arch, at) => {
      const column = columns[at] ?? "-";
      if (column === "-") return;
      const number = arch === "x32" ? Number(column) + X32_BIT : Number(column);
      numbers.get(arch)?.set(name, number);
      byNumber.get(arch)?.set(number, name);
    });
  }
  const multiplexed = new Map<string, MultiplexedCall>();
  for (const entry of MULTIPLEXED.split(/;\s*/)) {
    const [name = "", multiplexer, code] = entry.trim().split(" ");
    if (multiplexer === "socketcall" || multiplexer === "ipc") {
      multiplexed.set(name, { multiplexer, code: Number(code) });
    }
  }
  const ordered = new Map(
    [...byNumber].map(([arch, calls]) => [arch, [...calls].sort(([a], [b]) => a - b)] as const),
  );
  return { names, numbers, byNumber, ordered, multiplexed };
}

function loaded(): Tables {
  tables ??= load();
  return tables;
}

/** libseccomp's table for 64-bit PowerPC serves both byte orders. */
function column({ name }: SeccompArch): string {
  return name === "ppc64le" ? "ppc64" : name;
}

/** Whether there is a table for an architecture. */
export function hasSyscallTable(arch: SeccompArch): boolean {
  return SYSCALL_ARCHES.includes(column(arch));
}

/** Whether a name is a system call on any architecture that libseccomp knows. */
export function isSyscallName(name: string): boolean {
  return loaded().names.has(name);
}

/** Number of a call, with bit 30 on x32. Nothing where the call does not exist directly. */
export function syscallNumber(arch: SeccompArch, name: string): number | undefined {
  return loaded().numbers.get(column(arch))?.get(name);
}

/** Name of a number; nothing for a number that no call has. */
export function syscallName(arch: SeccompArch, number: number): string | undefined {
  return loaded().byNumber.get(column(arch))?.get(number);
}

/** Every call of an architecture by its number, with bit 30 on x32, in ascending order. */
export function syscallNumbers(arch: SeccompArch): readonly (readonly [number: number, name: string])[] {
  return loaded().ordered.get(column(arch)) ?? [];
}

/** How a call also arrives on an architecture that multiplexes; nothing for most calls and architectures. */
export function multiplexedCall(arch: SeccompArch, name: string): MultiplexedCall | undefined {
  return arch.multiplexed ? loaded().multiplexed.get(name) : undefined;
}

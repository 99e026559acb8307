/**
 * Static Linux executables of a few hundred bytes, made here byte by byte: what a test puts into an image that must
 * run somewhere, without a base image, a compiler or a network.
 *
 * @module
 */

/** Architectures that the programs can be made for, as image configurations name them. */
export type ProgramArchitecture = "amd64" | "arm64";

/** How a program for one architecture is put together. */
interface Machine {
  /** `e_machine` of the ELF header. */
  elfMachine: number;
  /** Loads a system call number and its arguments into their registers, and calls. */
  call(number: number, args: readonly bigint[]): number[];
  /** Exits with the errno of the last call, or 0 if it succeeded. */
  exitWithErrno: number[];
  /** Jumps back over `length` bytes of code, to its start. */
  jumpBack(length: number): number[];
  /** A call that waits for a signal. */
  wait: { number: number; args: readonly bigint[] };
}

const MACHINES: Readonly<Record<ProgramArchitecture, Machine>> = {
  amd64: {
    elfMachine: 0x3e,
    call: (number, args) => [
      ...[0x48, 0xb8, ...littleEndian(BigInt(number), 8)],
      // rdi, rsi, rdx, r10, r8, r9, each by "mov r64, imm64"
      ...args.flatMap((arg, i) => [...(AMD64_ARGUMENTS[i] ?? []), ...littleEndian(arg, 8)]),
      ...[0x0f, 0x05],
    ],
    exitWithErrno: [
      ...[0x48, 0x89, 0xc7], // mov rdi, rax
      ...[0x48, 0xf7, 0xdf], // neg rdi
      ...[0x48, 0x81, 0xff, 0xff, 0x0f, 0x00, 0x00], // cmp rdi, 4095
      ...[0x76, 0x02], // jbe over the next instruction
      ...[0x31, 0xff], // xor edi, edi
      ...[0xb8, 0x3c, 0x00, 0x00, 0x00], // mov eax, 60 (exit)
      ...[0x0f, 0x05],
    ],
    jumpBack: (length) => [0xe9, ...littleEndian(BigInt(-(length + 5)), 4)],
    wait: { number: 34, args: [] }, // pause()
  },
  arm64: {
    elfMachine: 0xb7,
    call: (number, args) => [
      ...arm64Load(8, BigInt(number)),
      ...args.flatMap((arg, i) => arm64Load(i, arg)),
      ...littleEndian(0xd4000001n, 4), // svc #0
    ],
    exitWithErrno: [
      ...littleEndian(0xcb0003e0n, 4), // neg x0, x0
      ...littleEndian(0xf13ffc1fn, 4), // cmp x0, #4095
      ...littleEndian(0x54000049n, 4), // b.ls over the next instruction
      ...littleEndian(0xd2800000n, 4), // mov x0, #0
      ...arm64Load(8, 93n), // exit
      ...littleEndian(0xd4000001n, 4),
    ],
    jumpBack: (length) => littleEndian(0x14000000n | (BigInt(-length / 4) & 0x3ffffffn), 4),
    wait: { number: 73, args: [0n, 0n, 0n, 0n] }, // ppoll(NULL, 0, NULL, NULL)
  },
};

const AMD64_ARGUMENTS: readonly (readonly number[])[] = [
  [0x48, 0xbf],
  [0x48, 0xbe],
  [0x48, 0xba],
  [0x49, 0xba],
  [0x49, 0xb8],
  [0x49, 0xb9],
];

/** A program that waits until a signal ends it, as a pause container does. */
export function pauseProgram(architecture: ProgramArchitecture): Uint8Array {
  const machine = MACHINES[architecture];
  const wait = machine.call(machine.wait.number, machine.wait.args);
  return executable(machine, [...wait, ...machine.jumpBack(wait.length)]);
}

/** The call that {@link syscallProgram} makes. */
export interface SyscallProgramOptions {
  architecture: ProgramArchitecture;
  /** Number of the system call on that architecture. */
  number: number;
  /** Up to six arguments; each is taken modulo 2^64. Default none: what the registers hold then is zero. */
  args?: readonly bigint[];
}

/**
 * A program that makes one system call and exits with its errno, or with 0 if it succeeded.
 *
 * The exit status has 8 bits, which all errno values of Linux below 256 fit. A filter that kills ends it by SIGSYS.
 */
export function syscallProgram(options: SyscallProgramOptions): Uint8Array {
  const { architecture, number, args = [] } = options;
  if (args.length > 6) throw new RangeError(`a system call has at most 6 arguments, got ${args.length}`);
  const machine = MACHINES[architecture];
  return executable(machine, [...machine.call(number, args), ...machine.exitWithErrno]);
}

const BASE = 0x400000n;
const HEADERS = 64 + 56;

/** An ELF file with one segment, read and execute, that starts at its first instruction. */
function executable(machine: Machine, code: readonly number[]): Uint8Array {
  const file = Buffer.alloc(HEADERS + code.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // 64 bit, little endian, version 1
  file.writeUInt16LE(2, 16); // an executable
  file.writeUInt16LE(machine.elfMachine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BASE + BigInt(HEADERS), 24); // entry point
  file.writeBigUInt64LE(64n, 32); // where the program header is
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64); // PT_LOAD
  file.writeUInt32LE(5, 68); // read, execute
  file.writeBigUInt64LE(BASE, 80);
  file.writeBigUInt64LE(BASE, 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  file.set(code, HEADERS);
  return file;
}

/** "movz" and three times "movk": all 64 bits of a register. */
function arm64Load(register: number, value: bigint): number[] {
  return [0n, 1n, 2n, 3n].flatMap((half) => {
    const bits = (BigInt.asUintN(64, value) >> (16n * half)) & 0xffffn;
    const base = half === 0n ? 0xd2800000n : 0xf2800000n;
    return littleEndian(base | (half << 21n) | (bits << 5n) | BigInt(register), 4);
  });
}

function littleEndian(value: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) =>
    Number((BigInt.asUintN(64, value) >> BigInt(8 * i)) & 0xffn),
  );
}

/**
 * Instructions of classic BPF, as far as filters of system calls use them, and their bytes.
 *
 * @see {@link https://www.kernel.org/doc/html/v6.12/userspace-api/seccomp_filter.html}
 * @module
 */
import { SeccompError } from "../errors.ts";

/** One instruction, `struct sock_filter` of the kernel. */
export interface BpfInstruction {
  /** What it does; see {@link BPF}. */
  readonly code: number;
  /** How many instructions a jump skips when its test holds, 0 to 255. */
  readonly jt: number;
  /** How many it skips otherwise, 0 to 255. */
  readonly jf: number;
  /** Offset, operand or return value, unsigned 32-bit. */
  readonly k: number;
}

/** Codes of the instructions that filters are made of. */
export const BPF = {
  /** Loads the 32-bit word at offset `k` of the call's data. */
  LOAD: 0x20,
  /** Skips `k` instructions. */
  JUMP: 0x05,
  /** Tests whether the loaded word equals `k`. */
  JEQ: 0x15,
  /** Tests whether it is above `k`, unsigned. */
  JGT: 0x25,
  /** Tests whether it is `k` or above, unsigned. */
  JGE: 0x35,
  /** Tests whether it has any bit of `k`. */
  JSET: 0x45,
  /** Keeps only the bits of `k`. */
  AND: 0x54,
  /** Ends with `k`. */
  RETURN: 0x06,
} as const;

/** Where things are in the 64 bytes that a filter sees, `struct seccomp_data` of the kernel. */
export const NUMBER_OFFSET = 0;
export const ARCH_OFFSET = 4;
export const ARGS_OFFSET = 16;
export const DATA_BYTES = 64;

/** The kernel takes no longer program. */
export const MAX_INSTRUCTIONS = 4096;

const BYTES = 8;
const MAX_WORD = 0xffff_ffff;
const CODES: ReadonlySet<number> = new Set(Object.values(BPF));
const TESTS: ReadonlySet<number> = new Set([BPF.JEQ, BPF.JGT, BPF.JGE, BPF.JSET]);

/** Whether a code is a conditional jump. */
export function isTest(code: number): boolean {
  return TESTS.has(code);
}

/** Options of {@link encodeBpf} and {@link decodeBpf}. */
export interface BpfBytesOptions {
  /** Byte order of the machine that the program is for. Default `"little"`. */
  endian?: "little" | "big" | undefined;
}

/** The bytes of a program, 8 for each instruction: what `seccomp_export_bpf` writes and crun takes. */
export function encodeBpf(program: readonly BpfInstruction[], options: BpfBytesOptions = {}): Uint8Array {
  const little = isLittle(options);
  const bytes = new Uint8Array(program.length * BYTES);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, jt, jf, k }, at) => {
    view.setUint16(at * BYTES, code, little);
    view.setUint8(at * BYTES + 2, jt);
    view.setUint8(at * BYTES + 3, jf);
    view.setUint32(at * BYTES + 4, k, little);
  });
  return bytes;
}

/**
 * A program from its bytes.
 *
 * @throws {SeccompError} `ERR_SECCOMP_PROGRAM` for what {@link checkBpf} refuses, and for an incomplete instruction.
 */
export function decodeBpf(bytes: Uint8Array, options: BpfBytesOptions = {}): BpfInstruction[] {
  const little = isLittle(options);
  if (bytes.byteLength % BYTES !== 0) throw broken(`${bytes.byteLength} bytes are no whole instructions`);
  if (bytes.byteLength > MAX_INSTRUCTIONS * BYTES) throw tooLong(bytes.byteLength / BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const program: BpfInstruction[] = [];
  for (let at = 0; at < bytes.byteLength; at += BYTES) {
    program.push({
      code: view.getUint16(at, little),
      jt: view.getUint8(at + 2),
      jf: view.getUint8(at + 3),
      k: view.getUint32(at + 4, little),
    });
  }
  checkBpf(program);
  return program;
}

/**
 * Checks that a program is one that always ends with an answer: known instructions, loads within the data, no jump
 * beyond the end, and a return at the end.
 *
 * Of the instructions that the kernel takes only those of {@link BPF} are known here, which all filters of runc, crun
 * and libseccomp are made of.
 *
 * @throws {SeccompError} `ERR_SECCOMP_PROGRAM`.
 */
export function checkBpf(program: readonly BpfInstruction[]): void {
  const { length } = program;
  if (length === 0) throw broken("a program without instructions");
  if (length > MAX_INSTRUCTIONS) throw tooLong(length);
  program.forEach(({ code, jt, jf, k }, at) => {
    const where = `instruction ${at}`;
    if (!CODES.has(code)) throw broken(`${where} has the unknown code 0x${code.toString(16)}`);
    if (!isWithin(k, MAX_WORD)) throw broken(`${where} has an operand that is no unsigned 32-bit number`);
    if (!isWithin(jt, 255) || !isWithin(jf, 255)) throw broken(`${where} has an offset beyond 255`);
    if (code === BPF.LOAD && (k % 4 !== 0 || k >= DATA_BYTES)) throw broken(`${where} loads from ${k}`);
    const skipped = code === BPF.JUMP ? k : isTest(code) ? Math.max(jt, jf) : 0;
    if (at + 1 + skipped >= length && code !== BPF.RETURN) throw broken(`${where} leads beyond the end`);
  });
}

function isWithin(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}

function isLittle({ endian = "little" }: BpfBytesOptions): boolean {
  if (endian !== "little" && endian !== "big") throw new TypeError(`no byte order: ${String(endian)}`);
  return endian === "little";
}

function tooLong(length: number): SeccompError {
  return broken(`${length} instructions, the kernel takes at most ${MAX_INSTRUCTIONS}`);
}

function broken(message: string): SeccompError {
  return new SeccompError("ERR_SECCOMP_PROGRAM", message);
}

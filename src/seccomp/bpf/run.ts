/**
 * Runs programs of filters, as the kernel does.
 *
 * @module
 */
import { actionOf, type SeccompAction } from "../actions.ts";
import {
  ARCH_OFFSET,
  ARGS_OFFSET,
  BPF,
  type BpfBytesOptions,
  type BpfInstruction,
  checkBpf,
  DATA_BYTES,
  NUMBER_OFFSET,
} from "./instruction.ts";

/** What the kernel tells a program of a call: `struct seccomp_data`. */
export interface BpfCall {
  /** Number of the call; with bit 30 on x32. -1 to 2^32-1. */
  nr: number;
  /** `AUDIT_ARCH_…`, such as `auditArch("x86_64")`. */
  arch: number;
  /** Up to six registers; negative ones as two's complement. Absent ones are 0. */
  args?: readonly bigint[] | undefined;
  /** Default 0. */
  instructionPointer?: bigint | undefined;
}

/** What a program answers. */
export interface BpfAnswer {
  /** As returned, unsigned. */
  value: number;
  /** What the kernel makes of it: an action that it does not know kills the process. */
  action: SeccompAction;
  /** Data of `SCMP_ACT_ERRNO` and `SCMP_ACT_TRACE`, 0 to 65535. The kernel caps an errno at 4095. */
  errno?: number;
  /** Instructions executed. */
  steps: number;
}

/** A program that can be run many times. */
export interface BpfRunner {
  /**
   * Runs it for one call.
   *
   * @throws {RangeError} For a number, architecture or argument out of range.
   */
  run(call: BpfCall): BpfAnswer;
}

const MAX_WORD = 0xffff_ffff;
const IP_OFFSET = 8;

/**
 * Runs a program for one call.
 *
 * @throws {SeccompError} `ERR_SECCOMP_PROGRAM` for a program that `checkBpf` refuses.
 * @throws {RangeError} As {@link BpfRunner.run}.
 */
export function runBpf(
  program: readonly BpfInstruction[],
  call: BpfCall,
  options: BpfBytesOptions = {},
): BpfAnswer {
  return createBpfRunner(program, options).run(call);
}

/**
 * Checks a program once, to run it for many calls. It is not copied: leave it as it is.
 *
 * @throws {SeccompError} `ERR_SECCOMP_PROGRAM` for a program that `checkBpf` refuses.
 */
export function createBpfRunner(
  program: readonly BpfInstruction[],
  options: BpfBytesOptions = {},
): BpfRunner {
  checkBpf(program);
  const { endian = "little" } = options;
  return { run: (call) => execute(program, dataOf(call, endian)) };
}

/** The 64 bytes as 16 words: a program loads nothing smaller. */
function dataOf(
  { nr, arch, args = [], instructionPointer = 0n }: BpfCall,
  endian: "little" | "big",
): Uint32Array {
  if (!Number.isInteger(nr) || nr < -(2 ** 31) || nr > MAX_WORD) {
    throw new RangeError(`${nr} is not the number of a system call`);
  }
  if (!Number.isInteger(arch) || arch < 0 || arch > MAX_WORD) {
    throw new RangeError(`${arch} is not the value of an architecture`);
  }
  if (args.length > 6) throw new RangeError(`a system call has at most 6 arguments, got ${args.length}`);
  const words = new Uint32Array(DATA_BYTES / 4);
  const put = (offset: number, value: bigint): void => {
    if (value < -(2n ** 63n) || value >= 2n ** 64n) throw new RangeError(`${value} has more than 64 bits`);
    const at = offset / 4;
    const [low, high] = endian === "little" ? [at, at + 1] : [at + 1, at];
    words[low] = Number(value & 0xffff_ffffn);
    words[high] = Number((value >> 32n) & 0xffff_ffffn);
  };
  words[NUMBER_OFFSET / 4] = nr;
  words[ARCH_OFFSET / 4] = arch;
  put(IP_OFFSET, instructionPointer);
  args.forEach((arg, i) => {
    put(ARGS_OFFSET + 8 * i, arg);
  });
  return words;
}

function execute(program: readonly BpfInstruction[], data: Uint32Array): BpfAnswer {
  let word = 0;
  let steps = 0;
  for (let at = 0; ; at++) {
    const instruction = program[at];
    // The program was checked; it has been changed since.
    if (!instruction) throw new TypeError("the program does not end with a return");
    const { code, jt, jf, k } = instruction;
    steps++;
    if (code === BPF.JEQ) at += word === k ? jt : jf;
    else if (code === BPF.LOAD) word = data[k >>> 2] ?? 0;
    else if (code === BPF.RETURN) return { value: k, ...actionOfValue(k), steps };
    else if (code === BPF.JGT) at += word > k ? jt : jf;
    else if (code === BPF.JGE) at += word >= k ? jt : jf;
    else if (code === BPF.JSET) at += (word & k) !== 0 ? jt : jf;
    else if (code === BPF.AND) word = (word & k) >>> 0;
    else at += k;
  }
}

function actionOfValue(value: number): { action: SeccompAction; errno?: number } {
  try {
    return actionOf(value);
  } catch {
    return { action: "SCMP_ACT_KILL_PROCESS" };
  }
}

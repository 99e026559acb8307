/**
 * Programs of filters as text, for people.
 *
 * @module
 */
import { actionOf } from "../actions.ts";
import { seccompArch } from "../arch.ts";
import { syscallName } from "../syscalls.ts";
import { archesOfAudit } from "./audit-arch.ts";
import {
  ARCH_OFFSET,
  ARGS_OFFSET,
  BPF,
  type BpfBytesOptions,
  type BpfInstruction,
  checkBpf,
  isTest,
  NUMBER_OFFSET,
} from "./instruction.ts";

/** What is known where an instruction is reached, whatever the way there. */
interface Known {
  /** Offset of the word that is loaded. */
  word?: number | undefined;
  /** `AUDIT_ARCH_…` that was compared with. */
  arch?: number | undefined;
}

const OPERATORS: ReadonlyMap<number, string> = new Map([
  [BPF.JEQ, "=="],
  [BPF.JGT, ">"],
  [BPF.JGE, ">="],
  [BPF.JSET, "&"],
]);

/**
 * The text of a program: a line for each instruction, with its place, what it does in words, and behind `#` the
 * architecture or call that a number stands for, where it is known.
 *
 *       4: load arch
 *       5: if == 0xc000003e then 6 else 9  # x86_64, x32
 *       6: load number
 *       7: if == 0x0 then 8 else 9  # read
 *       8: return ALLOW
 *
 * @throws {SeccompError} `ERR_SECCOMP_PROGRAM` for a program that `checkBpf` refuses.
 */
export function disassembleBpf(program: readonly BpfInstruction[], options: BpfBytesOptions = {}): string {
  checkBpf(program);
  const { endian = "little" } = options;
  const reached: (Known | undefined)[] = [{}];
  const width = Math.max(4, String(program.length - 1).length);
  const lines = program.map((instruction, at) => {
    const known = reached[at];
    const { code, jt, jf, k } = instruction;
    const reach = (target: number, after: Known): void => {
      const before = reached[target];
      reached[target] = before ? common(before, after) : after;
    };
    const here = known ?? {};
    // What no way leads to tells nothing about what follows it.
    if (known && isTest(code)) {
      const isArch = code === BPF.JEQ && known.word === ARCH_OFFSET;
      reach(at + 1 + jt, isArch ? { ...known, arch: k } : known);
      reach(at + 1 + jf, known);
    } else if (known && code === BPF.JUMP) reach(at + 1 + k, known);
    else if (known && code === BPF.LOAD) reach(at + 1, { ...known, word: k });
    else if (known && code !== BPF.RETURN) reach(at + 1, { ...known, word: undefined });

    const note = known ? noteOn(instruction, here) : "never reached";
    return `${String(at).padStart(width)}: ${wordsFor(instruction, at, endian)}${note && `  # ${note}`}\n`;
  });
  return lines.join("");
}

function common(a: Known, b: Known): Known {
  return {
    word: a.word === b.word ? a.word : undefined,
    arch: a.arch === b.arch ? a.arch : undefined,
  };
}

function wordsFor({ code, jt, jf, k }: BpfInstruction, at: number, endian: "little" | "big"): string {
  const operator = OPERATORS.get(code);
  if (operator) return `if ${operator} 0x${k.toString(16)} then ${at + 1 + jt} else ${at + 1 + jf}`;
  if (code === BPF.LOAD) return `load ${placeName(k, endian)}`;
  if (code === BPF.AND) return `and 0x${k.toString(16)}`;
  if (code === BPF.JUMP) return `jump ${at + 1 + k}`;
  return `return ${answerName(k)}`;
}

function placeName(offset: number, endian: "little" | "big"): string {
  if (offset === NUMBER_OFFSET) return "number";
  if (offset === ARCH_OFFSET) return "arch";
  const half = (offset % 8 === 0) === (endian === "little") ? "low" : "high";
  const argument = Math.floor((offset - ARGS_OFFSET) / 8);
  return argument < 0 ? `instruction pointer ${half}` : `argument ${argument} ${half}`;
}

/** `ALLOW`, `ERRNO 38`; a value that the kernel has no action for as a number. */
function answerName(value: number): string {
  try {
    const { action, errno } = actionOf(value);
    return action.slice("SCMP_ACT_".length) + (errno === undefined ? "" : ` ${errno}`);
  } catch {
    return `0x${value.toString(16)}`;
  }
}

function noteOn({ code, k }: BpfInstruction, { word, arch }: Known): string {
  if (code !== BPF.JEQ) return "";
  if (word === ARCH_OFFSET) return archesOfAudit(k).join(", ");
  if (word !== NUMBER_OFFSET || arch === undefined) return "";
  for (const name of archesOfAudit(arch)) {
    const call = syscallName(seccompArch(name), k);
    if (call !== undefined) return call;
  }
  return "";
}

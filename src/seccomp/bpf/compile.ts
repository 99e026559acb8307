/**
 * Turns a `linux.seccomp` object into the program that a kernel runs.
 *
 * @see {@link https://www.kernel.org/doc/html/v6.12/userspace-api/seccomp_filter.html}
 * @module
 */
import { BAD_ARCH, ENOSYS_STUB } from "../actions.ts";
import type { SeccompArch } from "../arch.ts";
import { SeccompError } from "../errors.ts";
import { type BuiltFilter, buildFilter, checkRules, type SeccompFilterOptions } from "../filter.ts";
import { hasSyscallTable, X32_BIT } from "../syscalls.ts";
import type { LinuxSeccomp } from "../types.ts";
import { auditArchOf } from "./audit-arch.ts";
import { type Answer, type Blocks, createBlocks, type Target, type Test, wordAt } from "./blocks.ts";
import { callTarget, countTests } from "./calls.ts";
import { ARCH_OFFSET, BPF, type BpfInstruction, NUMBER_OFFSET } from "./instruction.ts";
import { layOut } from "./layout.ts";

/** How a program finds a call among the others: one comparison after the other, or by halving. */
export type FilterForm = "list" | "tree";

/** Options of {@link compileFilter}. */
export interface CompileFilterOptions extends SeccompFilterOptions {
  /**
   * Both forms decide alike. `"list"` is shorter, `"tree"` takes fewer steps. Default: what the runtime takes, which
   * is `"tree"` under runc with more than 32 names, else `"list"`.
   */
  form?: FilterForm | undefined;
}

/** A program, and what it is for. */
export interface CompiledFilter {
  /** At most 4096 instructions. */
  program: BpfInstruction[];
  form: FilterForm;
  /** Byte order of the node; see `encodeBpf`. */
  endian: "little" | "big";
}

const NUMBER = wordAt(NUMBER_OFFSET);
const ARCH = wordAt(ARCH_OFFSET);
const MINUS_ONE = 0xffff_ffff;
const RUNC_LIST_NAMES = 32;
const LEAF_CALLS = 4;

/**
 * The program of a `linux.seccomp` object: decides every call as `evaluateSyscall` and libseccomp's program do,
 * with runc's ENOSYS stub before it where the options name runc. It is not libseccomp's program byte for byte.
 *
 * An object that a runtime takes for "no filter" is refused: there is nothing to compile.
 *
 * @throws {SeccompError} `ERR_SECCOMP_FILTER_INVALID`, `ERR_SECCOMP_RULE_CONFLICT` for a profile that no runtime
 *   loads, the former also for more than 4096 instructions.
 * @throws {SeccompError} `ERR_SECCOMP_UNSUPPORTED` for an architecture without a table of calls.
 */
export function compileFilter(spec: LinuxSeccomp, options: CompileFilterOptions): CompiledFilter {
  const filter = buildFilter(spec, options);
  checkRules(filter);
  const form = options.form ?? usualForm(spec, options);
  const endian = [...filter.arches.values()][0]?.endian ?? "little";
  return { program: compileBuilt(filter, form), form, endian };
}

function usualForm({ syscalls = [] }: LinuxSeccomp, { runtime }: CompileFilterOptions): FilterForm {
  const names = syscalls.reduce((count, entry) => count + (entry.names?.length ?? 0), 0);
  return runtime === "runc" && names > RUNC_LIST_NAMES ? "tree" : "list";
}

/** The program of a built filter, whatever its `results` are. */
export function compileBuilt(filter: BuiltFilter, form: FilterForm): BpfInstruction[] {
  if (form !== "list" && form !== "tree") throw new TypeError(`no form of a filter: ${String(form)}`);
  const blocks = createBlocks();
  const badArch = blocks.answer(BAD_ARCH);
  const groups = groupsOf(filter);
  let start: Target = badArch;
  groups.toReversed().forEach((group, at) => {
    const isFirst = at === groups.length - 1;
    const yes = callsOf(group, filter, blocks, { form, badArch });
    start = archTest(blocks, group.audit, isFirst, yes, start);
  });
  return layOut(withStub(filter, groups, blocks, start), badArch);
}

/** Architectures that a filter sees by the same value. */
interface Group {
  audit: number;
  arches: SeccompArch[];
}

function groupsOf({ arches }: BuiltFilter): Group[] {
  const groups = new Map<number, Group>();
  for (const arch of arches.values()) {
    if (!hasSyscallTable(arch)) {
      throw new SeccompError("ERR_SECCOMP_UNSUPPORTED", `no table of system calls for ${arch.name}`);
    }
    const audit = auditArchOf(arch);
    const group = groups.get(audit);
    if (group) group.arches.push(arch);
    else groups.set(audit, { audit, arches: [arch] });
  }
  return [...groups.values()];
}

function archTest(blocks: Blocks, audit: number, loads: boolean, yes: Target, no: Target): Test {
  return blocks.test({ word: ARCH, loads, code: BPF.JEQ, operand: audit, yes, no, yesFirst: true });
}

function numberTest(
  blocks: Blocks,
  code: Test["code"],
  operand: number,
  ends: { yes: Target; no: Target; loads?: boolean; yesFirst?: boolean },
): Test {
  return blocks.test({ word: NUMBER, loads: false, yesFirst: false, code, operand, ...ends });
}

/** What is tested once the architecture is known, with its value loaded. */
function callsOf(
  { arches }: Group,
  filter: BuiltFilter,
  blocks: Blocks,
  { form, badArch }: { form: FilterForm; badArch: Answer },
): Target {
  const names = arches.map(({ name }) => name);
  const isX86_64 = names.includes("x86_64");
  const isX32 = names.includes("x32");
  const calls = names.flatMap((name) => [...(filter.calls.get(name) ?? [])]);
  const endian = arches[0]?.endian ?? "little";
  const otherwise = blocks.answer(filter.defaultValue);
  const targets = calls.map(([number, { tree }]): Call => {
    return {
      number,
      tests: countTests(tree),
      target: callTarget(tree, blocks, { there: NUMBER, otherwise, endian }),
    };
  });
  const search = form === "list" ? inList : inTree;
  if (isX86_64 === isX32) return search(targets, blocks, otherwise, true);
  // One of the two without the other: the other's numbers are of an architecture that is not covered. -1, which a
  // tracer uses to skip a call, belongs to either.
  const rest = search(targets, blocks, otherwise, false);
  const skip = numberTest(blocks, BPF.JEQ, MINUS_ONE, { yes: rest, no: badArch });
  return isX86_64
    ? numberTest(blocks, BPF.JGE, X32_BIT, { yes: skip, no: rest, loads: true })
    : numberTest(blocks, BPF.JGE, X32_BIT, { yes: rest, no: badArch, loads: true });
}

/** A call of one architecture: its number, and what follows when it is this one. */
interface Call {
  number: number;
  tests: number;
  target: Target;
}

/** Calls with the fewest tests first. */
function inList(calls: Call[], blocks: Blocks, otherwise: Answer, loads: boolean): Target {
  const sorted = calls.sort((a, b) => a.tests - b.tests || a.number - b.number);
  return compareEach(sorted, blocks, otherwise, loads);
}

function compareEach(calls: readonly Call[], blocks: Blocks, otherwise: Answer, loads: boolean): Target {
  let next: Target = otherwise;
  for (const [at, { number, target }] of [...calls.entries()].reverse()) {
    const yesFirst = next.kind === "test";
    next = numberTest(blocks, BPF.JEQ, number, { yes: target, no: next, loads: loads && at === 0, yesFirst });
  }
  return next;
}

function inTree(calls: Call[], blocks: Blocks, otherwise: Answer, loads: boolean): Target {
  const sorted = calls.sort((a, b) => a.number - b.number);
  const halve = (from: number, to: number, loads: boolean): Target => {
    if (to - from <= LEAF_CALLS) return compareEach(sorted.slice(from, to), blocks, otherwise, loads);
    // Whole leaves on the lower side.
    const middle = from + Math.ceil((to - from) / 2 / LEAF_CALLS) * LEAF_CALLS;
    const yes = halve(middle, to, false);
    const no = halve(from, middle, false);
    const operand = sorted[middle - 1]?.number ?? 0;
    return numberTest(blocks, BPF.JGT, operand, { yes, no, loads, yesFirst: true });
  };
  return halve(0, sorted.length, loads);
}

/** The program with runc's answers to calls that are newer than the profile before it. */
function withStub(filter: BuiltFilter, groups: readonly Group[], blocks: Blocks, program: Target): Target {
  const { lastNumbers, answersZero } = filter;
  if (lastNumbers.size === 0) return program;
  const enosys = blocks.answer(ENOSYS_STUB);
  const beyond = (name: string, loads: boolean): Target => {
    const last = lastNumbers.get(name);
    if (last === undefined) return program;
    if (!answersZero || (name !== "s390" && name !== "s390x")) {
      return numberTest(blocks, BPF.JGT, last, { yes: enosys, no: program, loads });
    }
    // Numbers that do not fit the instruction arrive as 0 there.
    const newer = numberTest(blocks, BPF.JGT, last, { yes: enosys, no: program });
    return numberTest(blocks, BPF.JEQ, 0, { yes: enosys, no: newer, loads });
  };
  const numbersOf = ({ arches }: Group): Target => {
    const names = arches.map(({ name }) => name);
    if (!names.includes("x86_64") && !names.includes("x32")) return beyond(names[0] ?? "", true);
    const [yes, no] = [beyond("x32", false), beyond("x86_64", false)];
    if (yes === program && no === program) return program;
    return numberTest(blocks, BPF.JSET, X32_BIT, { yes, no, loads: true });
  };
  let start = program;
  groups.toReversed().forEach((group, at) => {
    start = archTest(blocks, group.audit, at === groups.length - 1, numbersOf(group), start);
  });
  return start;
}

/**
 * A program before it has an order: tests that lead to tests or to answers. Equal ones are one.
 *
 * @module
 */
import { SeccompError } from "../errors.ts";
import { type BPF, MAX_INSTRUCTIONS } from "./instruction.ts";

/** An answer. */
export interface Answer {
  readonly kind: "answer";
  readonly value: number;
}

/** What a test looks at: a word of the call's data, and which of its bits. */
export interface Word {
  readonly offset: number;
  /** All ones: the word as it is. */
  readonly mask: number;
}

/** A test of a word, with what comes after it. */
export interface Test {
  readonly kind: "test";
  readonly id: number;
  readonly word: Word;
  /** Whether the word is to be loaded, or is there already. */
  readonly loads: boolean;
  readonly code: typeof BPF.JEQ | typeof BPF.JGT | typeof BPF.JGE | typeof BPF.JSET;
  readonly operand: number;
  readonly yes: Target;
  readonly no: Target;
  /** Whether what follows a "yes" stands right after the test, and what follows a "no" after that. */
  readonly yesFirst: boolean;
}

/** Where a test leads. */
export type Target = Answer | Test;

/** Makes tests and answers, each only once. */
export interface Blocks {
  answer(value: number): Answer;
  test(test: Omit<Test, "kind" | "id">): Test;
}

const ALL_ONES = 0xffff_ffff;

/** The word at an offset, whole unless a mask is given. */
export function wordAt(offset: number, mask: number = ALL_ONES): Word {
  return { offset, mask };
}

/** Whether two words are the same, so that the second need not be loaded. */
export function isSameWord(a: Word | undefined, b: Word): boolean {
  return a !== undefined && a.offset === b.offset && a.mask === b.mask;
}

/** How many instructions a test is. */
export function lengthOf({ loads, word }: Test): number {
  return !loads ? 1 : word.mask === ALL_ONES ? 2 : 3;
}

/**
 * An empty set of blocks.
 *
 * @throws {SeccompError} `ERR_SECCOMP_FILTER_INVALID`, from `test`, for more tests than a program can have.
 */
export function createBlocks(): Blocks {
  const answers = new Map<number, Answer>();
  const tests = new Map<string, Test>();
  return {
    answer(value) {
      let answer = answers.get(value);
      if (!answer) {
        answer = { kind: "answer", value };
        answers.set(value, answer);
      }
      return answer;
    },
    test(parts) {
      const { word, loads, code, operand } = parts;
      const ends = `${keyOf(parts.yes)} ${keyOf(parts.no)}`;
      const key = `${word.offset} ${word.mask} ${loads ? 1 : 0} ${code} ${operand} ${ends}`;
      let test = tests.get(key);
      if (!test) {
        if (tests.size >= MAX_INSTRUCTIONS) throw tooLong();
        test = { kind: "test", id: tests.size, ...parts };
        tests.set(key, test);
      }
      return test;
    },
  };
}

function keyOf(target: Target): string {
  return target.kind === "answer" ? `r${target.value}` : `${target.id}`;
}

/** The error of a filter that no program can hold. */
export function tooLong(): SeccompError {
  return new SeccompError(
    "ERR_SECCOMP_FILTER_INVALID",
    `the filter needs more than ${MAX_INSTRUCTIONS} instructions, which is all that the kernel takes`,
  );
}

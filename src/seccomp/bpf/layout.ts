/**
 * Gives tests and answers an order, as instructions that only jump forward.
 *
 * The program grows from its end to its start, so that the place of everything a test leads to is known by then. A
 * conditional jump skips at most 255 instructions: where its target is farther, an answer is repeated right behind
 * the test, and anything else gets an unconditional jump there, which earlier tests then use too.
 *
 * @module
 */
import { type Answer, lengthOf, type Target, type Test, tooLong } from "./blocks.ts";
import { BPF, type BpfInstruction, MAX_INSTRUCTIONS } from "./instruction.ts";

const FARTHEST = 255;

/**
 * The program that starts with a target.
 *
 * @param last An answer that stands at the end, whatever leads there.
 * @throws {SeccompError} `ERR_SECCOMP_FILTER_INVALID` for more instructions than the kernel takes.
 */
export function layOut(start: Target, last: Answer): BpfInstruction[] {
  /** From the last instruction to the first. */
  const reversed: BpfInstruction[] = [];
  /** Nearest place of each target: how many instructions there are from it to the end. */
  const places = new Map<Target, number>();

  const push = (instruction: BpfInstruction): void => {
    if (reversed.length >= MAX_INSTRUCTIONS) throw tooLong();
    reversed.push(instruction);
  };
  const place = (target: Target): void => {
    places.set(target, reversed.length);
  };
  /** How many instructions there are between here and a target. */
  const distance = (target: Target): number => reversed.length - (places.get(target) ?? Number.NaN);

  const pushAnswer = (answer: Answer): void => {
    push({ code: BPF.RETURN, jt: 0, jf: 0, k: answer.value });
    place(answer);
  };
  const bringNear = (target: Target): void => {
    if (target.kind === "answer") pushAnswer(target);
    else {
      push({ code: BPF.JUMP, jt: 0, jf: 0, k: distance(target) });
      place(target);
    }
  };
  const pushTest = (test: Test): void => {
    const { yes, no, word, loads, code, operand } = test;
    // Bringing the one near moves the other away.
    while (distance(yes) > FARTHEST || distance(no) > FARTHEST) {
      bringNear(distance(yes) > FARTHEST ? yes : no);
    }
    push({ code, jt: distance(yes), jf: distance(no), k: operand });
    if (lengthOf(test) === 3) push({ code: BPF.AND, jt: 0, jf: 0, k: word.mask });
    if (loads) push({ code: BPF.LOAD, jt: 0, jf: 0, k: word.offset });
    place(test);
  };

  pushAnswer(last);
  // No recursion: a chain of tests may be as long as a program.
  const waiting: Target[] = [start];
  for (let target = waiting.at(-1); target; target = waiting.at(-1)) {
    if (places.has(target)) waiting.pop();
    else if (target.kind === "answer") pushAnswer(target);
    else {
      const first = target.yesFirst ? target.no : target.yes;
      const second = target.yesFirst ? target.yes : target.no;
      const missing = [first, second].find((next) => !places.has(next));
      if (missing) waiting.push(missing);
      else pushTest(target);
    }
  }
  return reversed.reverse();
}

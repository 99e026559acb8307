/**
 * Tests that decide one system call: the tree of its rules as blocks of a program.
 *
 * @module
 */
import type { FilterRule } from "../filter.ts";
import type { CallTree, Level, TestNode } from "../filter-tree.ts";
import { type Answer, type Blocks, isSameWord, type Target, type Test, type Word, wordAt } from "./blocks.ts";
import { ARGS_OFFSET, BPF } from "./instruction.ts";

/** A test of the tree, with what is next where neither of its branches decides. */
interface Step {
  readonly node: TestNode<FilterRule>;
  readonly word: Word;
  readonly next: Step | undefined;
  /** Levels that go on with this step where they do not decide. */
  readonly entered: Map<Level<FilterRule>, Step>;
  /** Whether the word is to be loaded: another one is there, on one of the ways here at least. */
  loads: boolean;
  isVisited: boolean;
  test?: Test;
}

const CODES = { eq: BPF.JEQ, masked: BPF.JEQ, gt: BPF.JGT, ge: BPF.JGE } as const;

/** How many tests there are in a tree. */
export function countTests(tree: CallTree<FilterRule>): number {
  if ("kind" in tree) return 0;
  let count = 0;
  for (const { yes, no } of tree) {
    count += 1 + (yes ? countTests(yes) : 0) + (no ? countTests(no) : 0);
  }
  return count;
}

/**
 * Where a call leads whose number is known.
 *
 * @param there The word that is loaded by then.
 * @param otherwise The answer where no rule matches.
 */
export function callTarget(
  tree: CallTree<FilterRule>,
  blocks: Blocks,
  { there, otherwise, endian }: { there: Word; otherwise: Answer; endian: "little" | "big" },
): Target {
  if ("kind" in tree) return blocks.answer(tree.value);
  const outermost = new Map<Level<FilterRule>, Step>();

  const enter = (level: Level<FilterRule>, next: Step | undefined): Step => {
    const entered = next?.entered ?? outermost;
    const known = entered.get(level);
    if (known) return known;
    let step = next;
    for (const node of level.toReversed()) {
      step = {
        node,
        word: argumentWord(node, endian),
        next: step,
        entered: new Map(),
        loads: false,
        isVisited: false,
      };
    }
    if (!step) throw new TypeError("a level without tests");
    entered.set(level, step);
    return step;
  };
  const after = (step: Step, branch: TestNode<FilterRule>["yes"]): Step | Answer => {
    if (branch === undefined) return step.next ?? otherwise;
    return "kind" in branch ? blocks.answer(branch.value) : enter(branch, step.next);
  };
  const targetOf = (end: Step | Answer): Target => {
    if ("kind" in end) return end;
    if (!end.test) throw new TypeError("a test before what follows it");
    return end.test;
  };

  const first = enter(tree, undefined);
  first.loads = !isSameWord(there, first.word);
  for (const step of inOrder(first, (step) => [after(step, step.node.yes), after(step, step.node.no)])) {
    const { node, word, loads } = step;
    const yes = targetOf(after(step, node.yes));
    const no = targetOf(after(step, node.no));
    const parts = { word, loads, code: CODES[node.test], operand: node.value, yes, no };
    step.test = blocks.test({ ...parts, yesFirst: false });
  }
  return targetOf(first);
}

/** Every step, each behind all that it leads to; by then it is known which ones load. */
function inOrder(first: Step, ends: (step: Step) => (Step | Answer)[]): Step[] {
  const order: Step[] = [];
  // No recursion: one level may have thousands of tests.
  const waiting: { step: Step; left: (Step | Answer)[] }[] = [];
  const visit = (step: Step): void => {
    step.isVisited = true;
    const left = ends(step);
    for (const end of left) if ("node" in end && !isSameWord(step.word, end.word)) end.loads = true;
    waiting.push({ step, left });
  };
  visit(first);
  for (let at = waiting.at(-1); at; at = waiting.at(-1)) {
    const end = at.left.pop();
    if (!end) order.push(...waiting.splice(-1).map(({ step }) => step));
    else if ("node" in end && !end.isVisited) visit(end);
  }
  return order;
}

function argumentWord({ arg, word, mask }: TestNode<FilterRule>, endian: "little" | "big"): Word {
  const isSecond = word === (endian === "little" ? "high" : "low");
  return wordAt(ARGS_OFFSET + 8 * arg + (isSecond ? 4 : 0), mask);
}

/**
 * What the decision trees of system calls are made of, and the order that their tests have.
 *
 * @module
 */

/** An action at the end of a chain. */
export interface Leaf<R> {
  readonly kind: "leaf";
  /** Return value of the filter. */
  readonly value: number;
  /** Whose action it is. */
  readonly rule: R;
}

/** One test of a word of an argument, with what it leads to. */
export interface TestNode<R> {
  readonly arg: number;
  readonly word: "high" | "low";
  /** `masked` and `eq` with all ones are the same question, but libseccomp keeps them apart. */
  readonly test: "eq" | "masked" | "gt" | "ge";
  readonly mask: number;
  readonly value: number;
  /** 0 for equality, 1 for LT and LE, 2 for GT and GE. */
  readonly order: 0 | 1 | 2;
  /** The whole operand of the rule that made the test. */
  readonly operand: bigint;
  readonly yes: Branch<R>;
  readonly no: Branch<R>;
}

/** Tests side by side. */
export type Level<R> = readonly TestNode<R>[];
/** What a test leads to. */
export type Branch<R> = Leaf<R> | Level<R> | undefined;

/** Whether two tests ask the same. */
export function isSameTest<R>(a: TestNode<R>, b: TestNode<R>): boolean {
  return (
    a.arg === b.arg && a.word === b.word && a.test === b.test && a.value === b.value && a.mask === b.mask
  );
}

/** Below 0 where `a` is tested before `b`. */
export function comparePlaces<R>(a: TestNode<R>, b: TestNode<R>): number {
  if (a.arg !== b.arg) return b.arg - a.arg;
  if (a.word !== b.word) return a.word === "high" ? -1 : 1;
  if (a.order !== b.order) return a.order - b.order;
  return a.order === 1 ? a.value - b.value : b.value - a.value;
}

/** Whether a level leads to no other action than one. */
export function everyAction<R>(level: Level<R>, value: number): boolean {
  return level.every(({ yes, no }) =>
    [yes, no].every((branch) =>
      branch === undefined ? true : "kind" in branch ? branch.value === value : everyAction(branch, value),
    ),
  );
}

/**
 * How the rules for one system call combine: the decision tree that libseccomp makes of them.
 *
 * A condition tests 32-bit words of an argument. On a 64-bit architecture it is a test of the high word that
 * leads to a test of the low word; on a 32-bit one only the low word counts. A rule is a chain of tests by
 * ascending argument, with its action at the end. All rules of a call share one tree:
 *
 * - A level is a list of tests in a fixed order, whatever the order of the rules: higher argument first, high
 *   word before low word, equality before LT and LE before GT and GE, then the larger operand first (for LT
 *   and LE the smaller). Only tests that differ in nothing but their mask stand in the order they came.
 * - Equal tests are one test, and what follows them is merged.
 * - A rule whose conditions on the higher arguments are already a rule of their own is left out: see `isCovered`.
 * - A level is decided by its first test that leads to an action; where a branch ends without one, the next
 *   test of the level outside it goes on.
 *
 * Trees are never changed: inserting gives a new one, so that a rule that fails leaves nothing behind.
 *
 * @module
 */
import { isCovered } from "./filter-cover.ts";
import {
  type Branch,
  comparePlaces,
  everyAction,
  isSameTest,
  type Leaf,
  type Level,
  type TestNode,
} from "./filter-nodes.ts";

export type { Leaf, Level, TestNode } from "./filter-nodes.ts";

/** A condition as libseccomp takes it. */
export interface Condition {
  /** Argument 0 to 5. */
  arg: number;
  op: Operator;
  /** Operand; for `MASKED_EQ` what the masked argument must be. */
  value: bigint;
  /** All ones except for `MASKED_EQ`. */
  mask: bigint;
}

/** The comparisons, without `SCMP_CMP_`. */
export type Operator = "NE" | "LT" | "LE" | "EQ" | "GE" | "GT" | "MASKED_EQ";

/** All rules of one call on one architecture: a final action, or a tree. */
export type CallTree<R> = Leaf<R> | Level<R>;

const HIGH_SHIFT = 32n;
const LOW = 0xffff_ffffn;
const ALL = 0xffff_ffff;

/** The tree with a rule added, or `"conflict"` where libseccomp answers EEXIST. */
export function addRule<R>(
  tree: CallTree<R> | undefined,
  conditions: readonly Condition[],
  leaf: Leaf<R>,
  bits: 32 | 64,
): CallTree<R> | "conflict" {
  const effective = conditions.filter(({ mask }) => (bits === 64 ? mask : mask & LOW) !== 0n);
  // A final action swallows every later rule, whatever its action.
  if (tree !== undefined && "kind" in tree) return tree;
  // An unconditional rule takes the whole call over.
  if (effective.length === 0) return leaf;
  const sorted = [...effective].sort((a, b) => a.arg - b.arg);
  let branch: Branch<R> = leaf;
  for (const condition of sorted.reverse()) branch = [testOf(condition, branch, bits)];
  if (tree === undefined) return branch as Level<R>;
  // Only what has a condition on a lower argument too can be covered.
  if (sorted.length > 1 && isCovered(tree, branch as Level<R>, leaf.value)) return tree;
  return insertAll(tree, branch as Level<R>);
}

/**
 * The action that a call's arguments lead to; nothing where no rule matches.
 *
 * @param args As a call gives them: at most 64 bits, negative ones as two's complement. Not checked.
 */
export function decide<R>(tree: CallTree<R>, args: readonly (bigint | number)[]): Leaf<R> | undefined {
  if ("kind" in tree) return tree;
  for (const node of tree) {
    const argument = args[node.arg] ?? 0;
    const masked = ((node.word === "high" ? highWord(argument) : lowWord(argument)) & node.mask) >>> 0;
    const holds =
      node.test === "gt"
        ? masked > node.value
        : node.test === "ge"
          ? masked >= node.value
          : masked === node.value;
    const branch = holds ? node.yes : node.no;
    if (branch === undefined) continue;
    const found = decide(branch, args);
    if (found) return found;
  }
  return undefined;
}

// Storing a bigint in an element cuts it to 64 bits without making another one.
const REGISTER = new BigUint64Array(1);
const WORDS = new DataView(REGISTER.buffer);
const LOW_OFFSET = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 4;
const IS_LITTLE = LOW_OFFSET === 0;

function lowWord(argument: bigint | number): number {
  if (typeof argument === "number") return argument >>> 0;
  REGISTER[0] = argument;
  return WORDS.getUint32(LOW_OFFSET, IS_LITTLE);
}

function highWord(argument: bigint | number): number {
  if (typeof argument === "number") return Math.floor(argument / 2 ** 32) >>> 0;
  REGISTER[0] = argument;
  return WORDS.getUint32(4 - LOW_OFFSET, IS_LITTLE);
}

/** Whether a condition holds for an argument, as it reads: without libseccomp's order. */
export function conditionHolds(
  { arg, op, value, mask }: Condition,
  args: readonly bigint[],
  bits: 32 | 64,
): boolean {
  const cut = (number: bigint): bigint => (bits === 64 ? number : number & LOW);
  const actual = cut(args[arg] ?? 0n);
  const operand = cut(value);
  switch (op) {
    case "EQ":
      return actual === operand;
    case "NE":
      return actual !== operand;
    case "MASKED_EQ":
      return (actual & cut(mask)) === (operand & cut(mask));
    case "GT":
      return actual > operand;
    case "GE":
      return actual >= operand;
    case "LT":
      return actual < operand;
    case "LE":
      return actual <= operand;
  }
}

function testOf<R>({ arg, op, value, mask }: Condition, next: Branch<R>, bits: 32 | 64): TestNode<R> {
  const order = op === "LT" || op === "LE" ? 1 : op === "GT" || op === "GE" ? 2 : 0;
  const node = (
    word: "high" | "low",
    test: TestNode<R>["test"],
    yes: Branch<R>,
    no: Branch<R>,
  ): TestNode<R> => {
    const part = (number: bigint): number => Number(word === "high" ? number >> HIGH_SHIFT : number & LOW);
    const ownMask = op === "MASKED_EQ" ? part(mask) : ALL;
    return {
      arg,
      word,
      test,
      mask: ownMask,
      value: (part(value) & ownMask) >>> 0,
      order,
      operand: value,
      yes,
      no,
    };
  };
  const negated = op === "NE" || op === "LT" || op === "LE";
  const equality = op === "MASKED_EQ" ? "masked" : "eq";
  const lowTest = op === "GE" || op === "LT" ? "ge" : op === "GT" || op === "LE" ? "gt" : equality;
  const low = negated ? node("low", lowTest, undefined, next) : node("low", lowTest, next, undefined);
  if (bits === 32) return low;
  if (order === 0) return node("high", equality, [low], negated ? next : undefined);
  // The high word decides unless it is equal.
  const equal = node("high", "eq", [low], negated ? next : undefined);
  return node("high", "gt", negated ? undefined : next, [equal]);
}

function insertAll<R>(level: Level<R>, added: Level<R>): Level<R> | "conflict" {
  let result: Level<R> = level;
  for (const node of added) {
    const next = insert(result, node);
    if (next === "conflict") return next;
    result = next;
  }
  return result;
}

function insert<R>(level: Level<R>, added: TestNode<R>): Level<R> | "conflict" {
  // An equal test behind the place where this one belongs is not looked for: it then stands there twice.
  const at = level.findIndex((other) => isSameTest(other, added) || comparePlaces(added, other) < 0);
  const node = level[at];
  if (!node) return [...level, added];
  if (!isSameTest(node, added)) return level.toSpliced(at, 0, added);
  const merged = mergeNodes(node, added);
  return merged === "conflict" ? merged : level.with(at, merged);
}

function mergeNodes<R>(node: TestNode<R>, added: TestNode<R>): TestNode<R> | "conflict" {
  const ends = !hasLevel(node) || !hasLevel(added);
  // Ranges share the test of a high word. What it leads to is decided by comparing with the operand that made the
  // test, even where another one has taken its place since, or it was of a comparison to the other side.
  const isFirst =
    added.order === 1 ? added.operand < node.operand : added.order === 2 && added.operand > node.operand;
  const first = isFirst ? added : node;
  const yes = mergeBranches(node.yes, added.yes, ends, first.yes);
  if (yes === "conflict") return yes;
  const no = mergeBranches(node.no, added.no, ends, first.no);
  return no === "conflict" ? no : { ...node, yes, no };
}

function hasLevel<R>({ yes, no }: TestNode<R>): boolean {
  return Array.isArray(yes) || Array.isArray(no);
}

/** @param ends Whether one of the two nodes has no test below: only then do two actions contradict. */
function mergeBranches<R>(
  branch: Branch<R>,
  added: Branch<R>,
  ends: boolean,
  first: Branch<R>,
): Branch<R> | "conflict" {
  if (branch === undefined) return added;
  if (added === undefined) return branch;
  if ("kind" in branch) {
    if (!("kind" in added) || added.value === branch.value) return branch;
    return ends ? "conflict" : first;
  }
  if (!("kind" in added)) return insertAll(branch, added);
  return everyAction(branch, added.value) ? added : "conflict";
}

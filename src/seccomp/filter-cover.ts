/**
 * Rules that libseccomp leaves out because another one covers them.
 *
 * A rule on arguments 0 and 1 never decides where there is one with the same condition on argument 1 alone, whose test
 * comes first. libseccomp drops it without looking at its action, so that it does not contradict a third one either.
 * It finds such rules on a walk through the tree on which it remembers what has matched; where the walk breaks off
 * early, the rule is inserted as any other, which decides alike.
 *
 * @module
 */
import {
  type Branch,
  comparePlaces,
  everyAction,
  isSameTest,
  type Level,
  type TestNode,
} from "./filter-nodes.ts";

/** The tests compared last were the same. */
const MATCH = 1;
/** Some tests on the way here were the same. */
const MATCHED = 2;
/** Nothing follows the test of the tree. */
const TREE_ENDS = 4;
/** Nothing follows the test of the rule. */
const RULE_ENDS = 8;
/** Tests of the tree stand before the ones that match. */
const TREE_IS_LONGER = 16;
/** Tests of the rule stand before the ones that match. */
const RULE_IS_LONGER = 32;
const REPLACES = MATCH | RULE_ENDS | TREE_IS_LONGER;
const COVERED = MATCH | TREE_ENDS | RULE_IS_LONGER;

/** A walk that takes longer is given up, as if it broke off: rules can be written that it takes long with. */
const MAX_STEPS = 4096;

const SIDES = ["yes", "no"] as const;

/** Whether a chain of tests that leads to a value is left out of a tree. */
export function isCovered<R>(tree: Level<R>, added: Level<R>, value: number): boolean {
  let isReplacing = false;
  let steps = 0;

  /** Gives what is known after a level was compared with the next test of the rule. */
  const walk = (level: Level<R> | undefined, rule: TestNode<R> | undefined, known: number): number => {
    let found = known;
    const leave = (): number => ((found & MATCH) !== 0 ? known | found : known & ~MATCH);
    let further: number | undefined | "unknown" = "unknown";
    /** What the same level gives for the rule's next tests, whichever test of the level it is asked for. */
    const ahead = (): number | undefined => {
      if (further === "unknown") {
        further = firstMatch(SIDES, (side) =>
          walk(level, rule && levelOf(rule[side])?.[0], (known & ~MATCH) | RULE_IS_LONGER),
        );
      }
      return further;
    };
    if (!level || !rule || (known & (MATCH | MATCHED)) === MATCHED) return leave();
    for (const node of level) {
      steps++;
      if (steps > MAX_STEPS) return leave();
      if (isSameTest(node, rule)) {
        found |= MATCH | MATCHED;
        if (isLast(rule)) found |= RULE_ENDS;
        if (isLast(node)) found |= TREE_ENDS;
        if (SIDES.some((side) => node[side] !== undefined && rule[side] === undefined)) return leave();
        const bothEnd = RULE_ENDS | TREE_ENDS;
        const isOther = SIDES.some((side) => actionOf(node[side]) !== actionOf(rule[side]));
        if ((found & bothEnd) === bothEnd && isOther) return leave();
        for (const side of SIDES) {
          const next = levelOf(rule[side]);
          if (!next) continue;
          const below = walk(levelOf(node[side]), next[0], known | MATCH | MATCHED);
          if ((below & MATCH) !== 0) found |= below;
        }
        const replaces = (found & REPLACES) === REPLACES;
        if (!replaces && (found & COVERED) !== COVERED) continue;
        // All tests beside this one are looked at too.
        if (!everyAction(level, value)) continue;
        if (!replaces) return leave();
        isReplacing = true;
      } else {
        const isBehind = comparePlaces(rule, node) < 0;
        // Only one of the two may be the longer one.
        if ((known & (isBehind ? RULE_IS_LONGER : TREE_IS_LONGER)) !== 0) return leave();
        const below = isBehind ? behind(node, rule, known) : ahead();
        if (below === undefined) continue;
        found |= below;
        return leave();
      }
    }
    found &= ~MATCH;
    return leave();
  };

  /** What a lower level gives for the rule. */
  const behind = (node: TestNode<R>, rule: TestNode<R>, known: number): number | undefined =>
    firstMatch(SIDES, (side) => walk(levelOf(node[side]), rule, (known & ~MATCH) | TREE_IS_LONGER));

  const found = walk(tree, added[0], 0);
  // A rule that takes the place of longer ones is inserted in any case.
  return !isReplacing && steps <= MAX_STEPS && (found & COVERED) === COVERED;
}

function firstMatch(sides: typeof SIDES, look: (side: (typeof SIDES)[number]) => number): number | undefined {
  for (const side of sides) {
    const found = look(side);
    if ((found & MATCH) !== 0) return found;
  }
  return undefined;
}

function isLast<R>({ yes, no }: TestNode<R>): boolean {
  return levelOf(yes) === undefined && levelOf(no) === undefined;
}

function levelOf<R>(branch: Branch<R>): Level<R> | undefined {
  return branch === undefined || "kind" in branch ? undefined : branch;
}

function actionOf<R>(branch: Branch<R>): number | undefined {
  return branch !== undefined && "kind" in branch ? branch.value : undefined;
}

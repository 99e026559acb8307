/**
 * Matching by the regular expressions of Go, in time linear in the text.
 *
 * All ways through the pattern are followed at once, one character at a time, so that no pattern and no text can
 * make it slow, as they can with `RegExp`.
 *
 * @module
 */
import { isWord } from "./go-regexp-class.ts";
import { type Assertion, type GoRegexpNode, parseGoRegexp } from "./go-regexp-parse.ts";
import { type CodePointTest, patternError } from "./go-regexp-reader.ts";

/** A step of the compiled pattern. Steps are numbers, places in the program. */
type Step =
  | { kind: "one"; test: CodePointTest; next: number }
  | { kind: "assert"; at: Assertion; next: number }
  | { kind: "split"; next: number[] }
  | { kind: "match" };

/** Patterns that grow to more steps than this are refused; the repetition of repetitions multiplies them. */
const MAX_STEPS = 20_000;

/**
 * A function that tells whether a text has a part that matches a pattern, as `regexp.MatchString` does.
 *
 * The pattern is not anchored: `web` matches `my-web-1`. Characters are code points.
 *
 * @throws {CriError} `ERR_CRI_QUERY_INVALID` for a pattern that Go refuses, with look-around or back-references
 * among others, or that is too large once its repetitions are written out.
 * @see {@link https://pkg.go.dev/regexp/syntax@go1.24.0}
 */
export function compileGoRegexp(pattern: string): (text: string) => boolean {
  const program: Step[] = [];
  const tree = parseGoRegexp(pattern);
  const add = (step: Step): number => {
    if (program.length >= MAX_STEPS) throw patternError({ pattern }, "too large");
    return program.push(step) - 1;
  };
  const start = emit(tree, add({ kind: "match" }), add);
  return (text) => run(program, start, text);
}

/** Adds the steps of a node that go on to `next`; gives the first of them. */
function emit(node: GoRegexpNode, next: number, add: (step: Step) => number): number {
  switch (node.kind) {
    case "one":
      return add({ kind: "one", test: node.test, next });
    case "assert":
      return add({ kind: "assert", at: node.at, next });
    case "all":
      return node.items.reduceRight((after, item) => emit(item, after, add), next);
    case "any": {
      const starts = node.items.map((item) => emit(item, next, add));
      const [only] = starts;
      return only !== undefined && starts.length === 1 ? only : add({ kind: "split", next: starts });
    }
    case "repeat":
      return emitRepeat(node, next, add);
  }
}

function emitRepeat(
  { item, min, max }: GoRegexpNode & { kind: "repeat" },
  next: number,
  add: (step: Step) => number,
): number {
  let at = next;
  if (max === Infinity) {
    const loop: Step = { kind: "split", next: [next] };
    at = add(loop);
    loop.next.push(emit(item, at, add));
  } else {
    for (let i = min; i < max; i++) at = add({ kind: "split", next: [emit(item, at, add), next] });
  }
  for (let i = 0; i < min; i++) at = emit(item, at, add);
  return at;
}

function run(program: readonly Step[], start: number, text: string): boolean {
  const points = Array.from(text, (point) => point.codePointAt(0) ?? 0);
  let active: (Step & { kind: "one" })[] = [];
  for (let at = 0; ; at++) {
    // A match may begin anywhere.
    const reached = reach(program, [start, ...active.map((step) => step.next)], points, at);
    if (!reached) return true;
    if (at === points.length) return false;
    const point = points[at] ?? 0;
    active = reached.filter((step) => step.test(point));
  }
}

/** The steps that wait for a character, from some steps on; undefined if the match is complete. */
function reach(
  program: readonly Step[],
  from: number[],
  points: readonly number[],
  at: number,
): (Step & { kind: "one" })[] | undefined {
  const seen = new Set<number>();
  const waiting: (Step & { kind: "one" })[] = [];
  for (let next = from.pop(); next !== undefined; next = from.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const step = program[next];
    if (!step || step.kind === "match") return undefined;
    if (step.kind === "one") waiting.push(step);
    else if (step.kind === "split") for (const each of step.next) from.push(each);
    else if (holds(step.at, points, at)) from.push(step.next);
  }
  return waiting;
}

function holds(assertion: Assertion, points: readonly number[], at: number): boolean {
  const before = points[at - 1];
  const after = points[at];
  switch (assertion) {
    case "text-start":
      return before === undefined;
    case "text-end":
      return after === undefined;
    case "line-start":
      return before === undefined || before === 0x0a;
    case "line-end":
      return after === undefined || after === 0x0a;
    default: {
      const boundary = isWordAt(before) !== isWordAt(after);
      return boundary === (assertion === "word");
    }
  }
}

function isWordAt(point: number | undefined): boolean {
  return point !== undefined && isWord(point);
}

/**
 * Decisions over all arguments of a system call, as one canonical diagram.
 *
 * A diagram asks for single bits of the six arguments, in a fixed order: argument 0 first, and in each argument
 * the highest bit first. Equal parts are shared and a question whose answer does not matter is left out, so that
 * two functions are equal exactly when they are the same object. All comparisons of a profile are small there:
 * at most 64 questions each.
 *
 * @module
 */
import { SeccompError } from "../errors.ts";

/** Asks for one bit. */
export interface DiagramTest {
  readonly kind: "test";
  readonly id: number;
  /** 64 times the argument, plus 0 for its highest bit up to 63 for its lowest. */
  readonly bit: number;
  readonly zero: Diagram;
  readonly one: Diagram;
}

/** An answer. */
export interface DiagramEnd {
  readonly kind: "end";
  readonly id: number;
  readonly value: number;
}

/** A function of the arguments; equal functions of one table are the same object. */
export type Diagram = DiagramTest | DiagramEnd;

/** Combines two answers. */
export type Combine = (a: number, b: number) => number;

/** Where the nodes of diagrams are kept. Diagrams of different tables must not be mixed. */
export interface DiagramTable {
  end(value: number): DiagramEnd;
  test(bit: number, zero: Diagram, one: Diagram): Diagram;
  /** `yes` where `condition` is not 0, else `no`. */
  choose(condition: Diagram, yes: Diagram, no: Diagram): Diagram;
  /** The combined answer for each argument. */
  merge(a: Diagram, b: Diagram, combine: Combine): Diagram;
}

/** First and number of the bits that a condition looks at. */
export interface BitRange {
  first: number;
  width: 32 | 64;
}

/** Nodes and steps; the default profiles need a few thousand. */
const MAX_STEPS = 400_000;

/**
 * An empty table.
 *
 * Its functions throw `ERR_SECCOMP_UNSUPPORTED` once they have taken 400,000 steps: rules can be written
 * whose combinations no machine can hold.
 */
export function createDiagramTable(): DiagramTable {
  const ends = new Map<number, DiagramEnd>();
  const tests = new Map<string, DiagramTest>();
  const chosen = new Map<string, Diagram>();
  const merged = new Map<Combine, Map<string, Diagram>>();
  let nextId = 0;
  let steps = 0;

  function step(): void {
    steps++;
    if (steps > MAX_STEPS) {
      throw new SeccompError("ERR_SECCOMP_UNSUPPORTED", "the conditions have too many combinations");
    }
  }

  function end(value: number): DiagramEnd {
    let known = ends.get(value);
    if (!known) {
      known = { kind: "end", id: nextId++, value };
      ends.set(value, known);
    }
    return known;
  }

  function test(bit: number, zero: Diagram, one: Diagram): Diagram {
    if (zero === one) return zero;
    const key = `${bit} ${zero.id} ${one.id}`;
    let known = tests.get(key);
    if (!known) {
      step();
      known = { kind: "test", id: nextId++, bit, zero, one };
      tests.set(key, known);
    }
    return known;
  }

  function choose(condition: Diagram, yes: Diagram, no: Diagram): Diagram {
    if (condition.kind === "end") return condition.value === 0 ? no : yes;
    if (yes === no) return yes;
    const key = `${condition.id} ${yes.id} ${no.id}`;
    const known = chosen.get(key);
    if (known) return known;
    step();
    const bit = Math.min(bitOf(condition), bitOf(yes), bitOf(no));
    const [c, y, n] = [halves(condition, bit), halves(yes, bit), halves(no, bit)];
    const result = test(bit, choose(c.zero, y.zero, n.zero), choose(c.one, y.one, n.one));
    chosen.set(key, result);
    return result;
  }

  function merge(a: Diagram, b: Diagram, combine: Combine): Diagram {
    let known = merged.get(combine);
    if (!known) {
      known = new Map();
      merged.set(combine, known);
    }
    return mergeWith(a, b, combine, known);
  }

  function mergeWith(a: Diagram, b: Diagram, combine: Combine, known: Map<string, Diagram>): Diagram {
    if (a.kind === "end" && b.kind === "end") return end(combine(a.value, b.value));
    const key = `${a.id} ${b.id}`;
    const before = known.get(key);
    if (before) return before;
    step();
    const bit = Math.min(bitOf(a), bitOf(b));
    const [x, y] = [halves(a, bit), halves(b, bit)];
    const zero = mergeWith(x.zero, y.zero, combine, known);
    const result = test(bit, zero, mergeWith(x.one, y.one, combine, known));
    known.set(key, result);
    return result;
  }

  return { end, test, choose, merge };
}

/** The bit asked for first; infinite for an answer. */
export function bitOf(diagram: Diagram): number {
  return diagram.kind === "end" ? Number.POSITIVE_INFINITY : diagram.bit;
}

function halves(diagram: Diagram, bit: number): { zero: Diagram; one: Diagram } {
  if (diagram.kind === "test" && diagram.bit === bit) return diagram;
  return { zero: diagram, one: diagram };
}

/** 1 where the masked bits equal those of `value`, else 0. */
export function equalityDiagram(
  table: DiagramTable,
  { first, width }: BitRange,
  mask: bigint,
  value: bigint,
): Diagram {
  const never = table.end(0);
  let diagram: Diagram = table.end(1);
  for (let at = 0; at < width; at++) {
    const shift = BigInt(at);
    if (((mask >> shift) & 1n) === 0n) continue;
    const bit = first + width - 1 - at;
    const isSet = ((value >> shift) & 1n) === 1n;
    diagram = isSet ? table.test(bit, never, diagram) : table.test(bit, diagram, never);
  }
  return diagram;
}

/** 1 where the bits are a number above `value` (or equal to it, if `orEqual`), else 0. */
export function aboveDiagram(
  table: DiagramTable,
  { first, width }: BitRange,
  value: bigint,
  orEqual: boolean,
): Diagram {
  const [never, always] = [table.end(0), table.end(1)];
  let diagram: Diagram = orEqual ? always : never;
  for (let at = 0; at < width; at++) {
    const bit = first + width - 1 - at;
    const isSet = ((value >> BigInt(at)) & 1n) === 1n;
    diagram = isSet ? table.test(bit, never, diagram) : table.test(bit, diagram, always);
  }
  return diagram;
}

/** The answer for six arguments. */
export function answerOf(diagram: Diagram, args: readonly bigint[]): number {
  let at = diagram;
  while (at.kind === "test") {
    const argument = args[Math.floor(at.bit / 64)] ?? 0n;
    at = ((argument >> BigInt(63 - (at.bit % 64))) & 1n) === 1n ? at.one : at.zero;
  }
  return at.value;
}

/**
 * Arguments for which two diagrams' answers satisfy a test; nothing where there are none. Bits that do not
 * matter are 0.
 */
export function findArguments(
  a: Diagram,
  b: Diagram,
  matches: (a: number, b: number) => boolean,
): bigint[] | undefined {
  const visited = new Set<string>();
  const find = (a: Diagram, b: Diagram): bigint[] | undefined => {
    if (a.kind === "end" && b.kind === "end") {
      return matches(a.value, b.value) ? [0n, 0n, 0n, 0n, 0n, 0n] : undefined;
    }
    const key = `${a.id} ${b.id}`;
    if (visited.has(key)) return undefined;
    visited.add(key);
    const bit = Math.min(bitOf(a), bitOf(b));
    const [x, y] = [halves(a, bit), halves(b, bit)];
    const without = find(x.zero, y.zero);
    if (without) return without;
    const found = find(x.one, y.one);
    const arg = Math.floor(bit / 64);
    return found?.with(arg, (found[arg] ?? 0n) | (1n << BigInt(63 - (bit % 64))));
  };
  return find(a, b);
}

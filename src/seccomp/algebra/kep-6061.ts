/**
 * Merges profiles entry by entry, as the library behind Kubernetes' proposal of profile artifacts does.
 *
 * @see {@link https://github.com/kubernetes/enhancements/issues/6061}
 * @module
 */
import { returnValue } from "../actions.ts";
import { copySyscall } from "../runtime-spec.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../types.ts";
import { strictness } from "./decisions.ts";
import { mergedHeader, mergedList } from "./header.ts";

type Kind = "intersection" | "union";

interface Outcome {
  action: string;
  errnoRet?: number;
}

interface NamedRule extends Outcome {
  args: readonly LinuxSeccompArg[];
}

/**
 * The merged profile: one name an entry, sorted by name.
 *
 * A name that only one profile has is weighed against the other's default action. Equal conditions stay. In an
 * intersection, conditions on one side stay, and different ones give KILL_PROCESS; in a union, conditions on one
 * side are dropped, and different ones stay beside each other. An empty list of architectures or flags is taken
 * for "not said". Where an intersection of architectures leaves none, the result lists none.
 *
 * @throws {SeccompError} `ERR_SECCOMP_FILTER_INVALID` for an unknown action.
 */
export function mergeAsKep6061(profiles: readonly LinuxSeccomp[], kind: Kind): LinuxSeccomp {
  const [first, ...others] = profiles;
  if (!first) throw new RangeError("there are no profiles to merge");
  return others.reduce((left, right) => mergeTwo(left, right, kind), normalized(first));
}

function normalized(spec: LinuxSeccomp): LinuxSeccomp {
  return { ...spec, syscalls: entriesOf(rulesByName(spec), defaultOf(spec)) };
}

function mergeTwo(left: LinuxSeccomp, right: LinuxSeccomp, kind: Kind): LinuxSeccomp {
  const [a, b] = [rulesByName(left), rulesByName(right)];
  const [defaultA, defaultB] = [defaultOf(left), defaultOf(right)];
  const merged = new Map<string, NamedRule[]>();
  for (const name of new Set([...a.keys(), ...b.keys()])) {
    const [own, other] = [a.get(name), b.get(name)];
    if (own && other) merged.set(name, mergeRules(own, other, kind));
    else if (own)
      merged.set(
        name,
        own.map((rule) => ({ ...rule, ...pick(rule, defaultB, kind) })),
      );
    else if (other)
      merged.set(
        name,
        other.map((rule) => ({ ...rule, ...pick(defaultA, rule, kind) })),
      );
  }
  const chosen = pick(defaultA, defaultB, kind);
  const architectures = mergedList([left.architectures ?? [], right.architectures ?? []], kind);
  const { action, errnoRet } = chosen;
  const header = mergedHeader(
    [left, right],
    kind,
    { action: "SCMP_ACT_ALLOW" },
    architectures.map((scmp) => ({ scmp })),
  );
  return {
    ...header,
    defaultAction: action,
    ...(errnoRet === undefined ? {} : { defaultErrnoRet: errnoRet }),
    syscalls: entriesOf(merged, chosen),
  };
}

function defaultOf({ defaultAction, defaultErrnoRet }: LinuxSeccomp): Outcome {
  return { action: defaultAction, ...(defaultErrnoRet === undefined ? {} : { errnoRet: defaultErrnoRet }) };
}

function rulesByName({ syscalls = [] }: LinuxSeccomp): Map<string, NamedRule[]> {
  const rules = new Map<string, NamedRule[]>();
  for (const { names, action, errnoRet, args = [] } of syscalls) {
    const rule: NamedRule = { action, ...(errnoRet === undefined ? {} : { errnoRet }), args };
    for (const name of names ?? []) {
      const own = rules.get(name);
      if (own) own.push(rule);
      else rules.set(name, [rule]);
    }
  }
  return rules;
}

/** The stricter or the looser; the left one where they are alike. */
function pick(left: Outcome, right: Outcome, kind: Kind): Outcome {
  const difference = strictness(valueFor(right)) - strictness(valueFor(left));
  const { action, errnoRet } = (kind === "intersection" ? difference < 0 : difference > 0) ? right : left;
  return { action, ...(errnoRet === undefined ? {} : { errnoRet }) };
}

function valueFor({ action, errnoRet }: Outcome): number {
  return returnValue(action, errnoRet);
}

function mergeRules(left: readonly NamedRule[], right: readonly NamedRule[], kind: Kind): NamedRule[] {
  const [a, b] = [left.map(({ args }) => keyOf(args)), right.map(({ args }) => keyOf(args))];
  if (new Set([...a, ...b]).size === new Set(a).size && new Set(a).size === new Set(b).size) {
    return left.map((rule, at) => {
      const same = right[b.indexOf(a[at] ?? "")];
      return { args: rule.args, ...pick(rule, same ?? rule, kind) };
    });
  }
  const all = [...left, ...right].map(
    ({ action, errnoRet }): Outcome => ({
      action,
      ...(errnoRet === undefined ? {} : { errnoRet }),
    }),
  );
  const overall = all.reduce((x, y) => pick(x, y, kind));
  const isPlain = (rules: readonly NamedRule[]): boolean => rules.every(({ args }) => args.length === 0);
  if (kind === "union") {
    if (isPlain(left) || isPlain(right)) return [{ args: [], ...overall }];
    const seen = new Set<string>();
    return [...left, ...right]
      .filter(({ args }) => !seen.has(keyOf(args)) && seen.add(keyOf(args)))
      .map(({ args }) => ({ args, ...overall }));
  }
  const [plainLeft] = isPlain(left) ? left : [];
  const [plainRight] = isPlain(right) ? right : [];
  if (plainLeft) return right.map((rule) => ({ args: rule.args, ...pick(plainLeft, rule, kind) }));
  if (plainRight) return left.map((rule) => ({ args: rule.args, ...pick(rule, plainRight, kind) }));
  return [{ args: [], action: "SCMP_ACT_KILL_PROCESS" }];
}

function keyOf(args: readonly LinuxSeccompArg[]): string {
  const words = args.map(({ index, op, value, valueTwo = 0n }) => `${index} ${op} ${value} ${valueTwo}`);
  return words.sort().join(", ");
}

/** Entries by name; those that do what happens anyway are left out. */
function entriesOf(rules: ReadonlyMap<string, readonly NamedRule[]>, otherwise: Outcome): LinuxSyscall[] {
  const names = [...rules.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return names.flatMap((name) =>
    (rules.get(name) ?? [])
      .filter((rule) => valueFor(rule) !== valueFor(otherwise))
      .map(({ action, errnoRet, args }) => copySyscall({ action, args: [...args] }, [name], errnoRet)),
  );
}

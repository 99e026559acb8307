/**
 * A portability report in words.
 *
 * @module
 */
import type { SyscallDifference } from "../algebra/index.ts";
import { actionText, conditionsText } from "../explain/words.ts";
import type { IgnoredPart } from "./ignored.ts";
import type {
  EnginePortability,
  PortabilityEngine,
  PortabilityOutcome,
  PortabilityReport,
  RuntimeAnswer,
} from "./report.ts";

/** Names shown of a group of calls; the report has all. */
const MAX_SHOWN = 8;

/**
 * A report of `reportPortability` in words: a line for what becomes of the file with each engine, and indented below it
 * what the engine passes over, what the runtimes say, and how calls fare otherwise than under the first reading.
 *
 * For people: the wording may change with any version.
 */
export function explainPortability(report: PortabilityReport): string[] {
  return report.engines.flatMap((reading) => [
    `${reading.engine}: ${outcomeText(reading.outcome, reading.engine)}`,
    ...detailsOf(reading, report.from).map((line) => `  ${line}`),
  ]);
}

function outcomeText(outcome: PortabilityOutcome, engine: PortabilityEngine): string {
  switch (outcome.kind) {
    case "filter":
      return outcome.confinement === "filtered" ? "a filter" : "a filter that lets every call through";
    case "unconfined":
      return "NO FILTER: the container may make every call";
    case "refused":
      return engine === "runtime-spec"
        ? `not a profile to the letter: ${outcome.message}`
        : `refused, the container does not start: ${outcome.message}`;
    case "undecided":
      return `not known: ${outcome.message}`;
  }
}

function detailsOf({ ignored, runtimes, difference }: EnginePortability, from: string): string[] {
  const lines = ignored.map(ignoredText);
  for (const [name, answer] of Object.entries(runtimes ?? {}) as [string, RuntimeAnswer][]) {
    if (answer.kind === "refused") lines.push(`${name} does not start the container: ${answer.message}`);
    if (answer.kind === "no-filter") lines.push(`${name} starts the container without a filter`);
  }
  if (difference.kind === "none") lines.push(`decides every call as with ${from}`);
  if (difference.kind !== "different") return lines;
  const { differences, elsewhere } = difference;
  for (const arch of new Set(differences.map((each) => each.arch))) {
    lines.push(
      ...architectureTexts(
        differences.filter((each) => each.arch === arch),
        from,
      ),
    );
  }
  if (elsewhere) {
    const { before, after } = elsewhere;
    lines.push(`on every other architecture: ${actionText(after)}; with ${from} ${actionText(before)}`);
  }
  return lines;
}

function ignoredText({ kind, name, count, paths }: IgnoredPart): string {
  const [first] = paths;
  const where = count === 1 ? `at ${first}` : `${count} times, first at ${first}`;
  switch (kind) {
    case "unknown-member":
      return `does not read ${name}: ${where}`;
    case "repeated-member":
      return `reads ${name} once, though it stands again: ${where}`;
    case "architecture-map":
      return `does not read ${name} on this architecture: the filter is native only`;
    case "dropped-entry":
      return `drops entries for ${name}: ${where}`;
    case "unknown-call":
      return `knows no call ${JSON.stringify(name)}: ${where}`;
  }
}

/** An architecture that only one side covers is one line: everything else on it follows from that. */
function architectureTexts(differences: readonly SyscallDifference[], from: string): string[] {
  const regions = differences.flatMap((each) => each.regions);
  const [first] = differences;
  const killed = (side: "before" | "after"): boolean =>
    differences.length > 1 && regions.every((region) => region[side].action === "SCMP_ACT_KILL_THREAD");
  if (first && killed("after")) {
    return [`stricter on ${first.arch}: every call that ${from} does not kill for: the thread is killed`];
  }
  if (first && killed("before")) {
    return [`looser on ${first.arch}: calls that all kill the thread with ${from} do not`];
  }
  return differences.flatMap((each) => differenceTexts(each, from));
}

function differenceTexts({ arch, names, numbers, regions }: SyscallDifference, from: string): string[] {
  const unnamed = numbers.reduce((sum, { from, to }) => sum + to - from + 1, 0) - names.length;
  const shown = names.slice(0, MAX_SHOWN);
  if (names.length > MAX_SHOWN) shown.push(`${names.length - MAX_SHOWN} more`);
  if (unnamed > 0) shown.push(unnamed === 1 ? "a number without a name" : "numbers without a name");
  return regions.map(({ conditions, before, after, change }) => {
    const where = conditionsText(conditions);
    const when = where === "" ? "" : ` when ${where}`;
    const how = change === "errno" ? "another errno" : change;
    return `${how} on ${arch}: ${shown.join(", ")}${when}: ${actionText(after)}; with ${from} ${actionText(before)}`;
  });
}

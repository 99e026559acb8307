/**
 * The command line that a service is started with.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/257/systemd.service.html#Command%20lines}
 * @module
 */
import type { Origin } from "../origin.ts";
import type { UnitVariable } from "./environment.ts";
import type { UnitEntry } from "./unit.ts";
import { splitWords } from "./words.ts";

/** A word of a command line. */
export interface ServiceWord {
  readonly text: string;
  readonly origin: Origin;
}

/** Something that cannot be told from files. */
export interface ServiceDoubt {
  readonly reason: string;
  readonly origin: Origin;
}

/** How a service is started. */
export interface ServiceCommand {
  /** The program first; empty where the unit starts none. */
  readonly words: readonly ServiceWord[];
  /** `WorkingDirectory=`; `/` where it is not set. */
  readonly directory: string;
  /** The variables that the unit and its files set. */
  readonly variables: ReadonlyMap<string, UnitVariable>;
  readonly doubts: readonly ServiceDoubt[];
}

/** A file of variables that a unit names. */
export interface EnvironmentFileName {
  readonly path: string;
  /** Whether it may be missing. */
  readonly isOptional: boolean;
  readonly origin: Origin;
}

/** The last assignment of a key, or those after the last empty one. */
function assigned(entries: readonly UnitEntry[], key: string): UnitEntry[] {
  const all = entries.filter((entry) => entry.section === "Service" && entry.key === key);
  return all.slice(all.findLastIndex(({ value }) => value === "") + 1);
}

/** The files of variables of a unit, in the order in which they apply. */
export function environmentFiles(entries: readonly UnitEntry[]): EnvironmentFileName[] {
  return assigned(entries, "EnvironmentFile").map(({ value, originAt }) => ({
    path: value.replace(/^-/, ""),
    isOptional: value.startsWith("-"),
    origin: originAt(0),
  }));
}

/**
 * The command of a unit with its drop-ins, all in the order in which they apply. Of several commands it is the last.
 *
 * @param files Variables of the files that {@link environmentFiles} names, in their order: they go before those of
 * `Environment=`.
 */
export function serviceCommand(
  entries: readonly UnitEntry[],
  files: readonly ReadonlyMap<string, UnitVariable>[],
): ServiceCommand {
  const doubts: ServiceDoubt[] = [];
  const variables = new Map([...ownVariables(entries, doubts), ...files.flatMap((each) => [...each])]);
  const directory = assigned(entries, "WorkingDirectory").at(-1)?.value.replace(/^-/, "") ?? "/";
  const commands = assigned(entries, "ExecStart");
  const entry = commands.at(-1);
  if (!entry) return { words: [], directory, variables, doubts };
  if (commands.length > 1) doubts.push({ reason: "several commands", origin: entry.originAt(0) });
  return { words: wordsOf(entry, variables, doubts), directory, variables, doubts };
}

function ownVariables(entries: readonly UnitEntry[], doubts: ServiceDoubt[]): Map<string, UnitVariable> {
  const variables = new Map<string, UnitVariable>();
  for (const { value, originAt } of assigned(entries, "Environment")) {
    const words = splitWords(value, { escapes: "c" });
    if (!words) doubts.push({ reason: "an assignment of variables that is broken", origin: originAt(0) });
    for (const { text, index } of words ?? []) {
      const end = text.indexOf("=");
      const origin = originAt(index);
      if (end <= 0) continue;
      variables.set(text.slice(0, end), {
        value: withSpecifiers(text.slice(end + 1), origin, doubts),
        origin,
      });
    }
  }
  return variables;
}

function wordsOf(
  { value, originAt }: UnitEntry,
  variables: ReadonlyMap<string, UnitVariable>,
  doubts: ServiceDoubt[],
): ServiceWord[] {
  const split = splitWords(value, { escapes: "c" });
  if (!split) {
    doubts.push({ reason: "a command with a broken quote or escape", origin: originAt(0) });
    return [];
  }
  const [program, ...rest] = split;
  if (!program) return [];
  const [, marks = "", path = ""] = /^([@\-:+!|]*)(.*)$/s.exec(program.text) ?? [];
  const place = originAt(program.index);
  const words: ServiceWord[] = [{ text: withSpecifiers(path, place, doubts), origin: place }];
  // With this mark the word behind the program is the name that it is told.
  for (const { text, index } of marks.includes("@") ? rest.slice(1) : rest) {
    const origin = originAt(index);
    if (text === ";") {
      doubts.push({ reason: "several commands", origin });
      break;
    }
    const written = withSpecifiers(text === "\\;" ? ";" : text, origin, doubts);
    if (marks.includes(":")) words.push({ text: written, origin });
    else words.push(...expanded({ text: written, origin }, variables, doubts));
  }
  return words;
}

/** A variable that is a word of its own becomes as many words as it has; in a word its value is put as it is. */
function expanded(
  { text, origin }: ServiceWord,
  variables: ReadonlyMap<string, UnitVariable>,
  doubts: ServiceDoubt[],
): ServiceWord[] {
  const alone = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(text)?.[1];
  if (alone !== undefined) {
    const variable = variables.get(alone);
    if (!variable) return [];
    const words = splitWords(variable.value, { escapes: "plain" });
    if (!words) {
      doubts.push({ reason: `the variable ${alone} has a broken quote`, origin: variable.origin });
      return [];
    }
    return words.map((word) => ({ text: word.text, origin: variable.origin }));
  }
  let from = origin;
  const replaced = text.replaceAll(/\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string | undefined) => {
    if (name === undefined) return "$";
    const variable = variables.get(name);
    if (variable) from = variable.origin;
    return variable?.value ?? "";
  });
  return [{ text: replaced, origin: from }];
}

function withSpecifiers(text: string, origin: Origin, doubts: ServiceDoubt[]): string {
  return text.replaceAll(/%(.)/gsu, (all, letter: string) => {
    if (letter === "%") return "%";
    doubts.push({ reason: `${all} stands for something of the machine`, origin });
    return all;
  });
}

/**
 * The little of a shell that tests need.
 *
 * @module
 */
import type { ProgramProcess, RuntimeProgram } from "./program-types.ts";

/** A command of a script, and when it runs. */
interface Step {
  words: string[];
  /** Runs it only if what came before succeeded (`&&`) or failed (`||`). */
  after: "always" | "success" | "failure";
  /** Whether its output goes to stderr (`>&2`). */
  toStderr: boolean;
}

/**
 * Runs `sh -c SCRIPT`, or the lines of stdin.
 *
 * A script is commands with `;`, line ends, `&&` and `||` between them, words in single or double quotes, a backslash
 * before one character, `>&2` behind a command, and `exit`. There are no variables, pipes, files or patterns: a
 * script with an unquoted `$`, backquote, `|`, `<`, `>`, `&`, `(` or `*` of another use ends with exit code 2.
 */
export async function runScript(
  process: ProgramProcess,
  programs: Readonly<Record<string, RuntimeProgram>>,
): Promise<number> {
  const [, flag, script] = process.args;
  if (flag === "-c") return (await runText(script ?? "", 0, process, programs)).exitCode;
  let exitCode = 0;
  for await (const line of linesOf(process.stdin)) {
    const outcome = await runText(line, exitCode, process, programs);
    exitCode = outcome.exitCode;
    if (outcome.exits) break;
  }
  return exitCode;
}

async function runText(
  text: string,
  before: number,
  process: ProgramProcess,
  programs: Readonly<Record<string, RuntimeProgram>>,
): Promise<{ exitCode: number; exits: boolean }> {
  const steps = readSteps(text);
  let exitCode = before;
  if (!steps) {
    await process.stderr("sh: this is more than the test runtime understands\n");
    return { exitCode: 2, exits: true };
  }
  for (const { words, after, toStderr } of steps) {
    if (after !== "always" && (exitCode === 0) !== (after === "success")) continue;
    const [name = "", code] = words;
    if (name === "exit") return { exitCode: Number(code ?? exitCode) & 0xff, exits: true };
    const program = Object.hasOwn(programs, name.split("/").at(-1) ?? "")
      ? programs[name.split("/").at(-1) ?? ""]
      : undefined;
    if (program) {
      const stdout = toStderr ? process.stderr : process.stdout;
      exitCode = ((await program({ ...process, args: words, stdout })) ?? 0) & 0xff;
    } else {
      await process.stderr(`sh: ${name}: not found\n`);
      exitCode = 127;
    }
  }
  return { exitCode, exits: false };
}

const TOKEN =
  /\s*(?:(?<end>;|\n|&&|\|\|)|(?<stderr>1?>&2)|(?<word>(?:'[^']*'|"(?:[^"\\$`]|\\.)*"|\\.|[^\s'"\\;&|<>$`()*])+))/y;

/** The commands of a script; undefined if it has more than is understood. */
function readSteps(text: string): Step[] | undefined {
  const steps: Step[] = [];
  let step: Step = { words: [], after: "always", toStderr: false };
  const close = (after: Step["after"]) => {
    if (step.words.length > 0) steps.push(step);
    step = { words: [], after, toStderr: false };
  };
  let at = 0;
  const script = text.trimEnd();
  while (at < script.length) {
    // White space before a line end must not swallow it.
    if (/[ \t]/.test(script[at] ?? "")) {
      at++;
      continue;
    }
    TOKEN.lastIndex = at;
    const groups = script[at] === "\n" ? { end: "\n" } : TOKEN.exec(script)?.groups;
    if (!groups) return undefined;
    if (groups["end"]) close(AFTER[groups["end"]] ?? "always");
    else if (groups["stderr"]) step.toStderr = true;
    else step.words.push(unquote(groups["word"] ?? ""));
    at = groups["end"] === "\n" ? at + 1 : TOKEN.lastIndex;
  }
  close("always");
  return steps;
}

const AFTER: Readonly<Record<string, Step["after"]>> = { "&&": "success", "||": "failure" };

function unquote(word: string): string {
  return word.replaceAll(
    /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/gs,
    (_, single?: string, double?: string, escaped?: string) =>
      single ?? double?.replaceAll(/\\(["\\$`])/g, "$1") ?? escaped ?? "",
  );
}

/** Lines of a stream, of 1 MiB at most; what is longer is cut into such pieces. */
async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of source) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
    if (rest.length > 1_048_576) {
      yield rest;
      rest = "";
    }
  }
  if (rest !== "") yield rest;
}

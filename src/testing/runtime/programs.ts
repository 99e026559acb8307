/**
 * The programs that the in-process runtime has by default.
 *
 * @module
 */
import type { ProgramProcess, RuntimeProgram } from "./program-types.ts";
import { runScript } from "./shell.ts";

/**
 * Programs by the last part of their name, so that `/bin/echo` is `echo`:
 *
 * - `true`, `false`, `pause`, `sleep SECONDS|infinity`, `yes [WORD …]`, `exit [CODE]`
 * - `echo [-n] [WORD …]`, `printenv [NAME …]`, `pwd`
 * - `cat`: stdin to stdout; files do not exist
 * - `sh`: `sh -c SCRIPT`, and a script on stdin; it knows commands with `;`, `&&`, `||` and `>&2`
 */
export function defaultPrograms(): Record<string, RuntimeProgram> {
  const programs: Record<string, RuntimeProgram> = {
    true: () => 0,
    false: () => 1,
    pause: untilSignal,
    exit: ({ args }) => Number(args[1] ?? 0),
    sleep,
    yes,
    echo,
    cat,
    printenv,
    pwd: async ({ cwd, stdout }) => {
      await stdout(`${cwd}\n`);
      return 0;
    },
  };
  programs["sh"] = (process) => runScript(process, programs);
  return programs;
}

/** The program that a command names; undefined if there is none. */
export function findProgram(
  programs: Readonly<Record<string, RuntimeProgram>>,
  command: readonly string[],
): RuntimeProgram | undefined {
  const name = command[0]?.split("/").at(-1) ?? "";
  return Object.hasOwn(programs, name) ? programs[name] : undefined;
}

/** Why a command names no program, in the words of runc. */
export function whyNoProgram([name]: readonly string[]): string {
  if (name === undefined) return "args must not be empty";
  const why = name.includes("/")
    ? `stat ${name}: no such file or directory`
    : "executable file not found in $PATH";
  return `unable to start container process: exec: ${JSON.stringify(name)}: ${why}`;
}

function untilSignal({ signal }: ProgramProcess): Promise<number> {
  if (signal.aborted) return Promise.resolve(0);
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(0), { once: true }));
}

async function sleep(process: ProgramProcess): Promise<number> {
  const [, text = ""] = process.args;
  if (text === "infinity" || process.signal.aborted) return untilSignal(process);
  const seconds = Number(text);
  if (text === "" || !(seconds >= 0)) {
    await process.stderr(`sleep: invalid number '${text}'\n`);
    return 1;
  }
  // A timer takes no more than this; more than 24 days are as good as for ever here.
  const milliseconds = Math.min(seconds * 1000, 2 ** 31 - 1);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      process.signal.removeEventListener("abort", abort);
      resolve(0);
    }, milliseconds);
    const abort = () => {
      clearTimeout(timer);
      resolve(0);
    };
    process.signal.addEventListener("abort", abort, { once: true });
  });
}

async function yes({ args, stdout }: ProgramProcess): Promise<number> {
  const block = Buffer.from(`${args.slice(1).join(" ") || "y"}\n`.repeat(512));
  // Ends when the process does: the write then rejects.
  for (;;) {
    await stdout(block);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function echo({ args, stdout }: ProgramProcess): Promise<number> {
  const words = args.slice(1);
  const bare = words[0] === "-n";
  await stdout(`${(bare ? words.slice(1) : words).join(" ")}${bare ? "" : "\n"}`);
  return 0;
}

async function cat({ args, stdin, stdout, stderr }: ProgramProcess): Promise<number> {
  const [, file] = args;
  if (file !== undefined && file !== "-") {
    await stderr(`cat: can't open '${file}': No such file or directory\n`);
    return 1;
  }
  for await (const bytes of stdin) await stdout(bytes);
  return 0;
}

async function printenv({ args, env, stdout }: ProgramProcess): Promise<number> {
  const names = args.slice(1);
  if (names.length === 0) {
    for (const [name, value] of Object.entries(env)) await stdout(`${name}=${value}\n`);
    return 0;
  }
  let exitCode = 0;
  for (const name of names) {
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value === undefined) exitCode = 1;
    else await stdout(`${value}\n`);
  }
  return exitCode;
}

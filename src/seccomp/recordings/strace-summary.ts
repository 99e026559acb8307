/**
 * Calls that strace counted: the tables that `strace -c` prints, one for each size of programs.
 *
 * @see {@link https://man7.org/linux/man-pages/man1/strace.1.html}
 * @module
 */
import { seccompArch } from "../arch.ts";
import { SeccompError } from "../errors.ts";
import { isSyscallName } from "../syscalls.ts";
import {
  linesOf,
  type PassedOver,
  passedOver,
  type ReadRecordingOptions,
  type Recording,
} from "./recording.ts";

/** Options of {@link readStraceSummary}. */
export interface ReadStraceSummaryOptions extends ReadRecordingOptions {
  /** Architecture that strace ran on, in any spelling. Default `"amd64"`. */
  arch?: string | undefined;
}

const HEADER = /^\s*% time\s+seconds\s+usecs\/call\s+calls\s+errors\s+syscall\s*$/;
const RULE = /^[- ]+$/;
const ROW = /^\s*[0-9.,]+\s+[0-9.,]+\s+[0-9]*\s+[0-9]+\s+(?:[0-9]+\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*$/;
const MODE = /^System call usage summary for (.{1,16}) mode:\s*$/;
const NARROW: Readonly<Record<string, string>> = { x86_64: "x86", aarch64: "arm", s390x: "s390" };

/**
 * The calls in the output of `strace -c` (with `-f` for all processes), whatever the program printed around it.
 *
 * The columns must be the usual ones. Counts and arguments are not told.
 *
 * @throws {SeccompError} `ERR_SECCOMP_SYNTAX` for a text without such a table, or with one that is cut off.
 * @throws {SeccompError} `ERR_SECCOMP_TOO_LARGE`, and `ERR_SECCOMP_FILTER_INVALID` for an unknown `arch`.
 */
export function readStraceSummary(
  input: Uint8Array | string,
  options: ReadStraceSummaryOptions = {},
): Recording {
  const native = seccompArch(options.arch ?? "amd64");
  const names = new Set<string>();
  const architectures = new Set<string>();
  const over: PassedOver[] = [];
  let arch = native.scmp;
  let tables = 0;
  // Rules stand below the header and above the total.
  let rules: number | undefined;
  for (const [at, line] of linesOf(input, options).entries()) {
    const mode = MODE.exec(line)?.[1];
    if (mode !== undefined) arch = seccompArch(modeArch(mode, native.name)).scmp;
    if (HEADER.test(line)) {
      rules = 0;
      continue;
    }
    if (rules === undefined) continue;
    if (RULE.test(line) && line !== "") {
      rules++;
      if (rules < 2) continue;
      tables++;
      rules = undefined;
      arch = native.scmp;
      continue;
    }
    const name = ROW.exec(line)?.[1];
    if (name === undefined || rules === 0) over.push(passedOver("malformed", line, at + 1));
    else if (!isSyscallName(name)) over.push(passedOver("unknown-call", line, at + 1));
    else {
      names.add(name);
      architectures.add(arch);
    }
  }
  if (tables === 0 || rules !== undefined) {
    throw new SeccompError("ERR_SECCOMP_SYNTAX", "no whole table of strace -c in the text");
  }
  return {
    calls: [...names].map((name) => ({ name })),
    architectures: [...architectures],
    passedOver: over,
  };
}

function modeArch(mode: string, native: string): string {
  if (mode === "x32") return "x32";
  return mode === "32 bit" ? (NARROW[native] ?? native) : native;
}

/**
 * The record that the kernel logs of a system call that a filter stopped or logged, as one line of text.
 *
 * ```text
 * line   = *ANY "type=" ("1326" / "SECCOMP") 1*SP *ANY *(" " key "=" value) [%x1D *ANY]
 * value  = DQUOTE *ANY DQUOTE / 1*NONSPACE
 * ```
 *
 * What the kernel writes is `arch` in hexadecimal, `syscall` in decimal and `code` with `0x`; `ausearch -i` writes names
 * for these. Behind %x1D auditd adds names of its own.
 *
 * @see {@link https://github.com/torvalds/linux/blob/v6.12/kernel/auditsc.c}
 * @module
 */
import { actionOf, type SeccompAction } from "./actions.ts";
import { SECCOMP_ARCHES, type SeccompArch } from "./arch.ts";
import { archesOfAudit } from "./bpf/audit-arch.ts";
import { syscallName, syscallNumber, X32_BIT } from "./syscalls.ts";

/** A record of type 1326. */
export interface AuditRecord {
  kind: "record";
  /** The first value of each key. */
  fields: ReadonlyMap<string, string>;
  /** The line from its type on. */
  text: string;
  arch: SeccompArch;
  /** Number that the kernel saw, unsigned; absent for a name that the architecture has no number for. */
  nr?: number;
  /** Absent for a number without a name. */
  name?: string;
  /** What the filter said; absent for a code that no filter of libseccomp has. */
  action?: SeccompAction;
}

/** What a line is. */
export type AuditLine =
  | AuditRecord
  /** A record of the type, but not as it is written, or one that can be read in two ways. */
  | { kind: "malformed" }
  /** Anything else. */
  | { kind: "other" };

const TYPE = /(?:^|\s)type=(?:1326|SECCOMP)(?=\s|$)/;
const FIELD = /\s([a-z]{1,32})=("[^"]*"|\S+)/g;
const ENRICHED = "\u001d";
const MAX_LENGTH = 16 * 1024;

/**
 * The record in a line, with whatever stands before it. A line of more than 16 KiB that has one is malformed.
 *
 * Who wrote the line is not known here: programs can write to most logs.
 */
export function readAuditRecord(line: string): AuditLine {
  const type = TYPE.exec(line);
  if (!type) return { kind: "other" };
  if (line.length > MAX_LENGTH) return { kind: "malformed" };
  const [text = ""] = line.slice(type.index).split(ENRICHED);
  const fields = new Map<string, string>();
  const repeated = new Set<string>();
  // A value in quotes is one: within it a program writes what it likes.
  for (const [, key = "", value = ""] of text.matchAll(FIELD)) {
    if (fields.has(key)) repeated.add(key);
    else fields.set(key, value);
  }
  const [archText, call, code] = ["arch", "syscall", "code"].map((key) =>
    repeated.has(key) ? undefined : fields.get(key),
  );
  if (archText === undefined || call === undefined || code === undefined) return { kind: "malformed" };
  const nr = unsigned(call, 10);
  const arch = archIn(archText, nr ?? 0);
  const isNamed = /^[a-z_][a-z0-9_]*$/i.test(call);
  if (!arch || (nr === undefined && !isNamed)) return { kind: "malformed" };
  const name = nr === undefined ? call : syscallName(arch, nr);
  const number = nr ?? syscallNumber(arch, call);
  const action = actionIn(code);
  return {
    kind: "record",
    fields,
    text,
    arch,
    ...(number === undefined ? {} : { nr: number }),
    ...(name === undefined ? {} : { name }),
    ...(action === undefined ? {} : { action }),
  };
}

/** A number as the kernel writes it, from -2^31 to 2^32-1, as an unsigned one. */
export function unsigned(text: string | undefined, base: 10 | 16): number | undefined {
  const pattern = base === 10 ? /^-?\d{1,10}$/ : /^(?:0x)?[0-9a-f]{1,8}$/i;
  if (text === undefined || !pattern.test(text)) return undefined;
  const value = Number.parseInt(text.replace(/^0x/i, ""), base);
  return value < -(2 ** 31) || value >= 2 ** 32 ? undefined : value >>> 0;
}

function archIn(text: string, nr: number): SeccompArch | undefined {
  const audit = unsigned(text, 16);
  // The tools of the audit daemon have a name of their own for one.
  const names = audit === undefined ? [text === "i386" ? "x86" : text] : archesOfAudit(audit);
  // The kernel has one architecture for both; -1 belongs to either.
  const isX32 = names.includes("x86_64") && nr >= X32_BIT && nr < 0xffff_ffff;
  const wanted = isX32 ? "x32" : names[0];
  return SECCOMP_ARCHES.find(({ name }) => name === wanted);
}

function actionIn(code: string): SeccompAction | undefined {
  if (code === "log") return "SCMP_ACT_LOG";
  const value = code.startsWith("0x") ? unsigned(code, 16) : undefined;
  // The kernel logs the action alone: anything else is a line that was cut off.
  if (value === undefined || value % 0x1_0000 !== 0) return undefined;
  try {
    return actionOf(value).action;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * Reads what the kernel logs of system calls that a filter stopped or logged.
 *
 * ```text
 * line   = *ANY "type=" ("1326" / "SECCOMP") *ANY "audit(" seconds "." millis ":" serial "):" *(" " key "=" value)
 * value  = 1*NONSPACE / DQUOTE *ANY DQUOTE     ; comm and exe without quotes are hexadecimal
 * ```
 *
 * @see {@link https://github.com/torvalds/linux/blob/v6.12/kernel/auditsc.c}
 * @module
 */
import { actionOf, type SeccompAction } from "../actions.ts";
import { SECCOMP_ARCHES, seccompArch } from "../arch.ts";
import { auditArchOf } from "../bpf/audit-arch.ts";
import { syscallName, X32_BIT } from "../syscalls.ts";

/** A call that the kernel logged. Arguments are not in the log. */
export interface SeccompAuditEvent {
  time: Date;
  /** Number of the event, unique for a time. */
  serial: number;
  pid?: number;
  uid?: number;
  /** Name of the thread. */
  command?: string;
  executable?: string;
  /** libseccomp's name. */
  arch: string;
  /** Number that the kernel saw, unsigned. */
  nr: number;
  /** Name of the number, where it has one. */
  name?: string;
  /** What the filter said. The log has no errno. */
  action: SeccompAction;
  /** Signal that the call ended in; 0 for none. */
  signal: number;
}

const TYPE = /\btype=(?:1326|SECCOMP)\b/;
const STAMP = /\baudit\((\d{1,12})\.(\d{3}):(\d{1,15})\):?/;
const FIELD = /(?:^|\s)([a-z]{1,32})=("[^"]*"|\S+)/g;
const MAX_LENGTH = 16 * 1024;

/**
 * The event of one line of an audit log or of the kernel's log, with whatever stands before it.
 *
 * Nothing for any other line: of another type, cut off, longer than 16 KiB, or of an architecture or action that
 * no filter of libseccomp has. Who wrote the line is not known here: programs can write to most logs.
 */
export function parseAuditLine(line: string): SeccompAuditEvent | undefined {
  if (line.length > MAX_LENGTH || !TYPE.test(line)) return undefined;
  const stamp = STAMP.exec(line);
  if (!stamp) return undefined;
  const fields = new Map<string, string>();
  for (const [, key = "", value = ""] of line.slice(stamp.index + stamp[0].length).matchAll(FIELD)) {
    // The first counts: a program chooses what stands in the quotes of a later one.
    if (!fields.has(key)) fields.set(key, value);
  }
  const nr = unsigned(fields.get("syscall"), 10);
  const audit = unsigned(fields.get("arch"), 16);
  const code = /^0x/.test(fields.get("code") ?? "") ? unsigned(fields.get("code"), 16) : undefined;
  if (nr === undefined || audit === undefined || code === undefined) return undefined;
  const arch = archOf(audit, nr);
  const action = knownAction(code);
  if (arch === undefined || action === undefined) return undefined;
  const [, seconds, millis, serial] = stamp;
  const name = syscallName(seccompArch(arch), nr);
  return {
    time: new Date(Number(seconds) * 1000 + Number(millis)),
    serial: Number(serial),
    ...numberField("pid", fields.get("pid")),
    ...numberField("uid", fields.get("uid")),
    ...textField("command", fields.get("comm")),
    ...textField("executable", fields.get("exe")),
    arch,
    nr,
    ...(name === undefined ? {} : { name }),
    action,
    signal: unsigned(fields.get("sig"), 10) ?? 0,
  };
}

function unsigned(text: string | undefined, base: 10 | 16): number | undefined {
  const pattern = base === 10 ? /^-?\d{1,10}$/ : /^(?:0x)?[0-9a-f]{1,8}$/i;
  if (text === undefined || !pattern.test(text)) return undefined;
  const value = Number.parseInt(text.replace(/^0x/i, ""), base);
  // The kernel prints the number of a call as a signed one.
  return value < -(2 ** 31) || value >= 2 ** 32 ? undefined : value >>> 0;
}

function archOf(audit: number, nr: number): string | undefined {
  const names = SECCOMP_ARCHES.filter((arch) => auditArchOf(arch) === audit).map(({ name }) => name);
  if (!names.includes("x86_64")) return names[0];
  return nr >= X32_BIT && nr < 0xffff_ffff ? "x32" : "x86_64";
}

function knownAction(code: number): SeccompAction | undefined {
  // The kernel logs the action alone: anything else is a line that was cut off.
  if (code % 0x1_0000 !== 0) return undefined;
  try {
    return actionOf(code).action;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function numberField<K extends string>(key: K, text: string | undefined): { [P in K]?: number } {
  const value = unsigned(text, 10);
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: number });
}

function textField<K extends string>(key: K, text: string | undefined): { [P in K]?: string } {
  const value = text === undefined ? undefined : textOf(text);
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: string });
}

/** The kernel writes a name with a space, a quote or a control character in hexadecimal. */
function textOf(text: string): string | undefined {
  if (text.startsWith('"')) return text.length > 1 && text.endsWith('"') ? text.slice(1, -1) : undefined;
  if (text === "(null)") return undefined;
  return /^(?:[0-9a-f]{2})+$/i.test(text) ? Buffer.from(text, "hex").toString() : text;
}

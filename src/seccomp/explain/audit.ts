/**
 * Reads what the kernel logs of system calls that a filter stopped or logged.
 *
 * @module
 */
import type { SeccompAction } from "../actions.ts";
import { readAuditRecord, unsigned } from "../audit-record.ts";

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

const STAMP = /\baudit\((\d{1,12})\.(\d{3}):(\d{1,15})\):?/;

/**
 * The event of one line of an audit log or of the kernel's log, with whatever stands before it.
 *
 * Nothing for any other line: of another type, cut off, with a second `arch`, `syscall` or `code`, longer than 16 KiB,
 * or of an architecture or action that no filter of libseccomp has. Who wrote the line is not known here: programs can
 * write to most logs.
 */
export function parseAuditLine(line: string): SeccompAuditEvent | undefined {
  const record = readAuditRecord(line);
  if (record.kind !== "record") return undefined;
  const { fields, arch, nr, name, action } = record;
  const stamp = STAMP.exec(record.text);
  if (!stamp || nr === undefined || action === undefined) return undefined;
  const [, seconds, millis, serial] = stamp;
  return {
    time: new Date(Number(seconds) * 1000 + Number(millis)),
    serial: Number(serial),
    ...numberField("pid", fields.get("pid")),
    ...numberField("uid", fields.get("uid")),
    ...textField("command", fields.get("comm")),
    ...textField("executable", fields.get("exe")),
    arch: arch.name,
    nr,
    ...(name === undefined ? {} : { name }),
    action,
    signal: unsigned(fields.get("sig"), 10) ?? 0,
  };
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

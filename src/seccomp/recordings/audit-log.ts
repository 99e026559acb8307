/**
 * Calls that the kernel logged: records of type 1326, as in the kernel log, auditd's file and what ausearch prints.
 *
 * @see {@link https://github.com/torvalds/linux/blob/v6.12/kernel/auditsc.c}
 * @module
 */
import { SECCOMP_ARCHES, type SeccompArch } from "../arch.ts";
import { archesOfAudit } from "../bpf/audit-arch.ts";
import { isSyscallName, syscallName, X32_BIT } from "../syscalls.ts";
import {
  linesOf,
  type PassedOver,
  passedOver,
  type ReadRecordingOptions,
  type Recording,
} from "./recording.ts";

const RECORD = /(?:^|\s)type=(?:1326|SECCOMP)(?:\s|$)/;
/** The code of `SCMP_ACT_LOG`, as the kernel writes it and as ausearch interprets it. */
const LOGGED: ReadonlySet<string> = new Set(["0x7ffc0000", "log"]);
/** Ends what the kernel wrote, where auditd adds names of its own. */
const ENRICHED = "\u001d";

/**
 * The calls in an audit log of a workload that ran under a filter with `SCMP_ACT_LOG`.
 *
 * Lines without a record of type 1326 are ignored. Only calls that were logged and let through count; those that a
 * filter stopped are in `passedOver`. Records do not tell arguments.
 *
 * Records of all processes are taken: choose the lines of one workload before. A process that may write to the log
 * that the text comes from can forge records.
 *
 * @throws {SeccompError} `ERR_SECCOMP_TOO_LARGE`.
 */
export function readAuditLog(input: Uint8Array | string, options: ReadRecordingOptions = {}): Recording {
  const names = new Set<string>();
  const architectures = new Set<string>();
  const over: PassedOver[] = [];
  for (const [at, line] of linesOf(input, options).entries()) {
    if (!RECORD.test(line)) continue;
    const [written = ""] = line.split(ENRICHED);
    const found = callIn(written);
    if (typeof found === "string") {
      over.push(passedOver(found, line, at + 1));
      continue;
    }
    names.add(found.name);
    architectures.add(found.arch.scmp);
  }
  return {
    calls: [...names].map((name) => ({ name })),
    architectures: [...architectures],
    passedOver: over,
  };
}

function callIn(line: string): { name: string; arch: SeccompArch } | PassedOver["reason"] {
  const [archText, call, code] = ["arch", "syscall", "code"].map((key) => field(line, key));
  if (archText === undefined || call === undefined || code === undefined) return "malformed";
  if (!LOGGED.has(code)) return "stopped";
  const numbered = /^-?[0-9]{1,10}$/.test(call);
  const isX32 = numbered && Number(call) >= X32_BIT;
  const arch = archNamed(archText, isX32);
  if (!arch) return "malformed";
  const name = numbered ? syscallName(arch, Number(call)) : call;
  return name !== undefined && isSyscallName(name) ? { name, arch } : "unknown-call";
}

/** The value of a field; nothing where there is none, or several. The kernel writes no spaces within values. */
function field(line: string, key: string): string | undefined {
  const values = line.split(/\s+/).filter((word) => word.startsWith(`${key}=`));
  return values.length === 1 ? values[0]?.slice(key.length + 1) : undefined;
}

function archNamed(text: string, isX32: boolean): SeccompArch | undefined {
  const names = /^[0-9a-f]{1,8}$/.test(text) ? archesOfAudit(Number.parseInt(text, 16)) : [text];
  const wanted = names.includes("x86_64") && isX32 ? "x32" : names.find((name) => name !== "x32");
  return SECCOMP_ARCHES.find(({ name }) => name === wanted);
}

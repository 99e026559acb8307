/**
 * The `linux.seccomp` object: put together, and written as JSON.
 *
 * @see {@link https://github.com/opencontainers/runtime-spec/blob/v1.2.1/config-linux.md#seccomp}
 * @module
 */
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall, ProfileSyscall, SeccompProfile } from "./types.ts";

/** Options of {@link formatSeccomp}. */
export interface FormatSeccompOptions {
  /** Spaces a level is indented by, 0 to 10. Default 0: one line. */
  indent?: number | undefined;
}

/**
 * The JSON text of a `linux.seccomp` object, as Go programs write it: members in the order of the
 * specification's type, without empty lists and texts, without a zero `valueTwo`, and with every 64-bit number
 * exact.
 *
 * `null` gives `null`. Go's escapes for `<`, `>` and `&` are not written.
 */
export function formatSeccomp(spec: LinuxSeccomp | null, options: FormatSeccompOptions = {}): string {
  const { indent = 0 } = options;
  if (!Number.isInteger(indent) || indent < 0 || indent > 10) {
    throw new RangeError(`indent must be a whole number from 0 to 10, got ${indent}`);
  }
  return write(spec === null ? null : ordered(spec), indent, "\n");
}

type Written = null | string | number | bigint | Written[] | Map<string, Written>;

function ordered(spec: LinuxSeccomp): Written {
  return present([
    ["defaultAction", spec.defaultAction],
    ["defaultErrnoRet", spec.defaultErrnoRet],
    ["architectures", spec.architectures?.length ? spec.architectures : undefined],
    ["flags", spec.flags?.length ? spec.flags : undefined],
    ["listenerPath", spec.listenerPath || undefined],
    ["listenerMetadata", spec.listenerMetadata || undefined],
    ["syscalls", spec.syscalls?.length ? spec.syscalls.map(orderedRule) : undefined],
  ]);
}

function orderedRule(rule: LinuxSyscall): Written {
  return present([
    ["names", rule.names],
    ["action", rule.action],
    ["errnoRet", rule.errnoRet],
    ["args", rule.args?.length ? rule.args.map(orderedArg) : undefined],
  ]);
}

function orderedArg(arg: LinuxSeccompArg): Written {
  return present([
    ["index", arg.index],
    ["value", arg.value],
    ["valueTwo", arg.valueTwo || undefined],
    ["op", arg.op],
  ]);
}

function present(members: [name: string, value: Written | undefined][]): Map<string, Written> {
  const object = new Map<string, Written>();
  for (const [name, value] of members) if (value !== undefined) object.set(name, value);
  return object;
}

function write(value: Written, indent: number, lineEnd: string): string {
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const inner = indent > 0 ? lineEnd + " ".repeat(indent) : "";
  const outer = indent > 0 ? lineEnd : "";
  const below = lineEnd + " ".repeat(indent);
  const colon = indent > 0 ? ": " : ":";
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((item) => write(item, indent, below))
    : [...value].map(([name, item]) => JSON.stringify(name) + colon + write(item, indent, below));
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  return parts.length === 0 ? open + close : `${open}${inner}${parts.join(`,${inner}`)}${outer}${close}`;
}

/** A rule of the runtime specification from an entry of a profile; shares nothing with it. */
export function copySyscall(
  entry: ProfileSyscall,
  names: string[] | null,
  errnoRet: number | undefined,
): LinuxSyscall {
  return {
    names,
    action: entry.action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...nonEmpty("args", (entry.args ?? []).map(copyArg)),
  };
}

/** The object of a profile, from what a conversion made of its parts; empty parts are left out. */
export function specOf(
  { defaultAction, flags, listenerPath, listenerMetadata }: SeccompProfile,
  {
    defaultErrnoRet,
    architectures,
    syscalls,
  }: { defaultErrnoRet: number | undefined; architectures: string[]; syscalls: LinuxSyscall[] },
): LinuxSeccomp {
  return {
    defaultAction,
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    ...nonEmpty("architectures", architectures),
    ...nonEmpty("flags", flags ?? []),
    ...(listenerPath ? { listenerPath } : {}),
    ...(listenerMetadata ? { listenerMetadata } : {}),
    ...nonEmpty("syscalls", syscalls),
  };
}

function copyArg({ index, value, valueTwo = 0n, op }: LinuxSeccompArg): LinuxSeccompArg {
  return { index, value, ...(valueTwo === 0n ? {} : { valueTwo }), op };
}

/** A member, or none for an empty list: Go leaves those out. */
export function nonEmpty<K extends string, T>(key: K, items: T[]): { [P in K]?: T[] } {
  return items.length === 0 ? {} : ({ [key]: items } as { [P in K]?: T[] });
}

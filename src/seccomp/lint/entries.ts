/**
 * Checks of a profile entry by entry, as it stands in the file.
 *
 * @module
 */
import { hasErrno } from "../actions.ts";
import { MAX_ARTIFACT_BYTES, MAX_ARTIFACT_ENTRIES } from "../artifact-check.ts";
import { isSyscallName } from "../syscalls.ts";
import type { ProfileSyscall, SeccompProfile } from "../types.ts";
import type { ReportFinding } from "./findings.ts";

/** libseccomp refuses 4095, the greatest errno of the kernel. */
const MAX_ERRNO = 4094;
const ERRNO_BITS = 0xffff;
const NOTIFY = "SCMP_ACT_NOTIFY";

/** Reports what is odd about the default action and each entry. */
export function lintEntries(profile: SeccompProfile, report: ReportFinding): void {
  if (profile.defaultAction === NOTIFY) {
    report(["defaultAction"], "notify-refused", "error", "runc takes no notification by default");
  }
  lintErrno(["defaultErrnoRet"], profile.defaultAction, profile.defaultErrnoRet, report);
  profile.syscalls?.forEach((entry, at) => {
    lintEntry(entry, profile.engine, ["syscalls", at], report);
  });
}

/** Reports what keeps a profile from being distributed as an artifact. */
export function lintForArtifact(profile: SeccompProfile, bytes: number, report: ReportFinding): void {
  const { listenerPath, listenerMetadata, defaultAction, syscalls = [] } = profile;
  if (bytes > MAX_ARTIFACT_BYTES) report([], "artifact-limit", "error", "more than 1 MiB (1048576 bytes)");
  if (syscalls.length > MAX_ARTIFACT_ENTRIES)
    report(["syscalls"], "artifact-limit", "error", "more than 128 entries");
  const refused = "notify-in-artifact";
  if (listenerPath) report(["listenerPath"], refused, "error", "artifacts have no listener");
  if (listenerMetadata) report(["listenerMetadata"], refused, "error", "artifacts have no listener");
  if (defaultAction === NOTIFY) report(["defaultAction"], refused, "error", "artifacts do not notify");
  syscalls.forEach(({ action }, at) => {
    if (action === NOTIFY) report(["syscalls", at, "action"], refused, "error", "artifacts do not notify");
  });
}

function lintEntry(
  entry: ProfileSyscall,
  engine: SeccompProfile["engine"],
  path: readonly (string | number)[],
  report: ReportFinding,
): void {
  const { name, names, action, errnoRet, args = [] } = entry;
  const all: [call: string, path: (string | number)[]][] = (names ?? []).map((call, at) => [
    call,
    [...path, "names", at],
  ]);
  if (name) all.push([name, [...path, "name"]]);
  if (all.length === 0) {
    // containers-common drops such an entry; others hand on `null` where the file has no list.
    const stops = names === null && engine !== "containers-common";
    const message = `the rule names no call${stops ? ": crun does not start the container" : ""}`;
    report(path, "no-names", "warning", message);
  }
  for (const [call, at] of all) {
    if (!isSyscallName(call)) {
      const message = `no architecture has a call ${JSON.stringify(call.slice(0, 64))}: it is left out silently`;
      report(at, "unknown-syscall", "warning", message);
    }
    if (call === "write" && action === NOTIFY) {
      report(at, "notify-refused", "error", "runc takes no notification for write");
    }
  }
  lintErrno([...path, "errnoRet"], action, errnoRet, report);
  const indexes = new Set(args.map(({ index }) => index));
  if (indexes.size < args.length) {
    const mixed = indexes.size > 1;
    const message = mixed
      ? "an argument stands twice: each condition counts alone, those on other arguments too"
      : "an argument stands twice: the rule applies where any of its conditions holds";
    report([...path, "args"], "repeated-argument", mixed ? "error" : "warning", message);
  }
  args.forEach(({ value, valueTwo = 0n }, at) => {
    for (const [member, number] of [
      ["value", value],
      ["valueTwo", valueTwo],
    ] as const) {
      if (number <= BigInt(Number.MAX_SAFE_INTEGER)) continue;
      const message = `${number} is above 2^53-1: tools that read numbers as doubles change it`;
      report([...path, "args", at, member], "unsafe-number", "info", message);
    }
  });
}

function lintErrno(
  path: readonly (string | number)[],
  action: string,
  errno: number | undefined,
  report: ReportFinding,
): void {
  if (errno === undefined) return;
  if (!hasErrno(action)) {
    report(path, "errno-without-use", "warning", `${action.slice(0, 64)} has no errno: crun refuses it`);
  } else if (errno > ERRNO_BITS) {
    const message = `only the low 16 bits of an errno count, which are ${errno % (ERRNO_BITS + 1)}`;
    report(path, "errno-too-large", "warning", message);
  } else if (action === "SCMP_ACT_ERRNO" && errno > MAX_ERRNO) {
    report(path, "errno-too-large", "warning", `libseccomp takes no errno above ${MAX_ERRNO}`);
  }
}

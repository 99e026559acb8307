/**
 * Actions of a filter: their names in profiles, and the values that a filter returns to the kernel.
 *
 * @see {@link https://www.kernel.org/doc/html/v6.12/userspace-api/seccomp_filter.html#return-values}
 * @module
 */
import { SeccompError } from "./errors.ts";

/** What can happen with a system call. `SCMP_ACT_KILL` is another spelling of `SCMP_ACT_KILL_THREAD`. */
export type SeccompAction =
  | "SCMP_ACT_KILL_PROCESS"
  | "SCMP_ACT_KILL_THREAD"
  | "SCMP_ACT_TRAP"
  | "SCMP_ACT_ERRNO"
  | "SCMP_ACT_NOTIFY"
  | "SCMP_ACT_TRACE"
  | "SCMP_ACT_LOG"
  | "SCMP_ACT_ALLOW";

const VALUES: readonly [action: SeccompAction, value: number][] = [
  ["SCMP_ACT_KILL_PROCESS", 0x8000_0000],
  ["SCMP_ACT_KILL_THREAD", 0x0000_0000],
  ["SCMP_ACT_TRAP", 0x0003_0000],
  ["SCMP_ACT_ERRNO", 0x0005_0000],
  ["SCMP_ACT_NOTIFY", 0x7fc0_0000],
  ["SCMP_ACT_TRACE", 0x7ff0_0000],
  ["SCMP_ACT_LOG", 0x7ffc_0000],
  ["SCMP_ACT_ALLOW", 0x7fff_0000],
];

const BY_NAME: ReadonlyMap<string, number> = new Map([...VALUES, ["SCMP_ACT_KILL", 0]]);
const BY_VALUE: ReadonlyMap<number, SeccompAction> = new Map(
  VALUES.map(([action, value]) => [value, action]),
);

const EPERM = 1;

/** Returned for a call of an architecture that the filter does not have. */
export const BAD_ARCH = 0x0000_0000;
/** What runc answers to calls that are newer than the profile. */
export const ENOSYS_STUB: number = 0x0005_0000 + 38;

/** Whether an action carries a number. */
export function hasErrno(action: string): boolean {
  return action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
}

/**
 * The value that a filter returns for an action: an errno of 1 (EPERM) where none is given, its low 16 bits else.
 *
 * @throws {SeccompError} `ERR_SECCOMP_FILTER_INVALID` for an unknown action.
 */
export function returnValue(action: string, errno: number | undefined): number {
  const value = BY_NAME.get(action);
  if (value === undefined) {
    throw new SeccompError(
      "ERR_SECCOMP_FILTER_INVALID",
      `unknown action ${JSON.stringify(action.slice(0, 64))}`,
    );
  }
  return hasErrno(action) ? value + ((errno ?? EPERM) % 0x1_0000) : value;
}

/** The action of a return value, and its number where it carries one. */
export function actionOf(value: number): { action: SeccompAction; errno?: number } {
  const data = value % 0x1_0000;
  const action = BY_VALUE.get(value - data);
  if (!action) throw new RangeError(`0x${value.toString(16)} is not the return value of an action`);
  return hasErrno(action) ? { action, errno: data } : { action };
}

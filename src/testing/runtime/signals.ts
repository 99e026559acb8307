/**
 * Signals by name and number, as Linux has them on amd64 and arm64.
 *
 * @module
 */
import { Signal } from "../../cri/index.ts";

const NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGIOT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPOLL: 29,
  SIGPWR: 30,
  SIGSYS: 31,
  SIGRTMIN: 34,
  SIGRTMAX: 64,
};

/** Signals whose default action does not end a process. */
const HARMLESS: ReadonlySet<string> = new Set([
  "SIGCHLD",
  "SIGCLD",
  "SIGCONT",
  "SIGSTOP",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGURG",
  "SIGWINCH",
]);

/** The number of a signal, real-time ones such as `SIGRTMIN+3` and `SIGRTMIN_PLUS_3` included. */
export function signalNumber(name: string): number {
  const near = /^(SIGRTM(?:IN|AX))(?:\+|-|_?PLUS_?|_?MINUS_?)(\d+)$/.exec(name);
  if (near) return (NUMBERS[near[1] ?? ""] ?? 0) + Number(near[2]) * (near[1] === "SIGRTMIN" ? 1 : -1);
  const number = NUMBERS[name];
  if (number === undefined) throw new TypeError(`${JSON.stringify(name)} is not a signal`);
  return number;
}

/** Whether a process that does not handle a signal ends by it. */
export function endsByDefault(name: string): boolean {
  return !HARMLESS.has(name);
}

/** The name of a signal of the interface; undefined for that of the runtime's choice, and for unknown numbers. */
export function stopSignalName(signal: Signal): string | undefined {
  if (signal === Signal.RUNTIME_DEFAULT) return undefined;
  return Object.entries(Signal).find(([, value]) => value === signal)?.[0];
}

/** The signal of the interface for a name; that of the runtime's choice for a name that it does not have. */
export function signalOfName(name: string): Signal {
  return Object.entries(Signal).find(([key]) => key === name)?.[1] ?? Signal.RUNTIME_DEFAULT;
}

/**
 * Values of CRI-O's runtime table that are texts with a form of their own.
 *
 * @see {@link https://github.com/cri-o/cri-o/blob/v1.36.0/pkg/config/config.go}
 * @module
 */
import type { CrioState, NamedTable } from "./apply.ts";
import { invalid, setting } from "./invalid.ts";

const ULIMITS: readonly string[] = [
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
];

/** Every capability of Linux up to 6.x, without its prefix. */
const CAPABILITIES: readonly string[] = (
  "AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH " +
  "FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN " +
  "NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT " +
  "SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM"
).split(" ");

const LOG_LEVELS: readonly string[] = [
  "trace",
  "debug",
  "info",
  "warn",
  "warning",
  "error",
  "fatal",
  "panic",
];

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
/** More processors than any machine has: a set is written out as its members. */
const MAX_CPU = 65_536;

/**
 * Checks limits and devices, which CRI-O does before it looks for its runtimes.
 *
 * @throws {ConfigError} `ERR_CONFIG_INVALID`; the message equals CRI-O's, but for what follows the last colon.
 */
export function checkLimitsAndDevices(state: CrioState): void {
  each(state, "default_ulimits", (text) => {
    const problem = ulimitProblem(text);
    return problem === undefined ? undefined : `unrecognized ulimit ${text}: ${problem}`;
  });
  each(state, "additional_devices", deviceProblem);
}

/**
 * Checks what CRI-O checks once it has a runtime: time zone, sysctls, capabilities, processors and the level of the log.
 *
 * Time zones are not looked up: only a name that is none is refused. Neither are processors of the machine, nor which
 * capabilities its kernel has.
 *
 * @throws {ConfigError} As {@link checkLimitsAndDevices}.
 */
export function checkTexts(state: CrioState): void {
  one(state, "log_level", (text) =>
    LOG_LEVELS.includes(text.toLowerCase()) ? undefined : `not a valid logrus Level: ${JSON.stringify(text)}`,
  );
  one(state, "timezone", (text) => {
    const isName = !/(?:^|\/)\.\.(?:\/|$)|^[/\\]|\\|\0/.test(text);
    return isName ? undefined : `invalid timezone: ${text}`;
  });
  each(state, "default_sysctls", (text) => {
    const problem = sysctlProblem(text);
    return problem === undefined ? undefined : `invalid default_sysctls: ${problem}`;
  });
  each(state, "default_capabilities", (text) =>
    CAPABILITIES.includes(text.toUpperCase())
      ? undefined
      : `invalid capabilities: validating capabilities: unknown capability "CAP_${text.toUpperCase()}"`,
  );
  for (const key of ["infra_ctr_cpuset", "shared_cpuset"]) {
    one(state, key, (text) => {
      const problem = cpuSetProblem(text);
      return problem === undefined ? undefined : `invalid ${key}: ${problem}`;
    });
  }
}

/** Why the processors of a workload's table are none; undefined for what is well. */
export function workloadCpuProblem({ resources }: NamedTable): string | undefined {
  const text = String(resources?.get("cpuset")?.value ?? "");
  const problem = cpuSetProblem(text);
  return problem === undefined ? undefined : `unable to parse cpuset ${JSON.stringify(text)}: ${problem}`;
}

function each(state: CrioState, key: string, problemOf: (text: string) => string | undefined): void {
  const given = setting(state, "runtime", key);
  for (const text of given.value as readonly string[]) {
    // CRI-O passes over empty entries of these, for the sake of old files.
    if (text === "" && (key === "default_sysctls" || key === "additional_devices")) continue;
    const problem = problemOf(text);
    if (problem !== undefined) throw invalid(`crio.runtime.${key}`, given, problem);
  }
}

function one(state: CrioState, key: string, problemOf: (text: string) => string | undefined): void {
  const given = setting(state, "runtime", key);
  const problem = given.value === "" ? undefined : problemOf(String(given.value));
  if (problem !== undefined) throw invalid(`crio.runtime.${key}`, given, problem);
}

function ulimitProblem(text: string): string | undefined {
  const at = text.indexOf("=");
  if (at < 0) return `invalid ulimit argument: ${text}`;
  const name = text.slice(0, at);
  if (!ULIMITS.includes(name)) return `invalid ulimit type: ${name}`;
  const limits = text.slice(at + 1).split(":");
  if (limits.length > 2) {
    return `too many limit value arguments - ${text.slice(at + 1)}, can only have up to two, \`soft[:hard]\``;
  }
  const numbers = limits.map(integerOf);
  if (numbers.includes(undefined)) return "invalid syntax";
  const [soft = 0n, hard = soft] = numbers;
  if (hard === -1n || (soft !== -1n && soft <= hard)) return undefined;
  const given = soft === -1n ? `soft: -1 (unlimited), hard: ${hard}` : `${soft} > ${hard}`;
  return `ulimit soft limit must be less than or equal to hard limit: ${given}`;
}

function integerOf(text: string): bigint | undefined {
  if (!/^[-+]?[0-9]{1,30}$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ""));
  return value >= MIN_INT64 && value <= MAX_INT64 ? value : undefined;
}

/** `SOURCE`, `SOURCE:TARGET`, `SOURCE:MODE` or `SOURCE:TARGET:MODE`. */
function deviceProblem(text: string): string | undefined {
  const parts = text.split(":");
  const [source = "", second, mode] = parts;
  if (parts.length > 3) return `invalid device specification: ${text}`;
  if (mode !== undefined && !isDeviceMode(mode)) return `invalid device mode: ${mode}`;
  const isMode = second !== undefined && isDeviceMode(second);
  if (second !== undefined && second !== "" && !isMode && !second.startsWith("/")) {
    return `invalid device mode: ${second}`;
  }
  const target = second === undefined || second === "" || isMode ? source : second;
  return target.startsWith("/dev/") ? undefined : `invalid device mode: ${target}`;
}

function isDeviceMode(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
}

function sysctlProblem(text: string): string | undefined {
  const at = text.indexOf("=");
  if (at < 0) return `${JSON.stringify(text)} is not in key=value format`;
  const trimmed = `${text.slice(0, at).trim()}=${text.slice(at + 1).trim()}`;
  if (trimmed === text) return undefined;
  return `'${text}' is invalid, extra spaces found: format should be key=value`;
}

/** `0-3,7`; nothing is the empty set. */
function cpuSetProblem(text: string): string | undefined {
  if (text === "") return undefined;
  for (const range of text.split(",")) {
    const bounds = range.split("-");
    if (bounds.length > 2 || bounds.some((bound) => !/^[0-9]{1,9}$/.test(bound))) {
      return `invalid range ${JSON.stringify(range)}`;
    }
    const [first = 0, last = first] = bounds.map(Number);
    if (first > last || last > MAX_CPU) return `invalid range ${JSON.stringify(range)} (${first} > ${last})`;
  }
  return undefined;
}

/**
 * The part of an image's configuration that says how a container of it runs, with what Docker adds to it.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties}
 * @module
 */
import { knownNames, refuseOtherSpellings } from "../json-names.ts";
import {
  below,
  type JsonAt,
  type JsonMembers,
  membersOf,
  numberOf,
  optional,
  optionalText,
  textMapOf,
  textsOf,
  unfit,
} from "../json-value.ts";

/** A check that Docker runs in a container. Durations are in nanoseconds; 0 stands for the default. */
export interface HealthcheckConfig {
  /** `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", command]`; empty: as in the base image. */
  Test?: string[];
  Interval?: bigint;
  Timeout?: bigint;
  StartPeriod?: bigint;
  StartInterval?: bigint;
  Retries?: number;
}

/** How a container of an image runs. Names are those of the document. */
export interface ContainerConfig {
  /** User or uid, with a group after a colon. */
  User?: string;
  /** `port`, `port/tcp` or `port/udp`, each with an empty object. */
  ExposedPorts?: Record<string, object>;
  /** `NAME=value`. An entry without `=` is read as it is. */
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  /** Directories, each with an empty object. */
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  /** `SIGNAME` or a number. */
  StopSignal?: string;
  /** On Windows: `Entrypoint` and `Cmd` have one item each, a command line. */
  ArgsEscaped?: boolean;
  /** Docker only. */
  Healthcheck?: HealthcheckConfig;
  /** Docker only. */
  OnBuild?: string[];
  /** Docker only: what runs commands that are one text. */
  Shell?: string[];
  /** Docker only: seconds to wait after the stop signal. */
  StopTimeout?: number;
  /** Reserved, bytes. */
  Memory?: bigint;
  /** Reserved, bytes. */
  MemorySwap?: bigint;
  /** Reserved. */
  CpuShares?: bigint;
}

const NAMES = knownNames(
  "User",
  "ExposedPorts",
  "Env",
  "Entrypoint",
  "Cmd",
  "Volumes",
  "WorkingDir",
  "Labels",
  "StopSignal",
  "ArgsEscaped",
  "Healthcheck",
  "OnBuild",
  "Shell",
  "StopTimeout",
  "Memory",
  "MemorySwap",
  "CpuShares",
);
const HEALTHCHECK_NAMES = knownNames(
  "Test",
  "Interval",
  "Timeout",
  "StartPeriod",
  "StartInterval",
  "Retries",
);

/** Reads how a container runs; fails as `parseImageConfig` does. */
export function readContainerConfig(value: unknown, at: JsonAt): ContainerConfig {
  const members = membersOf(value, at);
  refuseOtherSpellings(members, NAMES, at);
  const config: ContainerConfig = {};
  for (const name of ["User", "WorkingDir", "StopSignal"] as const) {
    const text = optionalText(members, name, at);
    if (text !== undefined) config[name] = text;
  }
  for (const name of ["Env", "Entrypoint", "Cmd", "OnBuild", "Shell"] as const) {
    const texts = optionalTexts(members, name, at);
    if (texts !== undefined) config[name] = texts;
  }
  for (const name of ["ExposedPorts", "Volumes"] as const) {
    const found = optional(members, name);
    if (found !== undefined) config[name] = readSet(found, below(at, name));
  }
  const labels = optional(members, "Labels");
  if (labels !== undefined) config.Labels = textMapOf(labels, below(at, "Labels"));
  const escaped = optionalFlag(members, "ArgsEscaped", at);
  if (escaped !== undefined) config.ArgsEscaped = escaped;
  const check = optional(members, "Healthcheck");
  if (check !== undefined) config.Healthcheck = readHealthcheck(check, below(at, "Healthcheck"));
  const timeout = optionalNumber(members, "StopTimeout", at);
  if (timeout !== undefined) config.StopTimeout = timeout;
  for (const name of ["Memory", "MemorySwap", "CpuShares"] as const) {
    const found = optionalInt64(members, name, at);
    if (found !== undefined) config[name] = found;
  }
  return config;
}

function readHealthcheck(value: unknown, at: JsonAt): HealthcheckConfig {
  const members = membersOf(value, at);
  refuseOtherSpellings(members, HEALTHCHECK_NAMES, at);
  const check: HealthcheckConfig = {};
  const test = optionalTexts(members, "Test", at);
  if (test !== undefined) check.Test = test;
  for (const name of ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const) {
    const found = optionalInt64(members, name, at);
    if (found !== undefined) check[name] = found;
  }
  const retries = optionalNumber(members, "Retries", at);
  if (retries !== undefined) check.Retries = retries;
  return check;
}

/** A set of names, written as an object of empty objects. */
function readSet(value: unknown, at: JsonAt): Record<string, object> {
  const members = membersOf(value, at);
  return Object.fromEntries(
    Object.keys(members).map((key) => [key, { ...membersOf(members[key], below(at, key)) }]),
  );
}

function optionalTexts(members: JsonMembers, key: string, at: JsonAt): string[] | undefined {
  const value = optional(members, key);
  return value === undefined ? undefined : textsOf(value, below(at, key));
}

function optionalNumber(members: JsonMembers, key: string, at: JsonAt): number | undefined {
  const value = optional(members, key);
  if (value === undefined) return undefined;
  return numberOf(value, at, key, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
}

function optionalInt64(members: JsonMembers, key: string, at: JsonAt): bigint | undefined {
  const value = optional(members, key);
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === "bigint" && value >= -(2n ** 63n) && value < 2n ** 63n) return value;
  throw unfit(below(at, key), "ERR_JSON_TYPE", "not a whole number of 64 bits");
}

/** A boolean that may be absent. Throws `ERR_JSON_TYPE` for anything else. */
export function optionalFlag(members: JsonMembers, key: string, at: JsonAt): boolean | undefined {
  const value = optional(members, key);
  if (value === undefined || typeof value === "boolean") return value;
  throw unfit(below(at, key), "ERR_JSON_TYPE", "JSON boolean expected");
}

/**
 * Reads a profile file as the engine that will convert it does: leniently, but exactly as leniently.
 *
 * @module
 */
import { CoreError } from "../core/errors.ts";
import { type JsonNode, parseJson, positionOf } from "../core/strict-json.ts";
import {
  type Held,
  list,
  optional,
  present,
  type Slot,
  struct,
  text,
  uint,
  uint64,
  wrongType,
} from "./decode.ts";
import { SeccompError, type SeccompErrorOptions } from "./errors.ts";
import { parseMinKernel } from "./kernel.ts";
import type {
  KernelVersion,
  LinuxSeccompArg,
  ProfileArchitecture,
  ProfileCondition,
  ProfileSyscall,
  SeccompEngine,
  SeccompProfile,
} from "./types.ts";

/** Options of {@link parseProfile}. */
export interface ParseProfileOptions {
  /** Whose reading to follow. Default `"containers-common"`. */
  engine?: SeccompEngine | undefined;
  /** Longest profile accepted, in bytes. Default 4 MiB (4194304). CRI-O takes 1 MiB (1048576) from artifacts. */
  maxBytes?: number | undefined;
}

const DEFAULT_MAX_BYTES = 4 * 1024 * 1024;
/** Go's decoder refuses more. */
const MAX_DEPTH = 10_000;

/**
 * The profile in a file, read as one engine reads it.
 *
 * Only types are checked. Actions, operators, names, flags and architectures are not: see `validateProfile` for
 * what is wrong with a file and `evaluateSyscall` for what it does. Unknown members are ignored, names match in
 * any letter case, and repeated members follow the rules of the engine's decoder. `null` is an empty profile.
 *
 * A profile without default action and rules is valid and means "no filter": convert it before judging it.
 *
 * @throws {SeccompError} `ERR_SECCOMP_SYNTAX`, `ERR_SECCOMP_TYPE`, `ERR_SECCOMP_KERNEL_VERSION` (moby),
 *   `ERR_SECCOMP_UNSUPPORTED` for an index or errno above 2^53-1; with the position. The message begins with
 *   the engine's `decoding seccomp profile failed: `.
 * @throws {SeccompError} `ERR_SECCOMP_TOO_LARGE`.
 */
export function parseProfile(input: Uint8Array | string, options: ParseProfileOptions = {}): SeccompProfile {
  const { engine = "containers-common" } = options;
  return profileOf(profileTree(input, options), engine);
}

/** The JSON text of a profile, for {@link profileOf}. Throws as {@link parseProfile} does for what is no such text. */
export function profileTree(input: Uint8Array | string, options: ParseProfileOptions = {}): JsonNode {
  const { engine = "containers-common", maxBytes = DEFAULT_MAX_BYTES } = options;
  try {
    return parseJson(input, { maxBytes, maxDepth: MAX_DEPTH, duplicateKeys: "keep" });
  } catch (error) {
    throw decodingError(prefixOf(engine), error, input);
  }
}

/** The profile in a text that was read already. Throws as {@link parseProfile} does for what is no profile. */
export function profileOf(root: JsonNode, engine: SeccompEngine): SeccompProfile {
  const prefix = prefixOf(engine);
  try {
    return profileIn(root, engine);
  } catch (error) {
    if (!(error instanceof SeccompError)) throw error;
    const options: SeccompErrorOptions = { cause: error.cause, position: error.position };
    throw new SeccompError(error.code, prefix + error.message, options);
  }
}

function prefixOf(engine: SeccompEngine): string {
  if (!Object.hasOwn(READERS, engine))
    throw new TypeError(`unknown seccomp engine ${JSON.stringify(engine)}`);
  return `${engine === "moby" ? "Decoding" : "decoding"} seccomp profile failed: `;
}

/** The profile in a part of a JSON text. Throws as {@link parseProfile} does, without its prefix. */
export function profileIn(node: JsonNode, engine: SeccompEngine): SeccompProfile {
  const slot = READERS[engine]();
  slot.read(node);
  return { engine, ...slot.value() };
}

function decodingError(prefix: string, error: unknown, input: Uint8Array | string): unknown {
  if (!(error instanceof CoreError)) return error;
  if (error.code === "ERR_TOO_LARGE") {
    return new SeccompError("ERR_SECCOMP_TOO_LARGE", prefix + error.message, { cause: error });
  }
  const length = typeof input === "string" ? Buffer.byteLength(input) : input.byteLength;
  const atEnd = error.position !== undefined && error.position.offset >= length;
  // The words of Go for a text that stops too early, which users look for in CRI-O's log.
  const message = atEnd ? "unexpected end of JSON input" : error.message;
  return new SeccompError("ERR_SECCOMP_SYNTAX", prefix + message, {
    cause: error,
    position: error.position,
  });
}

const READERS: Readonly<Record<SeccompEngine, () => Slot<SeccompProfile>>> = {
  "containers-common": commonProfile,
  moby: mobyProfile,
  containerd: containerdProfile,
};

const STANDARD = {
  defaultAction: text,
  defaultErrnoRet: () => optional(uint),
  architectures: () => list(text),
  flags: () => list(text),
  listenerPath: text,
  listenerMetadata: text,
};
const ARCH_MAP = { ...STANDARD, archMap: () => list(architecture) };
const COMMON = { ...ARCH_MAP, defaultErrno: text, syscalls: () => list(() => present(commonSyscall)) };
const MOBY = { ...ARCH_MAP, syscalls: () => list(() => present(mobySyscall)) };
const CONTAINERD = { ...STANDARD, syscalls: () => list(standardSyscall) };

function commonProfile(): Slot<SeccompProfile> {
  return struct(COMMON, (held) => ({
    ...standardValue(held),
    ...filledText("defaultErrno", held("defaultErrno")),
    ...filled("archMap", held("archMap")),
    ...filled("syscalls", held("syscalls")),
  }));
}

function mobyProfile(): Slot<SeccompProfile> {
  return struct(MOBY, (held) => ({
    ...standardValue(held),
    ...filled("archMap", held("archMap")),
    ...filled("syscalls", held("syscalls")),
  }));
}

function containerdProfile(): Slot<SeccompProfile> {
  return struct(CONTAINERD, (held) => ({
    ...standardValue(held),
    ...filled("syscalls", held("syscalls")),
  }));
}

function standardValue(held: Held<typeof STANDARD>): SeccompProfile {
  const errno = held("defaultErrnoRet");
  return {
    defaultAction: held("defaultAction") ?? "",
    ...(errno === undefined ? {} : { defaultErrnoRet: errno }),
    ...filled("architectures", held("architectures")),
    ...filled("flags", held("flags")),
    ...filledText("listenerPath", held("listenerPath")),
    ...filledText("listenerMetadata", held("listenerMetadata")),
  };
}

const ARCHITECTURE = { architecture: text, subArchitectures: () => list(text) };

function architecture(): Slot<ProfileArchitecture> {
  return struct(ARCHITECTURE, (held) => ({
    architecture: held("architecture") ?? "",
    ...filled("subArchitectures", held("subArchitectures")),
  }));
}

const SYSCALL = {
  names: () => list(text),
  action: text,
  errnoRet: () => optional(uint),
  args: () => list(argument),
};
const COMMON_SYSCALL = {
  ...SYSCALL,
  args: () => list(() => present(argument)),
  name: text,
  comment: text,
  errno: text,
  includes: condition,
  excludes: condition,
};
const MOBY_SYSCALL = {
  ...SYSCALL,
  name: text,
  comment: text,
  includes: () => optional(mobyCondition),
  excludes: () => optional(mobyCondition),
};

function commonSyscall(): Slot<ProfileSyscall> {
  return struct(COMMON_SYSCALL, (held) => ({
    ...filledText("name", held("name")),
    ...syscallValue(held),
    ...filledText("comment", held("comment")),
    ...filledText("errno", held("errno")),
    ...filledObject("includes", held("includes")),
    ...filledObject("excludes", held("excludes")),
  }));
}

function mobySyscall(): Slot<ProfileSyscall> {
  return struct(MOBY_SYSCALL, (held) => ({
    ...filledText("name", held("name")),
    ...syscallValue(held),
    ...filledText("comment", held("comment")),
    ...filledObject("includes", held("includes")),
    ...filledObject("excludes", held("excludes")),
  }));
}

function standardSyscall(): Slot<ProfileSyscall> {
  return struct(SYSCALL, syscallValue);
}

function syscallValue(held: Held<typeof SYSCALL>): ProfileSyscall {
  const errno = held("errnoRet");
  return {
    names: held("names") ?? null,
    action: held("action") ?? "",
    ...(errno === undefined ? {} : { errnoRet: errno }),
    ...filled("args", held("args")),
  };
}

const ARGUMENT = { index: uint, value: uint64, valueTwo: uint64, op: text };

function argument(): Slot<LinuxSeccompArg> {
  return struct(ARGUMENT, (held) => {
    const valueTwo = held("valueTwo") ?? 0n;
    return {
      index: held("index") ?? 0,
      value: held("value") ?? 0n,
      ...(valueTwo === 0n ? {} : { valueTwo }),
      op: held("op") ?? "",
    };
  });
}

const CONDITION = { caps: () => list(text), arches: () => list(text) };

function condition(): Slot<ProfileCondition> {
  return struct(CONDITION, conditionValue);
}

const MOBY_CONDITION = { ...CONDITION, minKernel: () => optional(kernelVersion) };

function mobyCondition(): Slot<ProfileCondition> {
  return struct(MOBY_CONDITION, (held) => {
    const least = held("minKernel");
    return { ...conditionValue(held), ...(least === undefined ? {} : { minKernel: least }) };
  });
}

function conditionValue(held: Held<typeof CONDITION>): ProfileCondition {
  return { ...filled("caps", held("caps")), ...filled("arches", held("arches")) };
}

function kernelVersion(): Slot<KernelVersion> {
  let held: KernelVersion = { kernel: 0, major: 0 };
  return {
    read(node: JsonNode) {
      if (node.kind !== "string") throw wrongType(node, "invalid kernel version: string");
      // The empty text leaves what is there, as its decoder does.
      if (node.value !== "") held = minKernelAt(node, node.value);
    },
    value: () => held,
  };
}

function minKernelAt(node: JsonNode, version: string): KernelVersion {
  try {
    return parseMinKernel(version);
  } catch (error) {
    if (!(error instanceof SeccompError)) throw error;
    throw new SeccompError(error.code, error.message, { position: positionOf(node) });
  }
}

function filled<K extends string, T>(key: K, items: T[] | undefined): { [P in K]?: T[] } {
  return items === undefined || items.length === 0 ? {} : ({ [key]: items } as { [P in K]?: T[] });
}

function filledText<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined || value === "" ? {} : ({ [key]: value } as { [P in K]?: string });
}

function filledObject<K extends string, T extends object>(key: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined || Object.keys(value).length === 0 ? {} : ({ [key]: value } as { [P in K]?: T });
}

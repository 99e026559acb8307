/**
 * Reads a profile file as the engine that will convert it does: leniently, but exactly as leniently.
 *
 * @module
 */
import { CoreError } from "../core/errors.ts";
import { type JsonNode, parseJson, positionOf } from "../core/strict-json.ts";
import { list, optional, present, type Slot, struct, text, uint, uint64, wrongType } from "./decode.ts";
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
export const MAX_DEPTH = 10_000;

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
  const { engine = "containers-common", maxBytes = DEFAULT_MAX_BYTES } = options;
  const create = READERS[engine];
  if (!create) throw new TypeError(`unknown seccomp engine ${JSON.stringify(engine)}`);
  const prefix = `${engine === "moby" ? "Decoding" : "decoding"} seccomp profile failed: `;
  try {
    const slot = create();
    slot.read(parseJson(input, { maxBytes, maxDepth: MAX_DEPTH, duplicateKeys: "keep" }));
    return { engine, ...slot.value() };
  } catch (error) {
    throw decodingError(prefix, error, input);
  }
}

/** The profile in a part of a JSON text. Throws as {@link parseProfile} does, without its prefix. */
export function profileIn(node: JsonNode, engine: SeccompEngine): SeccompProfile {
  const slot = READERS[engine]();
  slot.read(node);
  return { engine, ...slot.value() };
}

function decodingError(prefix: string, error: unknown, input: Uint8Array | string): unknown {
  if (error instanceof SeccompError) {
    const options: SeccompErrorOptions = { cause: error.cause, position: error.position };
    return new SeccompError(error.code, prefix + error.message, options);
  }
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

function commonProfile(): Slot<SeccompProfile> {
  const standard = standardFields();
  const defaultErrno = text();
  const archMap = list(architecture);
  const syscalls = list(() => present(commonSyscall));
  return struct({ ...standard, defaultErrno, archMap, syscalls }, () => ({
    ...standardValue(standard),
    ...(defaultErrno.value() === "" ? {} : { defaultErrno: defaultErrno.value() }),
    ...filled("archMap", archMap.value()),
    ...filled("syscalls", syscalls.value()),
  }));
}

function mobyProfile(): Slot<SeccompProfile> {
  const standard = standardFields();
  const archMap = list(architecture);
  const syscalls = list(() => present(mobySyscall));
  return struct({ ...standard, archMap, syscalls }, () => ({
    ...standardValue(standard),
    ...filled("archMap", archMap.value()),
    ...filled("syscalls", syscalls.value()),
  }));
}

function containerdProfile(): Slot<SeccompProfile> {
  const standard = standardFields();
  const syscalls = list(standardSyscall);
  return struct({ ...standard, syscalls }, () => ({
    ...standardValue(standard),
    ...filled("syscalls", syscalls.value()),
  }));
}

interface StandardFields {
  [name: string]: Slot<unknown>;
  defaultAction: Slot<string>;
  defaultErrnoRet: Slot<number | undefined>;
  architectures: Slot<string[] | undefined>;
  flags: Slot<string[] | undefined>;
  listenerPath: Slot<string>;
  listenerMetadata: Slot<string>;
}

function standardFields(): StandardFields {
  return {
    defaultAction: text(),
    defaultErrnoRet: optional(uint),
    architectures: list(text),
    flags: list(text),
    listenerPath: text(),
    listenerMetadata: text(),
  };
}

function standardValue(fields: StandardFields): SeccompProfile {
  const errno = fields.defaultErrnoRet.value();
  const path = fields.listenerPath.value();
  const metadata = fields.listenerMetadata.value();
  return {
    defaultAction: fields.defaultAction.value(),
    ...(errno === undefined ? {} : { defaultErrnoRet: errno }),
    ...filled("architectures", fields.architectures.value()),
    ...filled("flags", fields.flags.value()),
    ...(path === "" ? {} : { listenerPath: path }),
    ...(metadata === "" ? {} : { listenerMetadata: metadata }),
  };
}

function architecture(): Slot<ProfileArchitecture> {
  const name = text();
  const subArchitectures = list(text);
  return struct({ architecture: name, subArchitectures }, () => ({
    architecture: name.value(),
    ...filled("subArchitectures", subArchitectures.value()),
  }));
}

function commonSyscall(): Slot<ProfileSyscall> {
  const standard = syscallFields(list(() => present(argument)));
  const name = text();
  const comment = text();
  const errno = text();
  const includes = condition();
  const excludes = condition();
  return struct({ ...standard, name, comment, errno, includes, excludes }, () => ({
    ...extendedValue(standard, name, comment),
    ...(errno.value() === "" ? {} : { errno: errno.value() }),
    ...filledObject("includes", includes.value()),
    ...filledObject("excludes", excludes.value()),
  }));
}

function mobySyscall(): Slot<ProfileSyscall> {
  const standard = syscallFields(list(argument));
  const name = text();
  const comment = text();
  const includes = optional(mobyCondition);
  const excludes = optional(mobyCondition);
  return struct({ ...standard, name, comment, includes, excludes }, () => ({
    ...extendedValue(standard, name, comment),
    ...filledObject("includes", includes.value()),
    ...filledObject("excludes", excludes.value()),
  }));
}

function standardSyscall(): Slot<ProfileSyscall> {
  const standard = syscallFields(list(argument));
  return struct(standard, () => syscallValue(standard));
}

interface SyscallFields {
  [name: string]: Slot<unknown>;
  names: Slot<string[] | undefined>;
  action: Slot<string>;
  errnoRet: Slot<number | undefined>;
  args: Slot<LinuxSeccompArg[] | undefined>;
}

function syscallFields(args: Slot<LinuxSeccompArg[] | undefined>): SyscallFields {
  return { names: list(text), action: text(), errnoRet: optional(uint), args };
}

function syscallValue(fields: SyscallFields): ProfileSyscall {
  const errno = fields.errnoRet.value();
  return {
    names: fields.names.value() ?? null,
    action: fields.action.value(),
    ...(errno === undefined ? {} : { errnoRet: errno }),
    ...filled("args", fields.args.value()),
  };
}

function extendedValue(fields: SyscallFields, name: Slot<string>, comment: Slot<string>): ProfileSyscall {
  return {
    ...(name.value() === "" ? {} : { name: name.value() }),
    ...syscallValue(fields),
    ...(comment.value() === "" ? {} : { comment: comment.value() }),
  };
}

function argument(): Slot<LinuxSeccompArg> {
  const index = uint();
  const value = uint64();
  const valueTwo = uint64();
  const op = text();
  return struct({ index, value, valueTwo, op }, () => ({
    index: index.value(),
    value: value.value(),
    ...(valueTwo.value() === 0n ? {} : { valueTwo: valueTwo.value() }),
    op: op.value(),
  }));
}

function condition(): Slot<ProfileCondition> {
  const caps = list(text);
  const arches = list(text);
  return struct({ caps, arches }, () => ({
    ...filled("caps", caps.value()),
    ...filled("arches", arches.value()),
  }));
}

function mobyCondition(): Slot<ProfileCondition> {
  const caps = list(text);
  const arches = list(text);
  const minKernel = optional(kernelVersion);
  return struct({ caps, arches, minKernel }, () => {
    const least = minKernel.value();
    return {
      ...filled("caps", caps.value()),
      ...filled("arches", arches.value()),
      ...(least === undefined ? {} : { minKernel: least }),
    };
  });
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

function filledObject<K extends string, T extends object>(key: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined || Object.keys(value).length === 0 ? {} : ({ [key]: value } as { [P in K]?: T });
}

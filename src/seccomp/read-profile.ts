/**
 * Reads a profile file in one of two modes: strictly, for whoever writes, checks or distributes it, and as an engine
 * does, for whoever wants to know what happens on a node.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { assertLimit } from "../core/bytes.ts";
import { nearestNode } from "../core/json-pointer.ts";
import { type JsonNode, positionOf } from "../core/strict-json.ts";
import { type Confinement, confinementOf } from "./confinement.ts";
import { SeccompError } from "./errors.ts";
import { profileOf, profileTree } from "./parse.ts";
import { type ProfileFormat, type ProfileProblem, problemsIn, rootOf } from "./schema.ts";
import type { SeccompEngine, SeccompProfile } from "./types.ts";

/** Options of {@link readProfile}. */
export interface ReadProfileOptions {
  /** The form the profile is written in. Default `"containers-common"`. */
  format?: ProfileFormat | undefined;
  /** Longest profile accepted, in bytes. Default 1 MiB (1048576), which is what CRI-O takes from artifacts. */
  maxBytes?: number | undefined;
  /** Most names accepted, those of all rules together. Default 4096: the kernel takes no more instructions. */
  maxRules?: number | undefined;
}

/** A profile that was read strictly: it has no problem that {@link readProfile} looks for. */
export interface StrictReading {
  readonly mode: "strict";
  readonly format: ProfileFormat;
  /** What was read: a copy of the file. */
  readonly bytes: Uint8Array;
  readonly profile: SeccompProfile;
  /** Never `"unconfined"`: a profile that is no filter is refused. */
  readonly confinement: Exclude<Confinement, "unconfined">;
}

/** Options of {@link readProfileAsEngine}. */
export interface ReadProfileAsEngineOptions {
  /** Longest profile accepted, in bytes. Default 4 MiB (4194304). */
  maxBytes?: number | undefined;
  /** Most oddities reported. Default 100. */
  maxOddities?: number | undefined;
}

/** A profile as an engine reads it. */
export interface EngineReading {
  readonly mode: "engine";
  readonly engine: SeccompEngine;
  readonly profile: SeccompProfile;
  /**
   * What the engine passes over and strict reading refuses, in the order of the text; empty for a profile that is
   * the same to both.
   */
  readonly oddities: readonly ProfileProblem[];
  /**
   * Whether anything is stopped. Conversion can still drop the rules that do: what it gives has a `confinement` of
   * its own, which is the one that counts.
   */
  readonly confinement: Confinement;
}

/** An action keeps 16 bits of its number: 65536 would be errno 0, and the call seem to have worked. */
const MAX_ACTION_DATA = 0xffff;

/**
 * The profile in a file, if there is nothing about it that could be read in two ways or is passed over silently.
 *
 * Refused are, besides what no engine reads: members that the format does not have or that stand twice in any letter
 * case; unknown actions, operators, flags, architectures and names of errno values; missing members; numbers that are
 * negative, fractional, texts or too large for their place; `architectures` beside `archMap`, and `name` beside `names`;
 * a profile without default action, which engines take for no filter at all.
 *
 * Names of system calls are not checked, nor whether rules contradict each other: see `lintProfile`.
 *
 * @throws {SeccompError} `ERR_SECCOMP_STRICT` with all `problems` (at most 100) and the position of the first.
 * @throws {SeccompError} `ERR_SECCOMP_SYNTAX`, also for more than 1000 levels; `ERR_SECCOMP_TOO_LARGE`.
 */
export async function readProfile(
  input: Uint8Array | string,
  options: ReadProfileOptions = {},
): Promise<StrictReading> {
  const { format = "containers-common", maxBytes = 1_048_576, maxRules = 4096 } = options;
  if (!Number.isSafeInteger(maxRules) || maxRules < 0)
    throw new RangeError(`maxRules must be a whole number from 0, got ${maxRules}`);
  assertSize(input, maxBytes);
  // A copy: what was read must be what is handed on.
  const bytes = typeof input === "string" ? Buffer.from(input) : Uint8Array.from(input);
  const root = rootOf(bytes, maxBytes);
  const problems = await problemsIn(root, { format, maxProblems: 100 });
  if (problems.length > 0) throw refused(problems);
  const engine = format === "runtime-spec" ? "containerd" : format;
  const profile = profileOf(root, engine);
  const conflict = conflictIn(profile, root);
  if (conflict) throw refused([conflict]);
  let rules = 0;
  for (const { name, names } of profile.syscalls ?? []) rules += (name ? 1 : 0) + (names?.length ?? 0);
  if (rules > maxRules)
    throw new SeccompError("ERR_SECCOMP_TOO_LARGE", `profile of more than ${maxRules} rules`);
  const confinement = confinementOf(shapeOf(profile));
  // The schema asks for a default action; here so that no later change can let such a profile through.
  if (confinement === "unconfined") {
    throw refused([
      { kind: "unconfined", message: "a profile that is no filter", position: positionOf(root) },
    ]);
  }
  return { mode: "strict", format, bytes, profile, confinement };
}

/**
 * The profile in a file as one engine reads it, with what that engine passes over.
 *
 * @throws {SeccompError} As `parseProfile` does: for nothing that the engine takes.
 */
export async function readProfileAsEngine(
  input: Uint8Array | string,
  engine: SeccompEngine,
  options: ReadProfileAsEngineOptions = {},
): Promise<EngineReading> {
  const root = profileTree(input, { engine, maxBytes: options.maxBytes });
  return readTreeAsEngine(root, engine, options);
}

/** As {@link readProfileAsEngine}, of a text that was read already. */
export async function readTreeAsEngine(
  root: JsonNode,
  engine: SeccompEngine,
  options: Pick<ReadProfileAsEngineOptions, "maxOddities">,
): Promise<EngineReading> {
  const { maxOddities = 100 } = options;
  const profile = profileOf(root, engine);
  const format = engine === "containerd" ? "runtime-spec" : engine;
  const oddities = await problemsIn(root, { format, maxProblems: maxOddities });
  return { mode: "engine", engine, profile, oddities, confinement: confinementOf(shapeOf(profile)) };
}

/** Before a copy is made. */
function assertSize(input: Uint8Array | string, maxBytes: number): void {
  assertLimit(maxBytes);
  const length = typeof input === "string" ? Buffer.byteLength(input) : input.byteLength;
  if (length <= maxBytes) return;
  throw new SeccompError("ERR_SECCOMP_TOO_LARGE", `profile of more than ${maxBytes} bytes`);
}

/** What `confinementOf` looks at, with both spellings of names. */
function shapeOf({ defaultAction, syscalls = [] }: SeccompProfile): Parameters<typeof confinementOf>[0] {
  return {
    defaultAction,
    syscalls: syscalls.map(({ name, names, action }) => ({ names: name ? [name] : (names ?? null), action })),
  };
}

/** What no schema says: fields that exclude each other, and numbers that an action has no room for. */
function conflictIn(profile: SeccompProfile, root: JsonNode): ProfileProblem | undefined {
  const problem = (kind: string, message: string, path: string[]): ProfileProblem => ({
    kind,
    message,
    position: positionOf(nearestNode(root, path)),
  });
  if (profile.architectures?.length && profile.archMap?.length) {
    return problem("field-conflict", "'architectures' stands beside 'archMap'", ["archMap"]);
  }
  const numbers: [number: number | string | undefined, path: string[]][] = [
    [profile.defaultErrnoRet, ["defaultErrnoRet"]],
    [profile.defaultErrno, ["defaultErrno"]],
  ];
  profile.syscalls?.forEach(({ errno, errnoRet }, at) => {
    numbers.push([errnoRet, ["syscalls", `${at}`, "errnoRet"]], [errno, ["syscalls", `${at}`, "errno"]]);
  });
  // A name is no number, and NaN is above nothing.
  const found = numbers.find(([number]) => Number(number) > MAX_ACTION_DATA);
  return found && problem("out-of-range", `an errno of more than ${MAX_ACTION_DATA}`, found[1]);
}

function refused(problems: readonly ProfileProblem[]): SeccompError {
  const [first] = problems;
  const where = first ? ` at ${first.position.path}: ${first.message}` : "";
  return new SeccompError("ERR_SECCOMP_STRICT", `profile refused${where}`, {
    position: first?.position,
    problems,
  });
}

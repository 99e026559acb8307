/**
 * What each engine makes of the same profile file.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { assertLimit } from "../../core/bytes.ts";
import type { JsonPosition } from "../../core/errors.ts";
import type { JsonNode } from "../../core/json-tree.ts";
import { diffProfiles, type ProfileDiff } from "../algebra/index.ts";
import { nativeArchName, seccompArch } from "../arch.ts";
import type { Confinement } from "../confinement.ts";
import { type ConvertedProfile, type ConvertProfileOptions, convertProfile } from "../convert.ts";
import { SeccompError, type SeccompErrorCode } from "../errors.ts";
import { createEvaluator } from "../evaluate.ts";
import { parseKernelRelease } from "../kernel.ts";
import { profileOf, profileTree } from "../parse.ts";
import { readProfile } from "../read-profile.ts";
import type { ProfileFormat } from "../schema.ts";
import type { LinuxSeccomp, SeccompEngine, SeccompProfile } from "../types.ts";
import { crunRefusal, readAsCrun } from "./crun.ts";
import { type IgnoredPart, ignoredParts } from "./ignored.ts";

/** Who is handed the file. */
export type PortabilityEngine =
  | SeccompEngine
  /** The runtime itself: the file is `linux.seccomp` of a bundle's configuration. Read as containerd reads a file. */
  | "runc"
  /** The same, as crun reads it: names of members in their own letters only, and the first of several. */
  | "crun"
  /** The runtime specification to the letter, as `readProfile` reads it. */
  | "runtime-spec";

/** Options of {@link reportPortability}. */
export interface ReportPortabilityOptions {
  /** Architecture of the node as Go names it, such as `amd64`. Docker knows fewer than containers-common does. */
  arch: string;
  /** Bounding set of the container, such as `["CAP_CHOWN"]`. */
  capabilities: readonly string[];
  /** The node's kernel release, such as `6.1.0`. */
  kernel: string;
  /** Whom the file was written for: the others are compared with it. Default `"containers-common"`. */
  from?: PortabilityEngine | undefined;
  /** Whom to ask, in this order. Default all. */
  engines?: readonly PortabilityEngine[] | undefined;
  /** Longest profile accepted, in bytes. Default 4 MiB (4194304). */
  maxBytes?: number | undefined;
}

/** What a runtime says to the `linux.seccomp` object that it is handed. */
export type RuntimeAnswer =
  | { kind: "loads" }
  /** The container starts, without a filter. */
  | { kind: "no-filter" }
  /** The container does not start. */
  | { kind: "refused"; code: SeccompErrorCode; message: string };

/** What becomes of the file. */
export type PortabilityOutcome =
  /** Accepted, and a filter. `confinement` says whether it stops anything. */
  | { kind: "filter"; confinement: Exclude<Confinement, "unconfined">; spec: LinuxSeccomp }
  /** Accepted, and no filter at all: the container may make every call. */
  | { kind: "unconfined" }
  /** The container does not start. */
  | {
      kind: "refused";
      /** `read`: the file; `convert`: what it says; `load`: the filter, by runc or crun. */
      stage: "read" | "convert" | "load";
      code: SeccompErrorCode;
      /** For `read` and `convert` with the words of the engine, as `parseProfile` and `toRuntimeSpec` have them. */
      message: string;
      position?: JsonPosition;
    }
  /** Not known here: the engine takes what lading does not read exactly. */
  | { kind: "undecided"; code: SeccompErrorCode; message: string };

/** How the decisions differ from those under `from`. */
export type PortabilityDifference =
  /** This is the engine that the others are compared with. */
  | { kind: "reference" }
  /** No call is decided differently. */
  | { kind: "none" }
  /** `before` is what happens under `from`, `after` what happens under this engine. */
  | ({ kind: "different" } & ProfileDiff)
  /** One of the two has no decisions: it is refused or not known, or the filter is one that no runtime loads. */
  | { kind: "not-comparable"; code: SeccompErrorCode; message: string };

/** The file with one engine. */
export interface EnginePortability {
  engine: PortabilityEngine;
  outcome: PortabilityOutcome;
  /** What the engine passes over without a word; empty for a file that it does not read. */
  ignored: IgnoredPart[];
  difference: PortabilityDifference;
  /** Whether the runtimes start a container with it. Only for an engine that hands the file to one. */
  runtimes?: { runc: RuntimeAnswer; crun: RuntimeAnswer };
}

/** What each engine makes of a file. */
export interface PortabilityReport {
  from: PortabilityEngine;
  /** Name of the node's architecture in libseccomp. */
  arch: string;
  /** In the order asked for. */
  engines: EnginePortability[];
}

const ENGINES: Readonly<Record<PortabilityEngine, ProfileFormat>> = {
  "containers-common": "containers-common",
  moby: "moby",
  containerd: "runtime-spec",
  runc: "runtime-spec",
  crun: "runtime-spec",
  "runtime-spec": "runtime-spec",
};

const MAX_BYTES = 4 * 1024 * 1024;

/**
 * What each engine makes of the same profile file on one kind of node: whether it takes it, what it passes over, and
 * for which calls and arguments its filter decides otherwise than that of the engine the file was written for.
 *
 * The same input gives the same report. Filters are compared without the answer that runc adds for new calls, except
 * where runc is the engine: then both sides have it. Flags and listeners are not compared.
 *
 * @throws {SeccompError} `ERR_SECCOMP_TOO_LARGE`, and `ERR_SECCOMP_KERNEL_VERSION` for a malformed `kernel`.
 * @throws {RangeError} For an architecture that one of the engines does not have.
 */
export async function reportPortability(
  input: Uint8Array | string,
  options: ReportPortabilityOptions,
): Promise<PortabilityReport> {
  const { arch, capabilities, kernel, from = "containers-common", maxBytes = MAX_BYTES } = options;
  const engines = options.engines ?? (Object.keys(ENGINES) as PortabilityEngine[]);
  for (const engine of [from, ...engines]) {
    if (!Object.hasOwn(ENGINES, engine)) throw new TypeError(`unknown engine ${JSON.stringify(engine)}`);
  }
  if (!Array.isArray(capabilities)) throw new TypeError("capabilities must be a list of names");
  nativeArchName(arch);
  parseKernelRelease(kernel);
  assertLimit(maxBytes);
  const length = typeof input === "string" ? Buffer.byteLength(input) : input.byteLength;
  if (length > maxBytes) {
    throw new SeccompError("ERR_SECCOMP_TOO_LARGE", `profile of more than ${maxBytes} bytes`);
  }
  const node: Node = { arch, capabilities, kernel, maxBytes, native: seccompArch(arch).name };
  const root = treeOf(input, maxBytes);
  const reference = await readingOf(input, root, from, node);
  const list: EnginePortability[] = [];
  for (const engine of engines) {
    const reading = engine === from ? reference : await readingOf(input, root, engine, node);
    const { outcome, ignored } = reading;
    const difference: PortabilityDifference =
      engine === from ? { kind: "reference" } : differenceOf(reference, reading, node);
    list.push({ engine, outcome, ignored, difference, ...runtimesOf(reading, node) });
  }
  return { from, arch: node.native, engines: list };
}

interface Node extends ConvertProfileOptions {
  capabilities: readonly string[];
  kernel: string;
  maxBytes: number;
  native: string;
}

/** One engine's reading, with what the runtime is handed. */
interface Reading {
  engine: PortabilityEngine;
  outcome: PortabilityOutcome;
  ignored: IgnoredPart[];
  /** `undefined` where nothing is handed on. */
  spec: LinuxSeccomp | null | undefined;
}

/** The text as a tree, the same for all engines; nothing for one that none of them reads. */
function treeOf(input: Uint8Array | string, maxBytes: number): JsonNode | undefined {
  try {
    return profileTree(input, { maxBytes });
  } catch (error) {
    if (error instanceof SeccompError) return undefined;
    throw error;
  }
}

async function readingOf(
  input: Uint8Array | string,
  parsed: JsonNode | undefined,
  engine: PortabilityEngine,
  node: Node,
): Promise<Reading> {
  const nothing = { engine, ignored: [], spec: undefined };
  const reads: SeccompEngine = engine === "moby" || engine === "containers-common" ? engine : "containerd";
  const { maxBytes } = node;
  let root: JsonNode;
  let profile: SeccompProfile;
  try {
    root = parsed ?? profileTree(input, { engine: reads, maxBytes });
    profile =
      engine === "runtime-spec"
        ? (await readProfile(input, { format: "runtime-spec", maxBytes })).profile
        : engine === "crun" && root.kind !== "null"
          ? readAsCrun(root)
          : profileOf(root, reads);
  } catch (error) {
    return { ...nothing, outcome: refusal(error, "read") };
  }
  const reader = { format: ENGINES[engine], exact: engine === "crun" };
  let converted: ConvertedProfile;
  try {
    converted = convertProfile(profile, node);
  } catch (error) {
    const ignored = ignoredParts(root, reader, profile, undefined);
    return { ...nothing, ignored, outcome: refusal(error, "convert") };
  }
  const { confinement, spec } = converted;
  const read = { engine, ignored: ignoredParts(root, reader, profile, converted), spec };
  if (engine === "runc" || engine === "crun") {
    // An absent member: containerd would hand on an empty object.
    if (root.kind === "null") return { ...read, spec: null, outcome: { kind: "unconfined" } };
    const answer = answerOf(spec, engine, node);
    if (answer.kind === "refused") {
      const { code, message } = answer;
      return { ...read, spec: undefined, outcome: { kind: "refused", stage: "load", code, message } };
    }
  }
  if (spec === null || confinement === "unconfined") return { ...read, outcome: { kind: "unconfined" } };
  return { ...read, outcome: { kind: "filter", confinement, spec } };
}

function refusal(
  error: unknown,
  stage: "read" | "convert",
): Extract<PortabilityOutcome, { kind: "refused" | "undecided" }> {
  if (!(error instanceof SeccompError)) throw error;
  const { code, message, position } = error;
  if (code === "ERR_SECCOMP_UNSUPPORTED") return { kind: "undecided", code, message };
  return { kind: "refused", stage, code, message, ...(position ? { position } : {}) };
}

function runtimesOf(
  { engine, spec }: Reading,
  node: Node,
): { runtimes?: { runc: RuntimeAnswer; crun: RuntimeAnswer } } {
  if (spec === undefined || engine === "runc" || engine === "crun") return {};
  return { runtimes: { runc: answerOf(spec, "runc", node), crun: answerOf(spec, "crun", node) } };
}

function answerOf(spec: LinuxSeccomp | null, runtime: "runc" | "crun", { native }: Node): RuntimeAnswer {
  if (spec === null) return { kind: "no-filter" };
  const refusal = runtime === "crun" ? crunRefusal(spec) : undefined;
  if (refusal !== undefined) {
    return { kind: "refused", code: "ERR_SECCOMP_FILTER_INVALID", message: refusal };
  }
  try {
    const { kind } = createEvaluator(spec, { native, runtime }).evaluate({ arch: native, nr: 0 });
    return { kind: kind === "no-filter" ? "no-filter" : "loads" };
  } catch (error) {
    if (!(error instanceof SeccompError)) throw error;
    return { kind: "refused", code: error.code, message: error.message };
  }
}

function differenceOf(reference: Reading, reading: Reading, { native }: Node): PortabilityDifference {
  const sides: (LinuxSeccomp | null)[] = [];
  for (const { outcome } of [reference, reading]) {
    if (outcome.kind === "refused" || outcome.kind === "undecided") {
      const { code, message } = outcome;
      return { kind: "not-comparable", code, message };
    }
    sides.push(outcome.kind === "filter" ? outcome.spec : null);
  }
  const [before = null, after = null] = sides;
  const { engine } = reading;
  const runtime = engine === "runc" || engine === "crun" ? engine : undefined;
  try {
    const diff = diffProfiles(before, after, { native, ...(runtime ? { runtime } : {}) });
    const isSame = diff.differences.length === 0 && !diff.elsewhere;
    return isSame ? { kind: "none" } : { kind: "different", ...diff };
  } catch (error) {
    if (!(error instanceof SeccompError)) throw error;
    return { kind: "not-comparable", code: error.code, message: error.message };
  }
}

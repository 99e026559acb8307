/**
 * What a choice of profile comes to: the filter that the container is started with.
 *
 * @module
 */
import { raceSignal, type SignalOptions } from "../core/signal.ts";
import type { DefiniteSeccompChoice } from "./choice.ts";
import { type Confinement, confinementOf } from "./confinement.ts";
import { type ConvertProfileOptions, toRuntimeSpec } from "./convert.ts";
import { defaultSeccomp } from "./defaults/index.ts";
import { SeccompError } from "./errors.ts";
import { parseProfile } from "./parse.ts";
import type { LinuxSeccomp } from "./types.ts";

/** Options of {@link filterOfChoice}. */
export interface FilterOfChoiceOptions extends ConvertProfileOptions, SignalOptions {
  /**
   * The content of a file on the node, or `null` where there is none. Without it a choice of a file is refused.
   *
   * The path is the node's, not one of the machine that asks.
   */
  readFile?: ((path: string, options: SignalOptions) => Promise<Uint8Array | null>) | undefined;
  /** The profile that a reference stands for: see `fetchProfileArtifact`. Without it a choice of an artifact is refused. */
  fetchArtifact?: ((reference: string, options: SignalOptions) => Promise<Uint8Array>) | undefined;
}

/** What a container is started with. */
export type ChosenFilter =
  | {
      /** No filter: the container may make every system call. */
      kind: "unconfined";
      /** Why nothing was chosen; `empty-profile` where a profile was chosen and says nothing. */
      reason: Extract<DefiniteSeccompChoice, { kind: "none" }>["reason"] | "empty-profile";
    }
  | {
      kind: "filter";
      spec: LinuxSeccomp;
      /** Whether it stops anything. */
      confinement: Exclude<Confinement, "unconfined">;
      /** Where the profile is from. `built-in` also where CRI-O does not find the file that its node names. */
      from: "built-in" | "file" | "artifact";
    };

/**
 * The filter that a choice becomes for a container.
 *
 * A profile without default action and rules is `unconfined`, as runc takes it; crun does not start such a container
 * under containerd. Whether a runtime loads the filter is not checked: see `createEvaluator`.
 *
 * @throws {SeccompError} `ERR_SECCOMP_PROFILE_REQUEST` where there is no such file, with the runtime's text; where
 *   CRI-O then drops the runtime handler; and for a choice of what `options` has no way to read.
 * @throws {SeccompError} As `parseProfile`, `toRuntimeSpec` and `defaultSeccomp`. Rejections of `readFile` and
 *   `fetchArtifact` are passed on unchanged. Whatever is thrown, the container does not start.
 * @throws {TypeError} For a choice that is `ambiguous`: ask for each alternative.
 */
export async function filterOfChoice(
  choice: DefiniteSeccompChoice,
  options: FilterOfChoiceOptions,
): Promise<ChosenFilter> {
  const { signal } = options;
  signal?.throwIfAborted();
  switch (choice.kind) {
    case "none":
      return { kind: "unconfined", reason: choice.reason };
    case "runtime-default": {
      const { profile, runtime } = choice;
      if (profile.kind === "built-in") return chosen(defaultSeccomp(runtime, options), "built-in");
      const bytes = await contentOf(profile.path, options);
      if (bytes) return parsed(bytes, choice, options, "file");
      if (profile.of === "runtime-handler") throw refused(`no file ${quote(profile.path)} of the handler`);
      return chosen(defaultSeccomp(runtime, options), "built-in");
    }
    case "localhost": {
      const bytes = await contentOf(choice.path, options);
      if (bytes) return parsed(bytes, choice, options, "file");
      const path = quote(choice.path);
      throw refused(
        choice.runtime === "containerd"
          ? `cannot load seccomp profile ${path}: no such file or directory`
          : `unable to load local profile ${path}: no such file or directory`,
      );
    }
    case "artifact": {
      const { fetchArtifact } = options;
      if (!fetchArtifact) throw refused(`${quote(choice.reference)} cannot be fetched without fetchArtifact`);
      const bytes = await raceSignal(fetchArtifact(choice.reference, { signal }), signal);
      return parsed(bytes, choice, options, "artifact");
    }
    default:
      throw new TypeError(`choice.kind must be that of one choice, got ${JSON.stringify(kindOf(choice))}`);
  }
}

async function contentOf(
  path: string,
  { readFile, signal }: FilterOfChoiceOptions,
): Promise<Uint8Array | null> {
  if (!readFile) throw refused(`${quote(path)} cannot be read without readFile`);
  const bytes = await raceSignal(readFile(path, { signal }), signal);
  // From untyped code: only `null` says that there is no such file.
  if (bytes === undefined) throw new TypeError("readFile must resolve to bytes or null");
  return bytes;
}

function parsed(
  bytes: Uint8Array,
  { runtime }: DefiniteSeccompChoice,
  options: FilterOfChoiceOptions,
  from: "file" | "artifact",
): ChosenFilter {
  const engine = runtime === "containerd" ? "containerd" : "containers-common";
  return chosen(toRuntimeSpec(parseProfile(bytes, { engine }), options), from);
}

function chosen(spec: LinuxSeccomp | null, from: "built-in" | "file" | "artifact"): ChosenFilter {
  const confinement = confinementOf(spec);
  if (spec === null || confinement === "unconfined") return { kind: "unconfined", reason: "empty-profile" };
  return { kind: "filter", spec, confinement, from };
}

function kindOf(choice: { kind?: unknown }): unknown {
  return choice.kind;
}

function refused(message: string): SeccompError {
  return new SeccompError("ERR_SECCOMP_PROFILE_REQUEST", message);
}

function quote(text: string): string {
  return JSON.stringify(text);
}

/**
 * Converts a profile file to the `linux.seccomp` object that the container is started with.
 *
 * Each engine has its own file; this one dispatches.
 *
 * @module
 */
import { type Confinement, confinementOf } from "./confinement.ts";
import { convertCommon } from "./convert-common.ts";
import { convertContainerd } from "./convert-containerd.ts";
import { convertMoby } from "./convert-moby.ts";
import type { LinuxSeccomp, SeccompProfile } from "./types.ts";

/** Options of {@link toRuntimeSpec} and {@link convertProfile}. */
export interface ConvertProfileOptions {
  /** The node's architecture as Go names it, such as `amd64`, `arm64` or `386`. */
  arch: string;
  /**
   * Bounding set of the container, such as `["CAP_CHOWN"]`, compared exactly.
   *
   * `null` says that the container has no capability object at all: containers-common then keeps every rule
   * that depends on capabilities, which widens most profiles. There is no default on purpose.
   */
  capabilities: readonly string[] | null;
  /** The node's kernel release, such as `6.1.0-13-amd64`. Needed for a moby profile with `minKernel`. */
  kernel?: string | undefined;
}

/** What became of one entry of a profile's `syscalls`. */
export type ConvertedRule =
  | {
      kind: "kept";
      /** Index in the profile. */
      index: number;
      /** Index in the runtime-spec object. */
      rule: number;
    }
  | {
      kind: "dropped";
      /** Index in the profile. */
      index: number;
      /** The condition that dropped it; `names` for a rule without any name. */
      by:
        | "excludes.arches"
        | "excludes.caps"
        | "excludes.minKernel"
        | "includes.arches"
        | "includes.caps"
        | "includes.minKernel"
        | "names";
      /** The architecture, capability or kernel version that decided. */
      value: string;
    };

/** A converted profile and how each rule fared. */
export interface ConvertedProfile {
  /** Whether anything is stopped at all. Look here first: `"unconfined"` means that the container has no filter. */
  confinement: Confinement;
  /** `null`: no filter, the container runs unconfined. */
  spec: LinuxSeccomp | null;
  /** One entry for each of the profile's rules, in their order; empty where `spec` is `null`. */
  rules: ConvertedRule[];
}

/**
 * The `linux.seccomp` object that a profile becomes on a node, or `null` for no filter at all.
 *
 * The engine is the one the profile was read for. Nothing is merged, sorted, deduplicated or checked: names,
 * actions, operators and flags are copied. A profile without default action and without rules is "no filter"
 * for containers-common and moby, even when it has other fields; containerd passes an empty object on, which
 * runc takes the same way.
 *
 * @throws {SeccompError} `ERR_SECCOMP_FIELD_CONFLICT`, `ERR_SECCOMP_UNKNOWN_ERRNO`, with the engine's own text.
 * @throws {RangeError} For an unknown `arch`.
 * @throws {TypeError} For the moby engine with `capabilities: null` and a rule on capabilities, or without
 *   `kernel` and a rule on the kernel.
 */
export function toRuntimeSpec(profile: SeccompProfile, options: ConvertProfileOptions): LinuxSeccomp | null {
  return convertProfile(profile, options).spec;
}

/** As {@link toRuntimeSpec}, and tells for each rule why it was kept or dropped. Throws the same. */
export function convertProfile(profile: SeccompProfile, options: ConvertProfileOptions): ConvertedProfile {
  const { spec, rules } = convert(profile, options);
  return { confinement: confinementOf(spec), spec, rules };
}

/** What an engine's own conversion gives. */
export type Converted = Omit<ConvertedProfile, "confinement">;

function convert(profile: SeccompProfile, options: ConvertProfileOptions): Converted {
  // `undefined` from untyped code must not read as "no capability object".
  if (options.capabilities !== null && !Array.isArray(options.capabilities)) {
    throw new TypeError("capabilities must be a list of names, or null");
  }
  const { engine = "containers-common" } = profile;
  if (engine === "containers-common") return convertCommon(profile, options);
  if (engine === "moby") return convertMoby(profile, options);
  if (engine === "containerd") return convertContainerd(profile);
  throw new TypeError(`unknown seccomp engine ${JSON.stringify(engine)}`);
}

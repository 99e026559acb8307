/**
 * The profiles that programs have built in, and the filters they become.
 *
 * The facts are those of containers-common at 9869b8f, CRI-O at f954a17, moby/profiles at cd3bed8 and containerd
 * at 301026e (all of August 2026). Other versions of these programs allow a few calls more or less.
 *
 * @module
 */
import { nativeArchName } from "../arch.ts";
import { type ConvertProfileOptions, toRuntimeSpec } from "../convert.ts";
import { parseKernelRelease } from "../kernel.ts";
import type { LinuxSeccomp, SeccompProfile } from "../types.ts";
import { containerdSpec, mobyProfile } from "./docker.ts";
import type { DefaultProfileName } from "./names.ts";
import { podmanProfile } from "./podman.ts";

export type { DefaultProfileName };

/**
 * The profile file that is built into containers-common, CRI-O or Docker.
 *
 * containerd has none: it makes the filter itself, see {@link defaultSeccomp}. The profile belongs to the caller.
 */
export function defaultProfile(name: Exclude<DefaultProfileName, "containerd">): SeccompProfile {
  if (name === "moby") return mobyProfile();
  if (name === "containers-common" || name === "cri-o") return podmanProfile(name);
  throw new TypeError(`no built-in profile file ${JSON.stringify(name)}`);
}

/**
 * The `linux.seccomp` object that a built-in profile becomes for a container.
 *
 * `capabilities: null` is taken by containers-common and CRI-O alone, and widens the result: see
 * {@link ConvertProfileOptions}. The rules are in effect those of the program; their order and grouping are not
 * always its own.
 *
 * @throws {TypeError} For moby and containerd without `kernel` or with `capabilities: null`.
 * @throws {RangeError} For an unknown `arch`.
 * @throws {SeccompError} `ERR_SECCOMP_KERNEL_VERSION`; `ERR_SECCOMP_UNSUPPORTED` for containers-common and CRI-O
 *   on MIPS, where errno names have numbers of their own.
 */
export function defaultSeccomp(name: DefaultProfileName, options: ConvertProfileOptions): LinuxSeccomp {
  const { arch, capabilities, kernel } = options;
  if (name === "containerd") {
    if (!Array.isArray(capabilities)) throw new TypeError("capabilities must be a list of names");
    if (kernel === undefined) throw new TypeError("the profile depends on the kernel: it must be given");
    nativeArchName(arch);
    parseKernelRelease(kernel);
    return containerdSpec({ arch, capabilities, kernel });
  }
  const spec = toRuntimeSpec(defaultProfile(name), options);
  // Reached by no input: a built-in profile has a default action.
  if (!spec) throw new TypeError(`the profile of ${name} is empty`);
  return spec;
}

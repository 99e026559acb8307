/**
 * Conversion as Docker does it.
 *
 * Names of errno values are ignored, `minKernel` is honoured, and a rule without names is kept.
 *
 * @see {@link https://github.com/moby/profiles/blob/seccomp/v0.1.0/seccomp/seccomp_linux.go}
 * @module
 */
import type { Converted, ConvertedRule, ConvertProfileOptions } from "./convert.ts";
import { architecturesFor } from "./convert-common.ts";
import { SeccompError } from "./errors.ts";
import { atLeastKernel, parseKernelRelease } from "./kernel.ts";
import { copySyscall, specOf } from "./runtime-spec.ts";
import type { KernelVersion, LinuxSyscall, ProfileSyscall, SeccompProfile } from "./types.ts";

/** Go's architectures: what `arches` is compared with, and what `archMap` is searched for. */
const ARCHES: Readonly<Record<string, readonly [name: string, scmp?: string]>> = {
  "386": ["x86", "SCMP_ARCH_X86"],
  amd64: ["amd64", "SCMP_ARCH_X86_64"],
  arm: ["arm", "SCMP_ARCH_ARM"],
  arm64: ["arm64", "SCMP_ARCH_AARCH64"],
  // Docker looks the next and mipsle up under a name that its second table does not have.
  loong64: ["loongarch64"],
  mips64: ["mips64", "SCMP_ARCH_MIPS64"],
  mips64le: ["mipsel64", "SCMP_ARCH_MIPSEL64"],
  mips64p32: ["mips64n32", "SCMP_ARCH_MIPS64N32"],
  mips64p32le: ["mips3l64n32", "SCMP_ARCH_MIPSEL64N32"],
  mipsle: ["mipsel"],
  ppc: ["ppc", "SCMP_ARCH_PPC"],
  ppc64: ["ppc64", "SCMP_ARCH_PPC64"],
  ppc64le: ["ppc64le", "SCMP_ARCH_PPC64LE"],
  riscv64: ["riscv64", "SCMP_ARCH_RISCV64"],
  s390: ["s390", "SCMP_ARCH_S390"],
  s390x: ["s390x", "SCMP_ARCH_S390X"],
};

/** See {@link toRuntimeSpec} in `convert.ts`. */
export function convertMoby(profile: SeccompProfile, options: ConvertProfileOptions): Converted {
  const known = Object.hasOwn(ARCHES, options.arch) ? ARCHES[options.arch] : undefined;
  if (!known) throw new RangeError(`${JSON.stringify(options.arch)} is not an architecture of Docker`);
  const [arch, scmp] = known;
  const entries = profile.syscalls ?? [];
  if (profile.defaultAction === "" && entries.length === 0) return { spec: null, rules: [] };

  const architectures = architecturesFor(profile, scmp, "both 'architectures' and 'archMap' are");
  const rules: ConvertedRule[] = [];
  const syscalls: LinuxSyscall[] = [];
  entries.forEach((entry, index) => {
    const names = namesOf(entry);
    const dropped = droppedBy(entry, arch, options);
    if (dropped) {
      rules.push({ kind: "dropped", index, ...dropped });
      return;
    }
    rules.push({ kind: "kept", index, rule: syscalls.length });
    syscalls.push(copySyscall(entry, names, entry.errnoRet));
  });
  const { defaultErrnoRet } = profile;
  return { spec: specOf(profile, { defaultErrnoRet, architectures, syscalls }), rules };
}

/** Unlike containers-common, Docker looks at both fields even in an entry that is dropped. */
function namesOf(entry: ProfileSyscall): string[] | null {
  if (!entry.name) return entry.names ? [...entry.names] : null;
  if (entry.names && entry.names.length > 0) {
    throw new SeccompError(
      "ERR_SECCOMP_FIELD_CONFLICT",
      "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'",
    );
  }
  return [entry.name];
}

type Dropped = Pick<Extract<ConvertedRule, { kind: "dropped" }>, "by" | "value">;

function droppedBy(
  { includes = {}, excludes = {} }: ProfileSyscall,
  arch: string,
  options: ConvertProfileOptions,
): Dropped | undefined {
  if (excludes.arches?.includes(arch)) return { by: "excludes.arches", value: arch };
  const excluded = excludes.caps?.find((cap) => boundingSet(options).includes(cap));
  if (excluded !== undefined) return { by: "excludes.caps", value: excluded };
  if (excludes.minKernel && kernelReaches(excludes.minKernel, options)) {
    return { by: "excludes.minKernel", value: formatVersion(excludes.minKernel) };
  }
  const { arches = [] } = includes;
  if (arches.length > 0 && !arches.includes(arch)) return { by: "includes.arches", value: arch };
  const missing = includes.caps?.find((cap) => !boundingSet(options).includes(cap));
  if (missing !== undefined) return { by: "includes.caps", value: missing };
  if (includes.minKernel && !kernelReaches(includes.minKernel, options)) {
    return { by: "includes.minKernel", value: formatVersion(includes.minKernel) };
  }
  return undefined;
}

function boundingSet({ capabilities }: ConvertProfileOptions): readonly string[] {
  if (capabilities === null) throw new TypeError("the profile has rules on capabilities: they must be given");
  return capabilities;
}

function kernelReaches(least: KernelVersion, { kernel }: ConvertProfileOptions): boolean {
  if (kernel === undefined) throw new TypeError("the profile has rules on the kernel: it must be given");
  return atLeastKernel(parseKernelRelease(kernel), least);
}

function formatVersion({ kernel, major }: KernelVersion): string {
  return `${kernel}.${major}`;
}

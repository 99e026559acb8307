/**
 * Conversion as containers-common does it: CRI-O, Podman, Buildah.
 *
 * `minKernel` does not exist here: such a rule counts on every kernel.
 *
 * @see {@link https://github.com/containers/container-libs/blob/common/v0.66.0/common/pkg/seccomp/seccomp_linux.go}
 * @module
 */
import { nativeArchName } from "./arch.ts";
import type { Converted, ConvertedRule, ConvertProfileOptions } from "./convert.ts";
import { errnoNumber } from "./errno.ts";
import { SeccompError } from "./errors.ts";
import { copySyscall, specOf } from "./runtime-spec.ts";
import type { LinuxSyscall, ProfileSyscall, SeccompProfile } from "./types.ts";

/** Native names that `archMap` is read for. On any other architecture the filter is native only. */
const MAPPED: Readonly<Record<string, string>> = {
  amd64: "SCMP_ARCH_X86_64",
  arm64: "SCMP_ARCH_AARCH64",
  mips64: "SCMP_ARCH_MIPS64",
  mips64n32: "SCMP_ARCH_MIPS64N32",
  mipsel64: "SCMP_ARCH_MIPSEL64",
  mipsel64n32: "SCMP_ARCH_MIPSEL64N32",
  s390x: "SCMP_ARCH_S390X",
};

/** See {@link toRuntimeSpec} in `convert.ts`. */
export function convertCommon(profile: SeccompProfile, options: ConvertProfileOptions): Converted {
  const arch = nativeArchName(options.arch);
  const entries = profile.syscalls ?? [];
  if (profile.defaultAction === "" && entries.length === 0) return { spec: null, rules: [] };

  const architectures = architecturesFor(profile, MAPPED[arch], "'architectures' and 'archMap' were");
  const errno = profile.defaultErrno
    ? errnoNumber(profile.defaultErrno, arch)
    : (profile.defaultErrnoRet ?? undefined);
  const rules: ConvertedRule[] = [];
  const syscalls: LinuxSyscall[] = [];
  entries.forEach((entry, index) => {
    const dropped = droppedBy(entry, arch, options.capabilities);
    if (dropped) {
      rules.push({ kind: "dropped", index, ...dropped });
      return;
    }
    const names = namesOf(entry);
    const errnoRet = entry.errno ? errnoNumber(entry.errno, arch) : entry.errnoRet;
    if (names.length === 0) {
      rules.push({ kind: "dropped", index, by: "names", value: "" });
      return;
    }
    rules.push({ kind: "kept", index, rule: syscalls.length });
    syscalls.push(copySyscall(entry, names, errnoRet));
  });
  return { spec: specOf(profile, { defaultErrnoRet: errno, architectures, syscalls }), rules };
}

/**
 * The `architectures` of a profile, completed from the first entry of `archMap` for the native architecture.
 *
 * @param conflict How the error text for both fields begins.
 * @throws {SeccompError} `ERR_SECCOMP_FIELD_CONFLICT` for both fields.
 */
export function architecturesFor(
  profile: SeccompProfile,
  native: string | undefined,
  conflict: string,
): string[] {
  const { architectures = [], archMap = [] } = profile;
  if (architectures.length > 0 && archMap.length > 0) {
    throw new SeccompError(
      "ERR_SECCOMP_FIELD_CONFLICT",
      `${conflict} specified in the seccomp profile, use either 'architectures' or 'archMap'`,
    );
  }
  const entry =
    native === undefined ? undefined : archMap.find(({ architecture }) => architecture === native);
  if (!entry) return [...architectures];
  return [...architectures, entry.architecture, ...(entry.subArchitectures ?? [])];
}

type Dropped = Pick<Extract<ConvertedRule, { kind: "dropped" }>, "by" | "value">;

function droppedBy(
  { includes = {}, excludes = {} }: ProfileSyscall,
  arch: string,
  capabilities: readonly string[] | null,
): Dropped | undefined {
  if (excludes.arches?.includes(arch)) return { by: "excludes.arches", value: arch };
  const excluded = capabilities ? excludes.caps?.find((cap) => capabilities.includes(cap)) : undefined;
  if (excluded !== undefined) return { by: "excludes.caps", value: excluded };
  const { arches = [] } = includes;
  if (arches.length > 0 && !arches.includes(arch)) return { by: "includes.arches", value: arch };
  const missing = capabilities ? includes.caps?.find((cap) => !capabilities.includes(cap)) : undefined;
  if (missing !== undefined) return { by: "includes.caps", value: missing };
  return undefined;
}

function namesOf(entry: ProfileSyscall): string[] {
  const names = entry.names ?? [];
  if (!entry.name) return [...names];
  if (names.length > 0) {
    throw new SeccompError(
      "ERR_SECCOMP_FIELD_CONFLICT",
      "'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'",
    );
  }
  return [entry.name];
}

/**
 * The two forms of a seccomp profile: the file that people write and runtimes convert ({@link SeccompProfile}),
 * and the `linux.seccomp` object of the runtime specification that a container is started with
 * ({@link LinuxSeccomp}).
 *
 * Numbers: the operands `value` and `valueTwo` are unsigned 64-bit and always `bigint`. `index`, `errnoRet` and
 * `defaultErrnoRet` are `number`; a profile that gives more than 2^53-1 there is refused. Actions, operators,
 * flags and architectures are plain text because no engine checks them while converting; only the evaluation
 * of a filter does.
 *
 * @see {@link https://github.com/opencontainers/runtime-spec/blob/v1.2.1/config-linux.md#seccomp}
 * @module
 */

/** Whose reading of a profile file is followed. */
export type SeccompEngine =
  /** CRI-O, Podman and Buildah. */
  | "containers-common"
  /** Docker. */
  | "moby"
  /** A Localhost profile under containerd. */
  | "containerd";

/** A condition on one argument of a system call. */
export interface LinuxSeccompArg {
  /** Which argument, 0 to 5. */
  index: number;
  /** What the argument is compared with; for `SCMP_CMP_MASKED_EQ` the mask. Unsigned 64-bit. */
  value: bigint;
  /** What the masked argument is compared with, for `SCMP_CMP_MASKED_EQ`. Unsigned 64-bit. Absent: 0. */
  valueTwo?: bigint;
  /** Such as `SCMP_CMP_EQ`. */
  op: string;
}

/** A rule: what happens with some system calls. */
export interface LinuxSyscall {
  /** Names of calls. `null` where a file has no `names`, which containerd and Docker keep. */
  names: string[] | null;
  /** Such as `SCMP_ACT_ALLOW`. */
  action: string;
  /** Data of `SCMP_ACT_ERRNO` and `SCMP_ACT_TRACE`; runtimes take 1 (EPERM) when absent. */
  errnoRet?: number;
  /** Conditions; absent means none. */
  args?: LinuxSeccompArg[];
}

/** The `linux.seccomp` object of a runtime-spec configuration. Empty lists and texts are left out. */
export interface LinuxSeccomp {
  /** What happens with a call that no rule decides. Empty where the profile has none. */
  defaultAction: string;
  /** Data of the default action; runtimes take 1 (EPERM) when absent. */
  defaultErrnoRet?: number;
  /** Architectures the filter covers besides the native one; absent means native only. */
  architectures?: string[];
  flags?: string[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: LinuxSyscall[];
}

/** When a rule of a profile file counts. */
export interface ProfileCondition {
  /** Names of capabilities, such as `CAP_SYS_ADMIN`, compared exactly with the bounding set. */
  caps?: string[];
  /** Names of architectures, such as `amd64`. */
  arches?: string[];
  /** Least kernel. Read only by the moby engine; absent means no condition. */
  minKernel?: KernelVersion;
}

/** The first two numbers of a kernel release. */
export interface KernelVersion {
  kernel: number;
  major: number;
}

/** A rule of a profile file. */
export interface ProfileSyscall {
  /** One name, the older spelling of `names`. Empty counts as absent. */
  name?: string;
  names?: string[] | null;
  action: string;
  args?: LinuxSeccompArg[];
  comment?: string;
  /** All of this must hold for the rule to count. */
  includes?: ProfileCondition;
  /** Any of this drops the rule. */
  excludes?: ProfileCondition;
  errnoRet?: number;
  /** An errno by name or as a decimal number; wins over `errnoRet`. Read only by containers-common. */
  errno?: string;
}

/** An entry of `archMap`: what is added to a native architecture. */
export interface ProfileArchitecture {
  architecture: string;
  subArchitectures?: string[];
}

/** A profile file, as one engine reads it. */
export interface SeccompProfile {
  /** Whose reading this is. Absent in a value made by hand: `"containers-common"`. */
  engine?: SeccompEngine;
  /** Empty where the file has none. */
  defaultAction: string;
  defaultErrnoRet?: number;
  /** An errno by name or as a decimal number; wins over `defaultErrnoRet`. Read only by containers-common. */
  defaultErrno?: string;
  architectures?: string[];
  archMap?: ProfileArchitecture[];
  syscalls?: ProfileSyscall[];
  flags?: string[];
  listenerPath?: string;
  listenerMetadata?: string;
}

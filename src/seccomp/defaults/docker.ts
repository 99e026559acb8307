/**
 * The built-in profiles of Docker and of containerd.
 *
 * Whatever no rule names gives EPERM.
 *
 * @see {@link https://github.com/moby/profiles/blob/cd3bed8/seccomp/default.json}
 * @see {@link https://github.com/containerd/containerd/blob/301026e/contrib/seccomp/seccomp_default.go}
 * @module
 */

import { atLeastKernel, parseKernelRelease } from "../kernel.ts";
import { copySyscall, nonEmpty } from "../runtime-spec.ts";
import type { KernelVersion, LinuxSeccomp, ProfileSyscall, SeccompProfile } from "../types.ts";
import { alwaysAllowed, callsIn } from "./allowed.ts";
import {
  AF_ALG,
  AF_VSOCK,
  ANY_NEW_NAMESPACE,
  allow,
  architectureRules,
  archMap,
  arg,
  CLONE_BACKWARDS,
  personalityRules,
} from "./rules.ts";

/** Allowed with a capability. Docker and containerd agree but for {@link DOCKER_ONLY}. */
const BY_CAPABILITY: readonly [capability: string, calls: string][] = [
  ["CAP_DAC_READ_SEARCH", "open_by_handle_at"],
  [
    "CAP_SYS_ADMIN",
    `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount
    open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare`,
  ],
  ["CAP_SYS_BOOT", "reboot"],
  ["CAP_SYS_CHROOT", "chroot"],
  ["CAP_SYS_MODULE", "delete_module finit_module init_module"],
  ["CAP_SYS_PACCT", "acct"],
  ["CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"],
  ["CAP_SYS_RAWIO", "ioperm iopl"],
  ["CAP_SYS_TIME", "clock_settime clock_settime64 settimeofday stime"],
  ["CAP_SYS_TTY_CONFIG", "vhangup"],
  ["CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"],
  ["CAP_SYSLOG", "syslog"],
  ["CAP_BPF", "bpf"],
  ["CAP_PERFMON", "perf_event_open"],
];

/** What Docker allows with a capability besides; containerd allows these to everyone. */
const DOCKER_ONLY: Readonly<Record<string, string>> = {
  CAP_SYS_ADMIN: "lsm_get_self_attr lsm_list_modules lsm_set_self_attr",
};

/** Since this kernel a tracer cannot leave its filter through ptrace. */
const SAFE_PTRACE: KernelVersion = { kernel: 4, major: 8 };
const TRACING = "process_vm_readv process_vm_writev ptrace";

/** Calls that containerd allows on an architecture, by Go's name. */
const CONTAINERD_CALLS: Readonly<Record<string, string>> = {
  "386": "modify_ldt",
  amd64: "arch_prctl modify_ldt",
  arm: "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2",
  arm64: "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2",
  ppc64le: "swapcontext sync_file_range2",
  riscv64: "riscv_flush_icache riscv_hwprobe",
  s390: "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr",
  s390x: "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr",
};

/** Architectures of containerd's filter, by the name it knows the node by. Others are native only. */
const CONTAINERD_ARCHES: Readonly<Record<string, string>> = {
  amd64: "X86_64 X86 X32",
  arm64: "ARM AARCH64",
  loong64: "LOONGARCH64",
  mips64: "MIPS MIPS64 MIPS64N32",
  mips64n32: "MIPS MIPS64 MIPS64N32",
  mipsel64: "MIPSEL MIPSEL64 MIPSEL64N32",
  mipsel64n32: "MIPSEL MIPSEL64 MIPSEL64N32",
  riscv64: "RISCV64",
  s390x: "S390 S390X",
};

/** Docker's profile file. */
export function mobyProfile(): SeccompProfile {
  const excludes = { caps: ["CAP_SYS_ADMIN"] };
  const arches = [...CLONE_BACKWARDS];
  return {
    engine: "moby",
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    archMap: [...archMap(), { architecture: "SCMP_ARCH_RISCV64" }, { architecture: "SCMP_ARCH_LOONGARCH64" }],
    syscalls: [
      allow(alwaysAllowed("moby")),
      allow(TRACING, { includes: { minKernel: { ...SAFE_PTRACE } } }),
      ...socketRules(),
      ...personalityRules(),
      ...architectureRules(),
      ...BY_CAPABILITY.map(([cap, calls]) =>
        allow(`${calls} ${DOCKER_ONLY[cap] ?? ""}`, { includes: { caps: [cap] } }),
      ),
      { ...cloneRule(0), excludes: { ...excludes, arches } },
      { ...cloneRule(1), includes: { arches }, excludes },
      { ...noClone3(), excludes },
    ],
  };
}

/** The object that containerd makes for a container. */
export function containerdSpec(options: {
  arch: string;
  capabilities: readonly string[];
  kernel: string;
}): LinuxSeccomp {
  const { arch, capabilities } = options;
  const tracing = atLeastKernel(parseKernelRelease(options.kernel), SAFE_PTRACE);
  const native = own(CONTAINERD_CALLS, arch);
  const rules = [
    allow(alwaysAllowed("containerd")),
    ...socketRules(),
    ...personalityRules(),
    ...(tracing ? [allow(TRACING)] : []),
    ...(native === undefined ? [] : [allow(native)]),
    // In the order of the bounding set.
    ...capabilities.flatMap((cap) =>
      BY_CAPABILITY.filter(([name]) => name === cap).map(([, calls]) => allow(calls)),
    ),
    ...(capabilities.includes("CAP_SYS_ADMIN")
      ? []
      : [cloneRule(CLONE_BACKWARDS.includes(arch) ? 1 : 0), noClone3()]),
  ];
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    ...nonEmpty(
      "architectures",
      callsIn(own(CONTAINERD_ARCHES, arch) ?? "").map((name) => `SCMP_ARCH_${name}`),
    ),
    syscalls: rules.map((rule) => copySyscall(rule, rule.names ?? [], rule.errnoRet)),
  };
}

/** Every domain but AF_ALG and AF_VSOCK. */
function socketRules(): ProfileSyscall[] {
  return [arg(0, "LT", AF_ALG), arg(0, "EQ", AF_ALG + 1), arg(0, "GT", AF_VSOCK)].map((condition) =>
    allow("socket", { args: [condition] }),
  );
}

/** clone without any flag that makes a namespace. */
function cloneRule(index: number): ProfileSyscall {
  return allow("clone", { args: [arg(index, "MASKED_EQ", ANY_NEW_NAMESPACE)] });
}

/** clone3 as if the kernel were too old for it: its flags are out of a filter's sight, so callers take clone. */
function noClone3(): ProfileSyscall {
  return { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 };
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/**
 * The built-in profiles of containers-common and of CRI-O.
 *
 * A call that no rule names gives ENOSYS, as if the kernel were too old for it; known calls that are refused
 * give EPERM.
 *
 * @see {@link https://github.com/containers/container-libs/blob/9869b8f/common/pkg/seccomp/seccomp.json}
 * @see {@link https://github.com/cri-o/cri-o/blob/f954a17/internal/config/seccomp/seccomp.go}
 * @module
 */
import type { ProfileSyscall, SeccompProfile } from "../types.ts";
import { alwaysAllowed } from "./allowed.ts";
import {
  AF_NETLINK,
  AF_VSOCK,
  ANY_NEW_NAMESPACE,
  allow,
  architectureRules,
  archMap,
  arg,
  CLONE_BACKWARDS,
  type Gates,
  NETLINK_AUDIT,
  NEW_NAMESPACE,
  personalityRules,
} from "./rules.ts";

/** Refused to everyone. */
const REFUSED = `
bdflush cachestat io_pgetevents io_pgetevents_time64 kexec_file_load kexec_load map_shadow_stack migrate_pages
move_pages nfsservctl nice oldfstat oldlstat oldolduname oldstat olduname pciconfig_iobase pciconfig_read
pciconfig_write sgetmask ssetmask swapoff swapon syscall sysfs uselib userfaultfd ustat vm86 vm86old vmsplice
`;

/** Refused by CRI-O besides: the copy of the profile within it is older than these were allowed. */
const REFUSED_BY_CRIO = "futex_requeue futex_wait futex_waitv futex_wake";

/** Allowed with any of the capabilities, refused with none of them. */
const BY_CAPABILITY: readonly [capabilities: string[], calls: string][] = [
  [["CAP_DAC_READ_SEARCH"], "open_by_handle_at"],
  [["CAP_SYS_ADMIN"], "lookup_dcookie quotactl quotactl_fd setdomainname sethostname setns"],
  [["CAP_SYS_CHROOT"], "chroot"],
  [["CAP_SYS_MODULE"], "delete_module finit_module init_module query_module"],
  [["CAP_SYS_PACCT"], "acct"],
  [["CAP_SYS_PTRACE"], "kcmp process_madvise"],
  [["CAP_SYS_RAWIO"], "ioperm iopl"],
  [["CAP_SYS_TIME"], "clock_settime clock_settime64 settimeofday stime"],
  [["CAP_SYS_TTY_CONFIG"], "vhangup"],
  [["CAP_SYS_ADMIN", "CAP_BPF"], "bpf"],
  [["CAP_SYS_ADMIN", "CAP_PERFMON"], "perf_event_open"],
];

/** The profile file that both start from. */
export function podmanProfile(name: "containers-common" | "cri-o"): SeccompProfile {
  return {
    engine: "containers-common",
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    defaultErrno: "ENOSYS",
    archMap: archMap(),
    syscalls: [
      refuse(name === "cri-o" ? `${REFUSED} ${REFUSED_BY_CRIO}` : REFUSED),
      allow(alwaysAllowed(name)),
      ...personalityRules(),
      ...architectureRules(),
      ...BY_CAPABILITY.flatMap(([caps, calls]) => [
        // Each condition of a rule must hold: one rule for each capability that is enough.
        ...caps.map((cap) => allow(calls, { includes: { caps: [cap] } })),
        refuse(calls, { excludes: { caps } }),
      ]),
      ...socketRules(),
      ...(name === "cri-o" ? namespaceRules() : []),
    ],
  };
}

/** No AF_VSOCK; AF_NETLINK for the audit log only with CAP_AUDIT_WRITE, as if there were no such protocol. */
function socketRules(): ProfileSyscall[] {
  const without = { excludes: { caps: ["CAP_AUDIT_WRITE"] } };
  const [netlink, audit] = [arg(0, "EQ", AF_NETLINK), arg(2, "EQ", NETLINK_AUDIT)];
  return [
    refuse("socket", { args: [arg(0, "EQ", AF_VSOCK)] }),
    { ...refuse("socket", { args: [netlink, audit], ...without }), errnoRet: 22, errno: "EINVAL" },
    allow("socket", { args: [netlink, arg(2, "NE", NETLINK_AUDIT)], ...without }),
    allow("socket", { args: [arg(0, "NE", AF_NETLINK)], ...without }),
    allow("socket", { args: [arg(0, "NE", AF_VSOCK)], includes: { caps: ["CAP_AUDIT_WRITE"] } }),
  ];
}

/**
 * What CRI-O puts in the place of clone, clone3 and unshare for everyone.
 *
 * The seven conditions on one argument are a rule each to runtimes: any flag is enough to be refused.
 */
function namespaceRules(): ProfileSyscall[] {
  const arches = [...CLONE_BACKWARDS];
  const backwards: [index: number, gates: Gates][] = [
    [0, { excludes: { arches } }],
    [1, { includes: { arches } }],
  ];
  return [
    allow("clone clone3 unshare", { includes: { caps: ["CAP_SYS_ADMIN"] } }),
    ...backwards.map(([index, gates]) =>
      allow("clone", { args: [arg(index, "MASKED_EQ", ANY_NEW_NAMESPACE)], ...gates }),
    ),
    ...backwards.map(([index, { includes = {}, excludes = {} }]) =>
      refuse("clone", {
        args: NEW_NAMESPACE.map((flag) => arg(index, "MASKED_EQ", flag, flag)),
        includes,
        excludes: { ...excludes, caps: ["CAP_SYS_ADMIN"] },
      }),
    ),
    {
      names: ["clone3"],
      action: "SCMP_ACT_ERRNO",
      errno: "ENOSYS",
      excludes: { caps: ["CAP_SYS_ADMIN"] },
    },
  ];
}

/** A rule that answers EPERM. */
function refuse(calls: string, gates: Gates = {}): ProfileSyscall {
  return { ...allow(calls, gates), action: "SCMP_ACT_ERRNO", errnoRet: 1, errno: "EPERM" };
}

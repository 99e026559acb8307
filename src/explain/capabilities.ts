/**
 * The capabilities that a container's processes can have: profiles depend on them.
 *
 * @module
 */

/** Linux's capabilities, by number. */
const ALL: readonly string[] = [
  ...["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"],
  ...[
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
  ],
  ...[
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
  ],
  ...["SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL"],
  ...["SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ"],
  ...["PERFMON", "BPF", "CHECKPOINT_RESTORE"],
].map((name) => `CAP_${name}`);

/**
 * What containerd gives a container that asks for nothing.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.2.0/pkg/oci/spec.go}
 */
export const CONTAINERD_CAPABILITIES: readonly string[] = [
  ...["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP"],
  ...["SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"],
].map((name) => `CAP_${name}`);

/** What of a container decides. */
export interface CapabilityRequest {
  readonly privileged: boolean;
  readonly capabilities: { readonly add: readonly string[]; readonly drop: readonly string[] };
}

/**
 * The bounding set of a container, in the kernel's order; names that no kernel has come last.
 *
 * All is what the kernel has; a daemon that has less itself gives less.
 *
 * `ALL` counts before single names, whatever the order; what is both added and dropped is dropped.
 *
 * @param byDefault What the runtime gives a container that asks for nothing.
 */
export function boundingSet(
  { privileged, capabilities }: CapabilityRequest,
  byDefault: readonly string[],
): string[] {
  if (privileged) return [...ALL];
  const add = capabilities.add.map(fullName);
  const drop = capabilities.drop.map(fullName);
  const base = drop.includes("CAP_ALL") ? [] : add.includes("CAP_ALL") ? ALL : byDefault.map(fullName);
  const found = new Set([...base, ...add]);
  for (const name of [...drop, "CAP_ALL"]) found.delete(name);
  return [...found].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

function rank(name: string): number {
  const at = ALL.indexOf(name);
  return at < 0 ? ALL.length : at;
}

/** `CAP_NET_ADMIN` for `net_admin`. */
function fullName(name: string): string {
  const upper = name.toUpperCase();
  return upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
}

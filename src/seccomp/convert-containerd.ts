/**
 * Conversion of a Localhost profile as containerd does it: none.
 *
 * The file is read straight into the runtime-spec object. What only the extended format knows is ignored, so
 * a rule that depends on capabilities becomes unconditional, and a profile with `archMap` covers the native
 * architecture only.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.2.0/contrib/seccomp/seccomp.go}
 * @module
 */
import type { Converted } from "./convert.ts";
import { copySyscall, nonEmpty } from "./runtime-spec.ts";
import type { LinuxSeccomp, SeccompProfile } from "./types.ts";

/** See {@link toRuntimeSpec} in `convert.ts`. */
export function convertContainerd(profile: SeccompProfile): Converted {
  const { defaultErrnoRet, syscalls = [] } = profile;
  const spec: LinuxSeccomp = {
    defaultAction: profile.defaultAction,
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    ...nonEmpty("architectures", profile.architectures ?? []),
    ...nonEmpty("flags", profile.flags ?? []),
    ...(profile.listenerPath ? { listenerPath: profile.listenerPath } : {}),
    ...(profile.listenerMetadata ? { listenerMetadata: profile.listenerMetadata } : {}),
    ...nonEmpty(
      "syscalls",
      syscalls.map((entry) => copySyscall(entry, entry.names ? [...entry.names] : null, entry.errnoRet)),
    ),
  };
  return { spec, rules: syscalls.map((_, index) => ({ kind: "kept", index, rule: index })) };
}

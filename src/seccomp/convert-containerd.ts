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
import { copySyscall, specOf } from "./runtime-spec.ts";
import type { SeccompProfile } from "./types.ts";

/** See {@link toRuntimeSpec} in `convert.ts`. */
export function convertContainerd(profile: SeccompProfile): Converted {
  const { defaultErrnoRet, architectures = [], syscalls: entries = [] } = profile;
  const syscalls = entries.map((entry) =>
    copySyscall(entry, entry.names ? [...entry.names] : null, entry.errnoRet),
  );
  const spec = specOf(profile, { defaultErrnoRet, architectures, syscalls });
  return { spec, rules: syscalls.map((_, index) => ({ kind: "kept", index, rule: index })) };
}

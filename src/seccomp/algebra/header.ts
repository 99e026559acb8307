/**
 * What a combined profile has besides its rules.
 *
 * @module
 */
import type { SeccompArch } from "../arch.ts";
import { nonEmpty } from "../runtime-spec.ts";
import type { LinuxSeccomp } from "../types.ts";
import type { DecidedAction } from "./decisions.ts";

/** Default action, architectures, flags and listener of a combination. */
export function mergedHeader(
  specs: readonly LinuxSeccomp[],
  kind: "intersection" | "union",
  { action, errno }: DecidedAction,
  arches: readonly Pick<SeccompArch, "scmp">[],
): LinuxSeccomp {
  const listener = specs.find(({ listenerPath }) => listenerPath !== undefined);
  return {
    defaultAction: action,
    ...(errno === undefined ? {} : { defaultErrnoRet: errno }),
    ...nonEmpty(
      "architectures",
      arches.map(({ scmp }) => scmp),
    ),
    ...nonEmpty(
      "flags",
      mergedList(
        specs.map(({ flags }) => flags ?? []),
        kind,
      ),
    ),
    ...(listener?.listenerPath === undefined ? {} : { listenerPath: listener.listenerPath }),
    ...(listener?.listenerMetadata === undefined ? {} : { listenerMetadata: listener.listenerMetadata }),
  };
}

/** What all lists have that are not empty, or what any has. */
export function mergedList(lists: readonly (readonly string[])[], kind: "intersection" | "union"): string[] {
  const given = lists.filter(({ length }) => length > 0);
  const all = [...new Set(given.flat())];
  return kind === "union" ? all : all.filter((item) => given.every((list) => list.includes(item)));
}

/**
 * Names that sandboxes and containers take: two of the same metadata and attempt cannot be there at a time.
 *
 * @module
 */
import type { PodSandboxConfig } from "../../cri/index.ts";
import { quote, unknown } from "./refusals.ts";
import type { SandboxRecord } from "./state.ts";
import type { RuntimeWorld } from "./world.ts";

/** The name that a sandbox takes. */
export function sandboxName({ metadata }: PodSandboxConfig): string {
  return [metadata?.name, metadata?.namespace, metadata?.uid, metadata?.attempt].join("_");
}

/**
 * Takes a name for an id.
 *
 * @throws {CriError} `ERR_CRI_UNKNOWN` if it is taken.
 */
export function reserveName(
  { state, flavor }: RuntimeWorld,
  kind: "sandbox" | "container",
  name: string,
  id: string,
): void {
  const key = `${kind} ${name}`;
  const owner = state.names.get(key);
  if (owner === undefined) {
    state.names.set(key, id);
    return;
  }
  if (flavor === "containerd") {
    throw unknown(
      `failed to reserve ${kind} name ${quote(name)}: name ${quote(name)} is reserved for ${quote(owner)}`,
    );
  }
  const what = kind === "sandbox" ? "pod" : "ctr";
  throw unknown(`error reserving ${what} name ${name} for id ${id}: name is reserved`);
}

/** Gives back the names that an id has. */
export function releaseNames({ state }: RuntimeWorld, id: string): void {
  for (const [name, owner] of state.names) if (owner === id) state.names.delete(name);
}

/** The name that a container of a sandbox takes. */
export function containerName({ config }: SandboxRecord, name: string, attempt: number): string {
  const { metadata } = config;
  return [name, metadata?.name, metadata?.namespace, metadata?.uid, attempt].join("_");
}

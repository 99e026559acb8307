/**
 * The signatures that this machine's podman or CRI-O would see. This file reads the environment and the disk.
 *
 * @module
 */
import { type LoadRegistriesDOptions, loadRegistriesD } from "./load-registries-d.ts";
import { createNodeSignatures, type NodeSignatures, type NodeSignaturesOptions } from "./node-signatures.ts";

/** Options of {@link loadNodeSignatures}. */
export interface LoadNodeSignaturesOptions
  extends LoadRegistriesDOptions,
    Omit<NodeSignaturesOptions, "config" | "defaultLookaside"> {}

/**
 * A source of signatures that looks where the configuration of this user says; see {@link createNodeSignatures}.
 *
 * The configuration is read once: to pick up changes of it make another source, and another verifier with that. With
 * `root` the lookaside folders are looked for below it too.
 *
 * @throws {PolicyError} `ERR_POLICY_REGISTRIES_D`, as {@link loadRegistriesD}.
 * @throws {RangeError} for a limit that is none.
 */
export async function loadNodeSignatures(options: LoadNodeSignaturesOptions = {}): Promise<NodeSignatures> {
  const { paths, root, env, uid, reader, signal, ...others } = options;
  const { config, defaultLookaside } = await loadRegistriesD({ paths, root, env, uid, reader, signal });
  return createNodeSignatures({ config, defaultLookaside, root, ...others });
}

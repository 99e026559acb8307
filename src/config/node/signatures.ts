/**
 * Where a node looks for signatures.
 *
 * @module
 */

import type { NodeSignaturesOptions } from "../../policy/sources/node-signatures.ts";
import { createNodeSignatures, type NodeSignatures } from "../../policy/sources/node-signatures.ts";
import type { NodeConfig } from "../node.ts";
import { readExisting } from "./file-access.ts";

/** Options of {@link nodeSignatureSources}: how web servers are asked, and with whom verdicts are shared. */
export type NodeSignatureSourcesOptions = Omit<
  NodeSignaturesOptions,
  "config" | "defaultLookaside" | "root" | "readFile"
>;

/**
 * The sources of signatures that the node's `registries.d` names, for `createVerifier`: none for containerd, which
 * looks at no signature.
 *
 * Lookaside stores in folders are read below the node's root. Connections to web servers are kept until `close()` of a
 * source.
 *
 * @throws {RangeError} for a limit that is none.
 */
export function nodeSignatureSources(
  { runtime, files }: NodeConfig,
  options: NodeSignatureSourcesOptions = {},
): NodeSignatures[] {
  if (runtime.kind === "containerd") return [];
  const { config, defaultLookaside } = runtime.signatures;
  return [createNodeSignatures({ ...options, config, defaultLookaside, readFile: readExisting(files) })];
}

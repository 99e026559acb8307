/**
 * Programs that a containerd asks whether an image may be pulled.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.1.0/docs/image-verification.md}
 * @module
 */
import type { SignalOptions } from "../../core/signal.ts";
import type { ContainerdConfig } from "../containerd/parse.ts";
import { tableAt, textAt } from "../containerd/tree.ts";
import type { NodeFiles } from "../node-files.ts";
import type { NodeAgreementWarning } from "../node-warnings.ts";
import { daemonPath } from "./file-access.ts";

const PLUGIN = "io.containerd.image-verifier.v1.bindir";
const DEFAULT_FOLDER = "/opt/containerd/image-verifier/bin";

/** A warning where a containerd from 2.0 on has image verifiers: their answers are not foreseen. */
export async function imageVerifierWarnings(
  { release, tree, disabledPlugins }: ContainerdConfig,
  files: NodeFiles,
  { signal }: SignalOptions,
): Promise<NodeAgreementWarning[]> {
  if (Number.parseInt(release, 10) < 2) return [];
  if (disabledPlugins.some(({ value }) => value === PLUGIN)) return [];
  const folder = textAt(tableAt(tree, "plugins"), PLUGIN, "bin_dir")?.value ?? DEFAULT_FOLDER;
  const programs = folder === "" ? [] : ((await files.list(daemonPath(folder), { signal })) ?? []).sort();
  return programs.length === 0 ? [] : [{ code: "image-verifiers", folder, programs }];
}

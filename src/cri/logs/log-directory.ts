/**
 * Which folder the logs of a pod are in.
 *
 * @module
 */
import { basename, dirname } from "node:path";
import { CoreError } from "../../core/errors.ts";
import { type JsonNode, members, parseJson } from "../../core/strict-json.ts";

const MAX_INFO_BYTES = 16 * 1024 * 1024;

const POD_LABELS = [
  "io.kubernetes.pod.namespace",
  "io.kubernetes.pod.name",
  "io.kubernetes.pod.uid",
] as const;

/**
 * `config.log_directory` in the verbose information of a pod sandbox's status, where containerd puts it; undefined
 * if there is none.
 */
export function logDirectoryIn(info: Readonly<Record<string, string>>): string | undefined {
  const text = Object.hasOwn(info, "info") ? info["info"] : undefined;
  if (text === undefined) return undefined;
  try {
    const config = member(parseJson(text, { maxBytes: MAX_INFO_BYTES }), "config");
    const directory = config && member(config, "log_directory");
    return directory?.kind === "string" && directory.value !== "" ? directory.value : undefined;
  } catch (error) {
    // Where runtimes fail to write the information, they put an error text there.
    if (error instanceof CoreError) return undefined;
    throw error;
  }
}

/**
 * The folder two above a log file, if its name is what the kubelet calls the folder of the pod that the labels name:
 * `<namespace>_<name>_<uid>`.
 */
export function kubeletLogDirectory(
  logPath: string,
  labels: Readonly<Record<string, string>>,
): string | undefined {
  const names = POD_LABELS.map((label) => (Object.hasOwn(labels, label) ? labels[label] : undefined));
  if (names.some((name) => !name)) return undefined;
  const folder = dirname(dirname(logPath));
  return basename(folder) === names.join("_") ? folder : undefined;
}

function member(node: JsonNode, name: string): JsonNode | undefined {
  if (node.kind !== "object") return undefined;
  return members(node).findLast(({ key }) => key === name)?.value;
}

/**
 * One configuration file of a kubelet.
 *
 * The file that `--config` names is decoded strictly, and leniently where that fails for an unknown or repeated key: so
 * such keys are told and passed over. Of drop-ins repeated keys are refused, and unknown ones passed over.
 *
 * @see {@link https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/kubeletconfig/util/codec/codec.go}
 * @module
 */
import { parseJsonData } from "../data/json.ts";
import { type DataDocument, type DataNode, type DataObject, fileOrigin } from "../data/tree.ts";
import { parseYamlData } from "../data/yaml.ts";
import { ConfigError } from "../errors.ts";
import type { KubeletWarning } from "./types.ts";

/** A file's path, absolute, and its text. */
export interface KubeletFile {
  readonly path: string;
  readonly text: string;
}

/** Options of {@link parseKubeletDocument}. */
export interface ParseKubeletDocumentOptions {
  isDropIn: boolean;
  warn: (warning: KubeletWarning) => void;
}

const API_VERSION = "kubelet.config.k8s.io/v1beta1";
const KIND = "KubeletConfiguration";

/**
 * What a file says; its keys and types are not checked yet.
 *
 * @throws {ConfigError} `ERR_CONFIG_SYNTAX`, `ERR_CONFIG_TOO_LARGE`, `ERR_CONFIG_INVALID` for an empty file,
 * `ERR_CONFIG_VERSION` for what is no KubeletConfiguration of v1beta1.
 */
export async function parseKubeletDocument(
  { path, text }: KubeletFile,
  { isDropIn, warn }: ParseKubeletDocumentOptions,
): Promise<DataObject> {
  if (text === "") {
    const message = `kubelet config file ${JSON.stringify(path)} was empty`;
    throw new ConfigError("ERR_CONFIG_INVALID", message, { origin: fileOrigin(path) });
  }
  const { root, duplicates } = await firstDocument(path, text, warn);
  for (const { key, origin } of duplicates) {
    if (isDropIn) {
      const message = `${path}: failed to load kubelet dropin file: key ${JSON.stringify(key)} already set in map`;
      throw new ConfigError("ERR_CONFIG_SYNTAX", message, { origin, key });
    }
    warn({ code: "duplicate-key", key, origin });
  }
  return versioned(root);
}

async function firstDocument(
  path: string,
  text: string,
  warn: (warning: KubeletWarning) => void,
): Promise<DataDocument> {
  // What begins as a JSON object is read as JSON alone.
  if (/^\s*\{/.test(text)) return parseJsonData(path, text);
  const [first, second] = await parseYamlData(path, text, { isFirstOnly: true });
  if (second) warn({ code: "ignored-document", origin: second.root.origin });
  const empty: DataDocument = {
    root: { kind: "null", value: null, origin: fileOrigin(path) },
    duplicates: [],
  };
  return first ?? empty;
}

function versioned(root: DataNode): DataObject {
  const { file } = root.origin;
  const members: ReadonlyMap<string, DataNode> = root.kind === "object" ? root.members : new Map();
  for (const [key, wanted] of [
    ["kind", KIND],
    ["apiVersion", API_VERSION],
  ] as const) {
    const given = members.get(key);
    if (given?.kind === "string" && given.value === wanted) continue;
    const found = given?.kind === "string" ? JSON.stringify(given.value.slice(0, 256)) : "missing";
    const message = `${file}: ${key} is ${found}, not ${JSON.stringify(wanted)}`;
    throw new ConfigError("ERR_CONFIG_VERSION", message, { key, origin: given?.origin ?? root.origin });
  }
  if (root.kind !== "object") throw new TypeError("members without an object");
  return root;
}

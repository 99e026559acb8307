/**
 * Configurations of pods and containers, as `crictl runp` and `crictl create` take them from files.
 *
 * crictl drops unknown keys without a word, and with them every key in lowerCamelCase: a misspelt security context
 * gives a container without one. Here each key counts, in either spelling, or is an error.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { assertLimit } from "../../core/bytes.ts";
import type { ConfigProblem } from "../errors.ts";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
} from "../gen/runtime/v1/api_pb.ts";
import { type DecodeProblem, decodeConfig, type MessageData } from "./config-decode.ts";
import { readJsonConfig } from "./config-json.ts";
import { type ConfigNode, type ConfigText, configError } from "./config-tree.ts";
import { readYamlConfig } from "./config-yaml.ts";

/** Options of {@link parseContainerConfig}. */
export interface ParseContainerConfigOptions {
  /** What happens with keys that the interface does not have. Default `"refuse"`. */
  unknownKeys?: "refuse" | "ignore" | undefined;
  /** Is told of keys that are ignored, and of what is allowed but hardly meant. */
  onWarning?: ((problem: ConfigProblem) => void) | undefined;
  /** Longest text accepted, in bytes. Default 1 MiB (1048576). */
  maxBytes?: number | undefined;
}

/** Options of {@link parsePodSandboxConfig}. */
export interface ParsePodSandboxConfigOptions extends ParseContainerConfigOptions {
  /** Makes the uid of a pod that has none. Default: a random UUID. */
  newUid?: (() => string) | undefined;
}

const DEFAULT_MAX_BYTES = 1024 * 1024;

/**
 * The configuration of a pod sandbox, from JSON or YAML.
 *
 * Keys are the names of the contract (`log_directory`, in any case) or lowerCamelCase (`logDirectory`). Enums are names,
 * with or without the prefix that newer contracts give to signals (`SIGTERM`, `SIGNAL_SIGTERM`), or known
 * numbers. Whole numbers are exact, of 64 bits too, and may be texts of digits. `null` counts as absent. A text
 * that begins with `{` is JSON. In YAML, words on which versions of YAML disagree (`yes`, `010`) must be quoted or
 * written otherwise, and anchors, aliases, merge keys and `!!binary` are read. A pod without a uid gets a random one.
 * Whether the values make sense to a runtime is not checked.
 *
 * @throws {CriError} `ERR_CRI_CONFIG_INVALID` with everything that is wrong in `problems`: what is no JSON or YAML,
 * unknown and repeated keys, values of wrong types, and a missing `metadata.name` or `metadata.namespace`.
 */
export function parsePodSandboxConfig(
  text: string | Uint8Array,
  options: ParsePodSandboxConfigOptions = {},
): PodSandboxConfig {
  const { newUid = randomUUID } = options;
  const name = "pod configuration";
  const required = [
    ["metadata", "name"],
    ["metadata", "namespace"],
  ] as const;
  const { config, place } = parseConfig(PodSandboxConfigSchema, { name, text, required, options });
  if (config.metadata && config.metadata.uid === "") config.metadata.uid = newUid();
  if (config.linux && config.linux.cgroupParent === "") {
    const message = "without cgroup_parent, the pod is outside of the cgroups of the node's other pods";
    options.onWarning?.({ path: "$['linux']", ...place("linux"), message });
  }
  return config;
}

/**
 * The configuration of a container, from JSON or YAML; read as {@link parsePodSandboxConfig} does.
 *
 * Values of environment variables are texts, kept as their UTF-8; `!!binary` in YAML gives other bytes.
 *
 * @throws {CriError} `ERR_CRI_CONFIG_INVALID` with everything that is wrong in `problems`: what is no JSON or YAML,
 * unknown and repeated keys, values of wrong types, and a missing `metadata.name` or `image.image`.
 */
export function parseContainerConfig(
  text: string | Uint8Array,
  options: ParseContainerConfigOptions = {},
): ContainerConfig {
  const name = "container configuration";
  const required = [
    ["metadata", "name"],
    ["image", "image"],
  ] as const;
  return parseConfig(ContainerConfigSchema, { name, text, required, options }).config;
}

interface ConfigInput {
  name: string;
  text: string | Uint8Array;
  /** Paths of texts that must not be empty. */
  required: readonly (readonly [string, string])[];
  options: ParseContainerConfigOptions;
}

/** A configuration that fits. */
interface ParsedConfig<S extends DescMessage> {
  config: MessageShape<S>;
  /** Where one of its members is. */
  place: (key: string) => { line: number; column: number };
}

function parseConfig<S extends DescMessage>(
  schema: S,
  { name, text, required, options }: ConfigInput,
): ParsedConfig<S> {
  const { unknownKeys = "refuse", onWarning, maxBytes = DEFAULT_MAX_BYTES } = options;
  assertLimit(maxBytes);
  const read = readConfig(name, text, maxBytes);
  const { data, invalid, unknown } = decodeConfig(schema, read.tree);
  const placed = ({ path, offset, message }: DecodeProblem): ConfigProblem => {
    const { line, column } = read.locate(offset);
    return { path, line, column, message };
  };
  const missing = invalid.length > 0 ? [] : missingIn(data, required);
  const wrong = [...invalid, ...missing, ...(unknownKeys === "refuse" ? unknown : [])];
  if (wrong.length > 0) throw configError(name, wrong.map(placed));
  for (const problem of unknown) onWarning?.(placed(problem));
  return { config: create(schema, data as never), place: (key) => read.locate(offsetOf(read.tree, key)) };
}

/** Where a member of the configuration begins, whatever the case of its name. */
function offsetOf(tree: ConfigNode, key: string): number {
  const members = tree.kind === "object" ? tree.members : [];
  return members.find((member) => member.key.toLowerCase() === key)?.offset ?? tree.offset;
}

function missingIn(data: MessageData, required: ConfigInput["required"]): DecodeProblem[] {
  return required
    .filter(([outer, inner]) => !(data[outer] as MessageData | undefined)?.[inner])
    .map(([outer, inner]) => ({ path: "$", offset: 0, message: `${outer}.${inner} is missing` }));
}

function readConfig(name: string, input: string | Uint8Array, maxBytes: number): ConfigText {
  const refuse = (message: string) => configError(name, [{ path: "$", line: 1, column: 1, message }]);
  // A string of n UTF-16 units has at least n bytes, so a huge one is refused before it is copied.
  if (input.length > maxBytes) throw refuse(`more than ${maxBytes} bytes`);
  if (typeof input === "string" && /\p{Surrogate}/u.test(input)) throw refuse("the text is not well formed");
  const bytes = typeof input === "string" ? Buffer.from(input, "utf8") : input;
  if (bytes.byteLength > maxBytes) throw refuse(`more than ${maxBytes} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refuse("the text is not UTF-8");
  }
  if (!/^\s*\{/.test(text)) return readYamlConfig(name, text);
  return readJsonConfig(name, new TextEncoder().encode(text), maxBytes);
}

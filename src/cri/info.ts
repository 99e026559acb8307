/**
 * The verbose information that runtimes add to a status.
 *
 * What stands there is the runtime's own affair. Read are the members that containerd and CRI-O are known to write;
 * `raw` has everything.
 *
 * @module
 */
import { CoreError } from "../core/errors.ts";
import {
  booleanOf,
  integerOf,
  type JsonNode,
  type JsonValue,
  members,
  parseJson,
  stringOf,
  toPlain,
} from "../core/strict-json.ts";
import { CriError } from "./errors.ts";
import type {
  ContainerStatusResponse,
  ImageStatusResponse,
  PodSandboxStatusResponse,
  StatusResponse,
} from "./gen/runtime/v1/api_pb.ts";

/** A JSON object as plain data; whole numbers that a double cannot hold are `bigint`. */
export type JsonFields = { [key: string]: JsonValue };

/** What the verbose information of containers and sandboxes has in common. */
interface ProcessInfo {
  /** Process id on the node of the first process; 0 when it does not run. */
  pid?: number;
  /** The OCI runtime specification of the process, as plain data. */
  runtimeSpec?: JsonFields;
  /** containerd: key of the snapshot that is the root file system. */
  snapshotKey?: string;
  /** containerd: the snapshotter, such as `overlayfs`. */
  snapshotter?: string;
  /** containerd: type of the shim, such as `io.containerd.runc.v2`. */
  runtimeType?: string;
  /** containerd: options of the shim. */
  runtimeOptions?: JsonFields;
  /** containerd: the configuration that it was created with, under the names of the fields in the contract. */
  config?: JsonFields;
  /** Everything, as plain data, with what only this runtime says. */
  raw: JsonFields;
}

/** What {@link readContainerInfo} finds. */
export interface ContainerInfo extends ProcessInfo {
  /** Id of the container's pod sandbox. */
  sandboxId?: string;
  /** Whether the container may do what its node may. From CRI-O, and from containerd's `config` on Linux. */
  privileged?: boolean;
  /** containerd: whether it is being removed. */
  removing?: boolean;
}

/** What {@link readPodSandboxInfo} finds. CRI-O writes `pid` and `image` only for pods with an infra container. */
export interface PodSandboxInfo extends ProcessInfo {
  /** Name of the pause image. */
  image?: string;
  /** containerd: state of the pause process, such as `running`; `deleted` when there is none. */
  processStatus?: string;
  /** containerd: whether the network namespace is gone. */
  netNamespaceClosed?: boolean;
  /** containerd: the runtime handler; empty for the default one. */
  runtimeHandler?: string;
  /** containerd: what the CNI plugins answered. */
  cniResult?: JsonFields;
}

/** What {@link readImageInfo} finds. */
export interface ImageInfo {
  /** containerd: chain id of the unpacked layers. */
  chainId?: string;
  /** CRI-O: labels of the image's configuration. */
  labels?: { [key: string]: string };
  /** The OCI image configuration, as plain data. */
  imageSpec?: JsonFields;
  /** Everything, as plain data, with what only this runtime says. */
  raw: JsonFields;
}

/** What {@link readRuntimeInfo} finds. */
export interface RuntimeInfo {
  /** The pause image, where the runtime says it. */
  sandboxImage?: string;
  /** The runtime's configuration, as plain data. */
  config?: JsonFields;
  /** containerd: configuration of CNI, as plain data. */
  cniConfig?: JsonFields;
  /** containerd: version of Go that it was built with. */
  goVersion?: string;
  /** containerd: `OK`, or why CNI's configuration could not be read. */
  lastCniLoadStatus?: string;
  /** containerd: the same for each network configuration by its name. */
  lastCniLoadStatuses: { [name: string]: string };
  /** Everything, as the runtime wrote it. */
  raw: { [key: string]: string };
}

/** Options of the readers of verbose information. */
export interface ReadContainerInfoOptions {
  /** Longest text accepted, in bytes. Default 16 MiB (16777216). */
  maxBytes?: number | undefined;
}

const MAX_PID = 2n ** 31n - 1n;
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;

/** Reads a member of an object; null counts as absent. */
type MemberReaders<T> = { readonly [name: string]: (value: JsonNode, info: T) => void };

const PROCESS: MemberReaders<ProcessInfo> = {
  pid: (value, info) => {
    info.pid = Number(integerOf(value, 0n, MAX_PID));
  },
  runtimeSpec: (value, info) => {
    info.runtimeSpec = plainObject(value);
  },
  snapshotKey: (value, info) => {
    info.snapshotKey = stringOf(value);
  },
  snapshotter: (value, info) => {
    info.snapshotter = stringOf(value);
  },
  runtimeType: (value, info) => {
    info.runtimeType = stringOf(value);
  },
  runtimeOptions: (value, info) => {
    info.runtimeOptions = plainObject(value);
  },
  config: (value, info) => {
    info.config = plainObject(value);
  },
};

const CONTAINER: MemberReaders<ContainerInfo> = {
  ...PROCESS,
  sandboxID: (value, info) => {
    info.sandboxId = stringOf(value);
  },
  privileged: (value, info) => {
    info.privileged = booleanOf(value);
  },
  removing: (value, info) => {
    info.removing = booleanOf(value);
  },
};

const POD_SANDBOX: MemberReaders<PodSandboxInfo> = {
  ...PROCESS,
  image: (value, info) => {
    info.image = stringOf(value);
  },
  processStatus: (value, info) => {
    info.processStatus = stringOf(value);
  },
  netNamespaceClosed: (value, info) => {
    info.netNamespaceClosed = booleanOf(value);
  },
  runtimeHandler: (value, info) => {
    info.runtimeHandler = stringOf(value);
  },
  cniResult: (value, info) => {
    info.cniResult = plainObject(value);
  },
};

const IMAGE: MemberReaders<ImageInfo> = {
  chainID: (value, info) => {
    info.chainId = stringOf(value);
  },
  labels: (value, info) => {
    info.labels = Object.fromEntries(members(value).map(({ key, value: text }) => [key, stringOf(text)]));
  },
  imageSpec: (value, info) => {
    info.imageSpec = plainObject(value);
  },
};

/**
 * The verbose information in the answer to `containerStatus({ containerId, verbose: true })`.
 *
 * The runtime specification is not checked against its schema; whole numbers in it that a double cannot hold are
 * `bigint`. A member that is `null` counts as absent.
 *
 * @throws {CriError} `ERR_CRI_INFO_INVALID` if the answer has none, as it has without `verbose`, or if it is not a
 * JSON object with members of the expected types; where runtimes fail to write it, they put an error text there.
 */
export function readContainerInfo(
  response: Pick<ContainerStatusResponse, "info">,
  options: ReadContainerInfoOptions = {},
): ContainerInfo {
  const info = readMembers(response.info, CONTAINER, options);
  if (info.privileged === undefined) {
    const linux = objectIn(info.config, "linux");
    const privileged = linux && objectIn(linux, "security_context")?.["privileged"];
    if (linux) info.privileged = privileged === true;
  }
  return info;
}

/**
 * The verbose information in the answer to `podSandboxStatus({ podSandboxId, verbose: true })`.
 *
 * @throws {CriError} `ERR_CRI_INFO_INVALID` as {@link readContainerInfo}.
 */
export function readPodSandboxInfo(
  response: Pick<PodSandboxStatusResponse, "info">,
  options: ReadContainerInfoOptions = {},
): PodSandboxInfo {
  return readMembers(response.info, POD_SANDBOX, options);
}

/**
 * The verbose information in the answer to `imageStatus({ image, verbose: true })`. The image configuration is not
 * checked.
 *
 * @throws {CriError} `ERR_CRI_INFO_INVALID` as {@link readContainerInfo}, and for an image that is not there.
 */
export function readImageInfo(
  response: Pick<ImageStatusResponse, "info">,
  options: ReadContainerInfoOptions = {},
): ImageInfo {
  return readMembers(response.info, IMAGE, options);
}

/**
 * The verbose information in the answer to `status({ verbose: true })`.
 *
 * @throws {CriError} `ERR_CRI_INFO_INVALID` if the answer has none, or if a text that should be JSON is not.
 */
export function readRuntimeInfo(
  response: Pick<StatusResponse, "info">,
  { maxBytes = DEFAULT_MAX_BYTES }: ReadContainerInfoOptions = {},
): RuntimeInfo {
  const texts = new Map(Object.entries(response.info));
  if (texts.size === 0) throw noInfo();
  const info: RuntimeInfo = { lastCniLoadStatuses: {}, raw: Object.fromEntries(texts) };
  const read = <T>(key: string, reader: (node: JsonNode) => T): T | undefined => {
    const text = texts.get(key);
    return text === undefined ? undefined : refusing(key, () => reader(parseJson(text, { maxBytes })));
  };
  const config = read("config", plainObject);
  const cniConfig = read("cniconfig", plainObject);
  const goVersion = read("golang", stringOf);
  const lastCniLoadStatus = texts.get("lastCNILoadStatus");
  const sandboxImage = config?.["sandboxImage"];
  if (config) info.config = config;
  if (cniConfig) info.cniConfig = cniConfig;
  if (goVersion !== undefined) info.goVersion = goVersion;
  if (lastCniLoadStatus !== undefined) info.lastCniLoadStatus = lastCniLoadStatus;
  if (typeof sandboxImage === "string" && sandboxImage !== "") info.sandboxImage = sandboxImage;
  const prefix = "lastCNILoadStatus.";
  info.lastCniLoadStatuses = Object.fromEntries(
    [...texts].flatMap(([key, text]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), text]] : [])),
  );
  return info;
}

/**
 * Verbose information as crictl prints it: a text that begins with `{` as the JSON object it is, any other as it
 * stands, without double quotes around it. Ordered by key.
 *
 * @throws {CriError} `ERR_CRI_INFO_INVALID` if a text begins like an object and is none.
 */
export function mergeVerboseInfo(
  info: Readonly<Record<string, string>>,
  { maxBytes = DEFAULT_MAX_BYTES }: ReadContainerInfoOptions = {},
): JsonFields {
  const merged: [key: string, value: JsonValue][] = Object.entries(info).map(([key, text]) => {
    if (!text.startsWith("{")) return [key, text.replace(/^"+/, "").replace(/(?<!")"+$/, "")];
    return [key, refusing(key, () => toPlain(parseJson(text, { maxBytes })))];
  });
  return Object.fromEntries(merged.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function readMembers<T extends { raw: JsonFields }>(
  info: Readonly<Record<string, string>>,
  readers: MemberReaders<T>,
  { maxBytes = DEFAULT_MAX_BYTES }: ReadContainerInfoOptions,
): T {
  const text = Object.hasOwn(info, "info") ? info["info"] : undefined;
  if (text === undefined) throw noInfo();
  return refusing("info", () => {
    const node = parseJson(text, { maxBytes });
    const found = { raw: plainObject(node) } as T;
    for (const { key, value } of members(node)) {
      if (value.kind !== "null" && Object.hasOwn(readers, key)) readers[key]?.(value, found);
    }
    return found;
  });
}

function noInfo(): CriError {
  const text = "the status has no verbose information; ask with verbose: true";
  return new CriError("ERR_CRI_INFO_INVALID", text);
}

/** Runs a reader; a text that it refuses is an error of the information under this key. */
function refusing<T>(key: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    const text = `verbose information ${JSON.stringify(key)}: ${cause.message}`;
    throw new CriError("ERR_CRI_INFO_INVALID", text, { cause });
  }
}

function objectIn(object: JsonFields | undefined, name: string): JsonFields | undefined {
  const value = object && Object.hasOwn(object, name) ? object[name] : undefined;
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

function plainObject(node: JsonNode): JsonFields {
  members(node);
  return toPlain(node) as JsonFields;
}

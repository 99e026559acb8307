/**
 * The verbose information of a container's status.
 *
 * What stands there is the runtime's own affair. Read are the members that containerd and CRI-O have in common.
 *
 * @module
 */
import { CoreError } from "../core/errors.ts";
import {
  integerOf,
  type JsonNode,
  type JsonValue,
  members,
  parseJson,
  stringOf,
  toPlain,
} from "../core/strict-json.ts";
import { CriError } from "./errors.ts";
import type { ContainerStatusResponse } from "./gen/runtime/v1/api_pb.ts";

/** What {@link readContainerInfo} finds. */
export interface ContainerInfo {
  /** Id of the container's pod sandbox. */
  sandboxId?: string;
  /** Process id on the node of the container's first process; 0 when it does not run. */
  pid?: number;
  /** The OCI runtime specification that the container was created with, as plain data. */
  runtimeSpec?: { [key: string]: JsonValue };
  /** Everything, as plain data, with what only this runtime says. */
  raw: { [key: string]: JsonValue };
}

/** Options of {@link readContainerInfo}. */
export interface ReadContainerInfoOptions {
  /** Longest text accepted, in bytes. Default 16 MiB (16777216). */
  maxBytes?: number | undefined;
}

const MAX_PID = 2n ** 31n - 1n;

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
  { maxBytes = 16 * 1024 * 1024 }: ReadContainerInfoOptions = {},
): ContainerInfo {
  const text = Object.hasOwn(response.info, "info") ? response.info["info"] : undefined;
  if (text === undefined) {
    throw new CriError(
      "ERR_CRI_INFO_INVALID",
      "the status has no verbose information; ask with verbose: true",
    );
  }
  try {
    return readInfo(parseJson(text, { maxBytes }));
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new CriError("ERR_CRI_INFO_INVALID", `verbose information: ${cause.message}`, { cause });
  }
}

function readInfo(node: JsonNode): ContainerInfo {
  const info: ContainerInfo = { raw: plainObject(node) };
  for (const { key, value } of members(node)) {
    if (value.kind === "null") continue;
    if (key === "sandboxID") info.sandboxId = stringOf(value);
    else if (key === "pid") info.pid = Number(integerOf(value, 0n, MAX_PID));
    else if (key === "runtimeSpec") info.runtimeSpec = plainObject(value);
  }
  return info;
}

function plainObject(node: JsonNode): { [key: string]: JsonValue } {
  members(node);
  return toPlain(node) as { [key: string]: JsonValue };
}

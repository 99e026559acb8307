/**
 * Statuses as crictl's `inspect`, `inspectp`, `inspecti` and `info` print them.
 *
 * Each is the message in the JSON form of Protocol Buffers, default values included, with the runtime's verbose
 * information beside it. Times are in UTC, where crictl takes the time zone that it runs in.
 *
 * @module
 */
import { type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import type { JsonValue } from "../../core/strict-json.ts";
import {
  ContainerState,
  type ContainerStatusResponse,
  ContainerStatusSchema,
  ImageSchema,
  type ImageStatusResponse,
  type PodSandboxStatusResponse,
  PodSandboxStatusSchema,
  RuntimeFeaturesSchema,
  RuntimeHandlerSchema,
  RuntimeStatusSchema,
  type StatusResponse,
} from "../gen/runtime/v1/api_pb.ts";
import { type JsonFields, mergeVerboseInfo, type ReadContainerInfoOptions } from "../info.ts";
import { goTime } from "./time.ts";

/**
 * The output of `crictl inspect` as plain data; {@link formatInspect} makes it text.
 *
 * int64 are texts, enums are names, and `createdAt`, `startedAt`, `finishedAt` are RFC 3339: in the year 1 where the
 * container has not been started, or has not ended.
 *
 * @throws {CriError} `ERR_CRI_INFO_INVALID` as {@link mergeVerboseInfo}.
 */
export function inspectContainer(
  { status, info }: Pick<ContainerStatusResponse, "status" | "info">,
  options: ReadContainerInfoOptions = {},
): JsonFields {
  if (!status) return withInfo({}, info, options);
  const { state, createdAt, startedAt, finishedAt } = status;
  const times = {
    createdAt: goTime(createdAt),
    startedAt: goTime(state === ContainerState.CONTAINER_CREATED ? undefined : startedAt),
    finishedAt: goTime(state === ContainerState.CONTAINER_EXITED ? finishedAt : undefined),
  };
  return withInfo({ status: { ...fieldsOf(ContainerStatusSchema, status), ...times } }, info, options);
}

/** The output of `crictl inspectp`, otherwise as {@link inspectContainer}. */
export function inspectPodSandbox(
  { status, info }: Pick<PodSandboxStatusResponse, "status" | "info">,
  options: ReadContainerInfoOptions = {},
): JsonFields {
  if (!status) return withInfo({}, info, options);
  const times = { createdAt: goTime(status.createdAt) };
  return withInfo({ status: { ...fieldsOf(PodSandboxStatusSchema, status), ...times } }, info, options);
}

/** The output of `crictl inspecti`, otherwise as {@link inspectContainer}; without `status` for an absent image. */
export function inspectImage(
  { image, info }: Pick<ImageStatusResponse, "image" | "info">,
  options: ReadContainerInfoOptions = {},
): JsonFields {
  return withInfo(image ? { status: fieldsOf(ImageSchema, image) } : {}, info, options);
}

/** The output of `crictl info`, otherwise as {@link inspectContainer}. */
export function inspectRuntime(
  response: Pick<StatusResponse, "status" | "info" | "runtimeHandlers" | "features">,
  options: ReadContainerInfoOptions = {},
): JsonFields {
  const { status, runtimeHandlers, features, info } = response;
  const handlers = runtimeHandlers.map((handler) => fieldsOf(RuntimeHandlerSchema, handler));
  return withInfo(
    {
      ...(status ? { status: fieldsOf(RuntimeStatusSchema, status) } : {}),
      ...(handlers.length > 0 ? { runtimeHandlers: handlers } : {}),
      ...(features ? { features: fieldsOf(RuntimeFeaturesSchema, features) } : {}),
    },
    info,
    options,
  );
}

/** Plain data as JSON text of several lines, two spaces a level; a `bigint` as the number it is. */
export function formatInspect(value: JsonValue): string {
  return formatAt(value, "\n");
}

/** What the interface itself says has precedence over what the runtime adds under the same name. */
function withInfo(
  own: JsonFields,
  info: Readonly<Record<string, string>>,
  options: ReadContainerInfoOptions,
): JsonFields {
  const reserved = new Set(["status", "runtimeHandlers", "features"]);
  const added = Object.entries(mergeVerboseInfo(info, options)).filter(([key]) => !reserved.has(key));
  return { ...own, ...Object.fromEntries(added) };
}

function fieldsOf<M extends DescMessage>(schema: M, message: MessageShape<M>): JsonFields {
  return toJson(schema, message, { alwaysEmitImplicit: true }) as JsonFields;
}

function formatAt(value: JsonValue, newline: string): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = `${newline}  `;
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[${value.map((item) => inner + formatAt(item, inner)).join()}${newline}]`;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return "{}";
  const members = entries.map(([key, item]) => `${inner}${JSON.stringify(key)}: ${formatAt(item, inner)}`);
  return `{${members.join()}${newline}}`;
}

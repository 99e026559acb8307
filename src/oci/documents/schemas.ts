/**
 * JSON Schemas (2020-12) of the documents of the image specification.
 *
 * What they cannot say is in `rules.ts`. A null where the specification allows absence is let pass, as every reader does.
 *
 * @see {@link https://github.com/opencontainers/image-spec/tree/v1.1.1}
 * @module
 */
import { DATE_TIME_PATTERN } from "./date-time.ts";

/** A JSON Schema as plain data. */
export type JsonSchema = { readonly [keyword: string]: unknown };

const NAME = "[A-Za-z0-9][A-Za-z0-9!#$&^_.+\\-]{0,126}";
const REGISTERED = "sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}|blake3:[0-9a-f]{64}";
const GRAMMAR = "[a-z0-9]+(?:[+._\\-][a-z0-9]+)*:[a-zA-Z0-9=_\\-]+";

const text: JsonSchema = { type: "string" };
const mediaType: JsonSchema = { type: "string", pattern: `^${NAME}/${NAME}$` };
/** Of a registered algorithm in its exact form, of another one within the grammar. */
const digest: JsonSchema = {
  type: "string",
  pattern: `^(?:${REGISTERED}|(?!(?:sha256|sha512|blake3):)${GRAMMAR})$`,
};
const base64: JsonSchema = {
  type: "string",
  pattern: "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
};
const uri: JsonSchema = {
  type: "string",
  pattern: "^[A-Za-z][A-Za-z0-9+.\\-]*:[A-Za-z0-9\\-._~:/?#\\[\\]@!$&'()*+,;=%]+$",
};
const dateTime: JsonSchema = { type: "string", pattern: DATE_TIME_PATTERN };

const annotations: JsonSchema = {
  type: ["object", "null"],
  propertyNames: { pattern: "." },
  additionalProperties: text,
};
const platform: JsonSchema = {
  type: ["object", "null"],
  required: ["architecture", "os"],
  properties: {
    architecture: text,
    os: text,
    "os.version": nullable(text),
    "os.features": list(text),
    variant: nullable(text),
  },
};
const descriptorSchema: JsonSchema = {
  type: "object",
  required: ["mediaType", "digest", "size"],
  properties: {
    mediaType,
    digest,
    size: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    urls: list(uri),
    annotations,
    data: nullable(base64),
    artifactType: nullable(mediaType),
    platform,
  },
};
const descriptor: JsonSchema = { $ref: "descriptor" };
const common = {
  schemaVersion: { enum: [2] },
  mediaType: nullable(mediaType),
  artifactType: nullable(mediaType),
  subject: { anyOf: [{ type: "null" }, descriptor] },
  annotations,
};

const manifest: JsonSchema = {
  type: "object",
  required: ["schemaVersion", "config", "layers"],
  properties: { ...common, config: descriptor, layers: list(descriptor) },
};
const index: JsonSchema = {
  type: "object",
  required: ["schemaVersion", "manifests"],
  properties: { ...common, manifests: list(descriptor) },
};

const names: JsonSchema = { type: ["object", "null"], additionalProperties: { type: "object" } };
const int64: JsonSchema = { type: ["integer", "null"] };
const containerConfig: JsonSchema = {
  type: ["object", "null"],
  properties: {
    User: nullable(text),
    ExposedPorts: names,
    Env: list({ type: "string", pattern: "^[^=]+=[\\s\\S]*$" }),
    Entrypoint: list(text),
    Cmd: list(text),
    Volumes: names,
    WorkingDir: nullable(text),
    Labels: { type: ["object", "null"], additionalProperties: text },
    StopSignal: nullable(text),
    ArgsEscaped: { type: ["boolean", "null"] },
    Healthcheck: {
      type: ["object", "null"],
      properties: {
        Test: list(text),
        Interval: int64,
        Timeout: int64,
        StartPeriod: int64,
        StartInterval: int64,
        Retries: int64,
      },
    },
    OnBuild: list(text),
    Shell: list(text),
    StopTimeout: int64,
    Memory: int64,
    MemorySwap: int64,
    CpuShares: int64,
  },
};
const config: JsonSchema = {
  type: "object",
  required: ["architecture", "os", "rootfs"],
  properties: {
    created: nullable(dateTime),
    author: nullable(text),
    architecture: text,
    os: text,
    "os.version": nullable(text),
    "os.features": list(text),
    variant: nullable(text),
    config: containerConfig,
    rootfs: {
      type: "object",
      required: ["type", "diff_ids"],
      properties: { type: { enum: ["layers"] }, diff_ids: list(digest) },
    },
    history: list({
      type: "object",
      properties: {
        created: nullable(dateTime),
        created_by: nullable(text),
        author: nullable(text),
        comment: nullable(text),
        empty_layer: { type: ["boolean", "null"] },
      },
    }),
  },
};
const layout: JsonSchema = {
  type: "object",
  required: ["imageLayoutVersion"],
  properties: { imageLayoutVersion: { enum: ["1.0.0"] } },
};

/** The schema of each kind of document. They refer to that of descriptors by the name `descriptor`. */
export const DOCUMENT_SCHEMAS: Readonly<
  Record<"descriptor" | "manifest" | "index" | "config" | "layout", JsonSchema>
> = { descriptor: descriptorSchema, manifest, index, config, layout };

function nullable(schema: JsonSchema): JsonSchema {
  return { ...schema, type: [schema["type"], "null"] };
}

function list(items: JsonSchema): JsonSchema {
  return { type: ["array", "null"], items };
}

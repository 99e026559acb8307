/**
 * JSON Schemas of the configurations, made from the contract.
 *
 * @see {@link https://json-schema.org/draft/2020-12}
 * @module
 */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import type { JsonValue } from "../../core/strict-json.ts";
import { ContainerConfigSchema, PodSandboxConfigSchema } from "../gen/runtime/v1/api_pb.ts";
import { enumNames, INTEGER_TEXT, integerRange } from "./config-decode.ts";

/** A JSON Schema as plain data. */
export type JsonSchema = { [keyword: string]: JsonValue };

/**
 * The JSON Schema (draft 2020-12) of what `parsePodSandboxConfig` takes, as plain data of the caller's own.
 *
 * What is the parser's alone: it takes the names of the contract in any case of their letters, has exact bounds for
 * whole numbers of 64 bits and those in texts, refuses them in forms such as `1e3`, and lone surrogates.
 */
export function podSandboxConfigSchema(): JsonSchema {
  return schemaOf(PodSandboxConfigSchema, {
    PodSandboxConfig: ["metadata"],
    PodSandboxMetadata: ["name", "namespace"],
  });
}

/** The JSON Schema (draft 2020-12) of what `parseContainerConfig` takes; see {@link podSandboxConfigSchema}. */
export function containerConfigSchema(): JsonSchema {
  const schema = schemaOf(ContainerConfigSchema, {
    ContainerConfig: ["metadata", "image"],
    ContainerMetadata: ["name"],
  });
  // Images of mounts need no name here, unlike the container's own.
  const properties = recordOf(recordOf(recordOf(schema, "$defs"), "ContainerConfig"), "properties");
  const named = {
    type: "object",
    required: ["image"],
    properties: { image: { type: "string", minLength: 1 } },
  };
  properties["image"] = { allOf: [{ $ref: "#/$defs/ImageSpec" }, named] };
  return schema;
}

function recordOf(schema: JsonSchema, key: string): JsonSchema {
  return schema[key] as JsonSchema;
}

/** Fields that a message must have, by its name. They have one spelling each. */
type RequiredFields = Readonly<Record<string, readonly string[]>>;

function schemaOf(root: DescMessage, required: RequiredFields): JsonSchema {
  const definitions: JsonSchema = {};
  const add = (message: DescMessage): void => {
    if (Object.hasOwn(definitions, message.name)) return;
    // In place before its fields, so that none is made twice.
    const definition: JsonSchema = {};
    definitions[message.name] = definition;
    Object.assign(definition, messageSchema(message, required[message.name] ?? []));
    for (const field of message.fields) if (field.message) add(field.message);
  };
  add(root);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: root.name,
    $ref: `#/$defs/${root.name}`,
    $defs: definitions,
  };
}

function messageSchema(message: DescMessage, required: readonly string[]): JsonSchema {
  const properties: JsonSchema = {};
  const twice: JsonValue[] = [];
  for (const field of message.fields) {
    const names = [...new Set([field.name, field.jsonName])];
    for (const name of names) properties[name] = fieldSchema(field, required.includes(field.name));
    if (names.length > 1) twice.push({ required: names });
  }
  return {
    type: "object",
    properties,
    additionalProperties: false,
    ...(required.length > 0 ? { required: [...required] } : {}),
    ...(twice.length > 0 ? { not: { anyOf: twice } } : {}),
  };
}

function fieldSchema(field: DescField, required: boolean): JsonValue {
  const item = itemSchema(field);
  if (required) return field.message ? item : { type: "string", minLength: 1 };
  switch (field.fieldKind) {
    case "list":
      return { anyOf: [{ type: "array", items: item }, { type: "null" }] };
    case "map":
      return { anyOf: [{ type: "object", additionalProperties: item }, { type: "null" }] };
    default:
      return { anyOf: [item, { type: "null" }] };
  }
}

/** One value of a field; of a list, one of its items. */
function itemSchema(field: DescField): JsonSchema {
  if (field.message) return { $ref: `#/$defs/${field.message.name}` };
  if (field.enum)
    return { enum: [...enumNames(field.enum).keys(), ...field.enum.values.map(({ number }) => number)] };
  const scalar = field.scalar ?? ScalarType.STRING;
  if (scalar === ScalarType.BOOL) return { type: "boolean" };
  const range = integerRange(scalar);
  if (!range) return { type: "string" };
  const [min, max] = range;
  // A double holds no bound of 64 bits but the lower one; the next above it takes one number too many.
  const bounds = { minimum: Number(min), maximum: Number(max) };
  return {
    anyOf: [
      { type: "integer", ...bounds },
      { type: "string", pattern: min === 0n ? INTEGER_TEXT.replace("-?", "") : INTEGER_TEXT },
    ],
  };
}

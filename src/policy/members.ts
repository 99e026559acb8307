/**
 * Typed members of a policy, with the leniency of the reference implementation's decoder and no more:
 * `null` is an empty text, no list, or no value.
 *
 * @module
 */
import { CoreError, type CoreErrorCode } from "../core/errors.ts";
import {
  integerOf,
  type JsonNode,
  positionOf,
  type ReadObjectOptions,
  readObject,
  stringOf,
} from "../core/strict-json.ts";
import { decodeBase64 } from "./base64.ts";
import { PolicyError, type PolicyErrorCode } from "./errors.ts";
import { hintFor } from "./hint.ts";

const CODES: Readonly<Partial<Record<CoreErrorCode, PolicyErrorCode>>> = {
  ERR_JSON_SYNTAX: "ERR_POLICY_SYNTAX",
  ERR_JSON_TOO_DEEP: "ERR_POLICY_TOO_LARGE",
  ERR_TOO_LARGE: "ERR_POLICY_TOO_LARGE",
  ERR_JSON_DUPLICATE_KEY: "ERR_POLICY_DUPLICATE_KEY",
  ERR_JSON_UNKNOWN_KEY: "ERR_POLICY_UNKNOWN_KEY",
  ERR_JSON_MISSING_KEY: "ERR_POLICY_MISSING_KEY",
  ERR_JSON_TYPE: "ERR_POLICY_WRONG_TYPE",
};

/** Runs a reader of JSON; what it throws comes out as a {@link PolicyError} with the same position. */
export function withPolicyErrors<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    const code = CODES[cause.code];
    if (code === undefined) throw cause;
    throw new PolicyError(code, cause.message, { cause, position: cause.position });
  }
}

/** An error about a place in the policy. */
export function policyError(
  node: JsonNode,
  code: PolicyErrorCode,
  message: string,
  cause?: unknown,
  hint?: string,
): PolicyError {
  const position = positionOf(node);
  return new PolicyError(code, message, cause === undefined ? { position, hint } : { position, hint, cause });
}

/**
 * Reads an object whose members are all known; see {@link readObject} for the order of checks. An error about an
 * unknown member carries a hint.
 */
export function readStrict(
  node: JsonNode,
  readers: Readonly<Record<string, (value: JsonNode) => void>>,
  options: ReadObjectOptions = {},
): void {
  if (node.kind !== "object") {
    throw policyError(node, "ERR_POLICY_NOT_OBJECT", `JSON object expected, got ${node.kind}`);
  }
  try {
    readObject(node, readers, options);
  } catch (cause) {
    if (!(cause instanceof CoreError) || cause.code !== "ERR_JSON_UNKNOWN_KEY") throw cause;
    // Members are read in order, so that the first one without a reader is the one refused.
    const unknown = node.members.find(({ key }) => !Object.hasOwn(readers, key));
    const hint = unknown && hintFor(unknown.key, Object.keys(readers));
    const { message, position } = cause;
    throw new PolicyError("ERR_POLICY_UNKNOWN_KEY", message, { cause, position, hint });
  }
}

/** A text; `null` is the empty text. */
export function textOf(node: JsonNode): string {
  return node.kind === "null" ? "" : stringOf(node);
}

/** A list of texts; `null` is no list, and an entry that is `null` the empty text. */
export function textsOf(node: JsonNode): string[] | undefined {
  return node.kind === "null" ? undefined : itemsOf(node).map(textOf);
}

/** Bytes in base64, or as a list of numbers up to 255; `null` is no value. */
export function bytesOf(node: JsonNode): Uint8Array | undefined {
  if (node.kind === "null") return undefined;
  if (node.kind === "array") {
    return Uint8Array.from(node.items, (item) =>
      item.kind === "null" ? 0 : Number(integerOf(item, 0n, 255n)),
    );
  }
  const bytes = decodeBase64(stringOf(node));
  if (!bytes) throw policyError(node, "ERR_POLICY_INVALID_BASE64", "illegal base64 data");
  return bytes;
}

/** A list of bytes; `null` is no list, and an entry that is `null` no bytes. */
export function bytesListOf(node: JsonNode): Uint8Array[] | undefined {
  if (node.kind === "null") return undefined;
  return itemsOf(node).map((item) => bytesOf(item) ?? new Uint8Array(0));
}

function itemsOf(node: JsonNode): JsonNode[] {
  if (node.kind === "array") return node.items;
  throw policyError(node, "ERR_POLICY_WRONG_TYPE", `JSON array expected, got ${node.kind}`);
}

/**
 * The `type` of a requirement or identity object, looked up the way the reference implementation does before
 * it reads the object strictly: without regard to case, the last one wins, `null` counts for nothing.
 */
export function typeMember(node: JsonNode): string {
  if (node.kind === "null") return "";
  if (node.kind !== "object") {
    throw policyError(node, "ERR_POLICY_NOT_OBJECT", `JSON object expected, got ${node.kind}`);
  }
  let type = "";
  for (const { key, value } of node.members) {
    if (key.length === 4 && key.toLowerCase() === "type" && value.kind !== "null") type = stringOf(value);
  }
  return type;
}

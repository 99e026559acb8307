/**
 * The body of a log entry of kind `hashedrekord` 0.0.1.
 *
 * Unknown members are ignored, names compare without regard to case, and null is the same as absent, all as
 * the decoder of the reference implementation has it. A body with one member in two spellings has two readings
 * and is refused.
 *
 * @module
 */
import { isLadingError } from "../core/errors.ts";
import { messageOf } from "../core/message-of.ts";
import { type JsonNode, jsonError, members, parseJson, stringOf } from "../core/strict-json.ts";
import { decodeBase64 } from "./base64.ts";
import { invalidSignature } from "./errors.ts";
import { quote } from "./quote.ts";

/** What an entry records. */
export interface LogEntry {
  readonly signature: Uint8Array;
  /** PEM of the key or certificate. */
  readonly publicKey: Uint8Array;
  readonly hash: { readonly algorithm: string | undefined; readonly value: string | undefined };
}

/**
 * Reads the body of an entry.
 *
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE`.
 */
export function parseEntryBody(body: Uint8Array): LogEntry {
  const spec = during("decoding the body of a Rekor SET payload", () => readEnvelope(body));
  if (spec.version === undefined) throw invalidSignature("missing Rekor SET Payload API version");
  if (spec.version !== "0.0.1") {
    throw invalidSignature(
      `unsupported Rekor SET Payload hashedrekord version ${quote(spec.version).slice(1, -1)}`,
    );
  }
  const parts = during("decoding hashedrekod spec", () => readSpec(spec.spec));
  if (!parts.signature) throw missing("signature");
  if (!parts.signature.publicKey) throw missing("signature.publicKey");
  if (!parts.data) throw missing("data");
  if (!parts.data.hash) throw missing("data.hash");
  return {
    signature: parts.signature.content,
    publicKey: parts.signature.publicKey.content,
    hash: parts.data.hash,
  };
}

function readEnvelope(body: Uint8Array): { version: string | undefined; spec: JsonNode | undefined } {
  const node = parseJson(body, { duplicateKeys: "keep" });
  const version = member(node, "apiVersion");
  const spec = member(node, "spec");
  const kind = member(node, "kind");
  const kindText = kind && kind.kind !== "null" ? stringOf(kind) : "";
  if (kindText !== "hashedrekord") throw invalidSignature(`invalid kind value: ${quote(kindText)}`);
  return { version: text(version), spec };
}

interface Spec {
  signature?: { content: Uint8Array; publicKey?: { content: Uint8Array } | undefined } | undefined;
  data?: { hash?: { algorithm: string | undefined; value: string | undefined } | undefined } | undefined;
}

function readSpec(node: JsonNode | undefined): Spec {
  if (!node) throw invalidSignature("no spec");
  if (node.kind === "null") return {};
  return {
    signature: optional(member(node, "signature"), (signature) => ({
      content: bytes(member(signature, "content")),
      publicKey: optional(member(signature, "publicKey"), (key) => ({
        content: bytes(member(key, "content")),
      })),
    })),
    data: optional(member(node, "data"), (data) => ({
      hash: optional(member(data, "hash"), (hash) => ({
        algorithm: text(member(hash, "algorithm")),
        value: text(member(hash, "value")),
      })),
    })),
  };
}

/** The member that Go takes for `name`, or nothing if there is none. */
function member(node: JsonNode, name: string): JsonNode | undefined {
  const wanted = fold(name);
  // A name that folds to one of ASCII letters is as long as it.
  const [first, second] = members(node).filter(
    ({ key }) => key === name || (key.length === name.length && fold(key) === wanted),
  );
  if (second) throw jsonError(second.value, "ERR_JSON_DUPLICATE_KEY", `Duplicate key ${quote(second.key)}`);
  return first?.value;
}

/** U+017F and U+212A fold to ASCII letters in Go's decoder. */
function fold(name: string): string {
  return name.replaceAll("\u017f", "s").replaceAll("\u212a", "k").toLowerCase();
}

function optional<T>(node: JsonNode | undefined, read: (node: JsonNode) => T): T | undefined {
  return node && node.kind !== "null" ? read(node) : undefined;
}

function text(node: JsonNode | undefined): string | undefined {
  return optional(node, stringOf);
}

function bytes(node: JsonNode | undefined): Uint8Array {
  const decoded = decodeBase64(text(node) ?? "");
  if (!decoded) throw invalidSignature("illegal base64 data");
  return decoded;
}

function missing(field: string): Error {
  return invalidSignature(`Missing ${quote(field)} field in hashedrekord`);
}

function during<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!isLadingError(cause)) throw cause;
    throw invalidSignature(`${what}: ${messageOf(cause)}`, cause);
  }
}

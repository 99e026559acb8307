/**
 * Rules of descriptors and annotations that a schema cannot say.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md}
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md}
 * @module
 */
import { digestOf, isDigest, matchesDigestGrammar, verifyBytes } from "../../core/digest.ts";
import { isLadingError } from "../../core/errors.ts";
import { OCI_EMPTY } from "../../core/media-types.ts";
import { normalizePlatform } from "../../core/platform.ts";
import type { JsonNode } from "../../core/strict-json.ts";
import { isDateTime } from "./date-time.ts";
import { type FoundProblem, itemNodes, memberNode, nodeText } from "./problem.ts";

const EMPTY_DIGEST = digestOf("{}");
const FOREIGN =
  /^application\/vnd\.(?:oci\.image\.layer\.nondistributable\.|docker\.image\.rootfs\.foreign\.)/;
const PREFIX = "org.opencontainers.image.";
/** Names below {@link PREFIX} that the specification defines. */
const DEFINED: ReadonlySet<string> = new Set([
  "created",
  "authors",
  "url",
  "documentation",
  "source",
  "version",
  "revision",
  "vendor",
  "licenses",
  "ref.name",
  "title",
  "description",
  "base.digest",
  "base.name",
]);
const REF_NAME =
  /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/;

/** Problems of one descriptor. */
export function* descriptorProblems(node: JsonNode): Generator<FoundProblem, void> {
  yield* dataProblems(node);
  const type = memberNode(node, "mediaType");
  if (type && nodeText(type) === OCI_EMPTY) {
    const digest = memberNode(node, "digest");
    if (digest && nodeText(digest) !== EMPTY_DIGEST) {
      yield {
        level: "error",
        rule: "empty-content",
        message: "the empty content is {} and no other",
        node: digest,
      };
    }
  }
  if (type && FOREIGN.test(nodeText(type) ?? "")) {
    const message = "layers that may not be distributed are deprecated";
    yield { level: "warning", rule: "nondistributable-layer", message, node: type };
  }
  for (const url of itemNodes(node, "urls")) {
    const isWeb = /^https?:\/\//i.test(nodeText(url) ?? "");
    const message = isWeb ? "content from elsewhere than the registry" : "neither an http nor an https URL";
    yield { level: "warning", rule: "foreign-url", message, node: url };
  }
  yield* platformProblems(memberNode(node, "platform"));
  yield* annotationProblems(memberNode(node, "annotations"));
}

function* dataProblems(node: JsonNode): Generator<FoundProblem, void> {
  const data = memberNode(node, "data");
  const digest = nodeText(memberNode(node, "digest")) ?? "";
  const size = memberNode(node, "size");
  const text = nodeText(data);
  if (!data || text === undefined || !isDigest(digest) || size?.kind !== "number") return;
  try {
    verifyBytes(Buffer.from(text, "base64"), { digest, size: Number(size.text) });
  } catch (error) {
    if (!isLadingError(error)) throw error;
    yield { level: "error", rule: "data-mismatch", message: error.message, node: data };
  }
}

/** Problems of a platform, or of a configuration: names that are not the ones Go uses. */
export function* platformProblems(node: JsonNode | undefined): Generator<FoundProblem, void> {
  const os = nodeText(memberNode(node, "os"));
  const place = memberNode(node, "architecture");
  const architecture = nodeText(place);
  if (!place || os === undefined || architecture === undefined) return;
  const normal = normalizePlatform({ os, architecture });
  if (normal.os === os && normal.architecture === architecture) return;
  const message = `other name of ${normal.os}/${normal.architecture}`;
  yield { level: "warning", rule: "platform-name", message, node: place };
}

/** Problems of annotations. */
export function* annotationProblems(node: JsonNode | undefined): Generator<FoundProblem, void> {
  if (node?.kind !== "object") return;
  for (const { key, value } of node.members) {
    if (!key.startsWith(PREFIX)) continue;
    const name = key.slice(PREFIX.length);
    if (!DEFINED.has(name)) {
      const message = `${JSON.stringify(key)} is reserved by the specification, and not defined`;
      yield { level: "warning", rule: "reserved-annotation", message, node: value };
    }
    const text = nodeText(value);
    if (text === undefined) continue;
    if (name === "created" && !isDateTime(text)) {
      yield { level: "error", rule: "annotation", message: "not a time of RFC 3339", node: value };
    }
    if (name === "base.digest" && !matchesDigestGrammar(text)) {
      yield { level: "error", rule: "annotation", message: "not a digest", node: value };
    }
    if (name === "ref.name" && !REF_NAME.test(text)) {
      yield {
        level: "warning",
        rule: "annotation",
        message: "outside the grammar of reference names",
        node: value,
      };
    }
  }
}

/**
 * Rules of whole documents that a schema cannot say.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/spec.md}
 * @module
 */
import { OCI_EMPTY } from "../../core/media-types.ts";
import type { JsonNode } from "../../core/strict-json.ts";
import { isDateTime } from "./date-time.ts";
import { annotationProblems, descriptorProblems, platformProblems } from "./descriptor-rules.ts";
import { type FoundProblem, itemNodes, memberNode, nodeText } from "./problem.ts";

/** Problems of an image manifest. */
export function* manifestProblems(root: JsonNode): Generator<FoundProblem, void> {
  const config = memberNode(root, "config");
  const artifactType = nodeText(memberNode(root, "artifactType")) ?? "";
  if (config && artifactType === "" && nodeText(memberNode(config, "mediaType")) === OCI_EMPTY) {
    const message = "a manifest with the empty config needs an artifactType";
    yield { level: "error", rule: "artifact-type", message, node: config };
  }
  const layers = memberNode(root, "layers");
  if (layers?.kind === "array" && layers.items.length === 0) {
    yield {
      level: "warning",
      rule: "no-layers",
      message: "some readers want at least one layer",
      node: layers,
    };
  }
  for (const node of itemNodes(root, "layers")) yield* descriptorProblems(node);
  if (config) yield* descriptorProblems(config);
  yield* commonProblems(root);
}

/** Problems of an index. */
export function* indexProblems(root: JsonNode): Generator<FoundProblem, void> {
  for (const node of itemNodes(root, "manifests")) yield* descriptorProblems(node);
  yield* commonProblems(root);
}

function* commonProblems(root: JsonNode): Generator<FoundProblem, void> {
  const subject = memberNode(root, "subject");
  if (subject) yield* descriptorProblems(subject);
  if (!memberNode(root, "mediaType") && root.kind === "object") {
    const message = "without a mediaType the document can be taken for another kind";
    yield { level: "warning", rule: "no-media-type", message, node: root };
  }
  yield* annotationProblems(memberNode(root, "annotations"));
}

/** Problems of an image's configuration. */
export function* configProblems(root: JsonNode): Generator<FoundProblem, void> {
  const history = memberNode(root, "history");
  for (const node of [root, ...itemNodes(root, "history")]) {
    const created = memberNode(node, "created");
    if (created && !isDateTime(nodeText(created) ?? "")) {
      yield { level: "error", rule: "created", message: "not a time of RFC 3339", node: created };
    }
  }
  const steps = itemNodes(root, "history").filter((entry) => {
    const empty = memberNode(entry, "empty_layer");
    return !(empty?.kind === "boolean" && empty.value);
  });
  const ids = itemNodes(memberNode(root, "rootfs"), "diff_ids");
  if (history && itemNodes(root, "history").length > 0 && steps.length !== ids.length) {
    const message = `${steps.length} steps that made a layer, ${ids.length} diff_ids`;
    yield { level: "warning", rule: "history-count", message, node: history };
  }
  yield* platformProblems(root);
}

/**
 * The JSON schema of explanations.
 *
 * @see {@link https://json-schema.org/draft-07}
 * @module
 */
import type { JsonSchema } from "../seccomp/schema.ts";
import { EXPLANATION_SCHEMA } from "./trace.ts";

const text: JsonSchema = { type: "string" };
const texts: JsonSchema = { type: "array", items: text };
const digest: JsonSchema = { type: "string", pattern: "^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-f]{32,}$" };
const count: JsonSchema = { type: "integer", minimum: 0 };

/** An object with no other members than these; a name that ends in `?` may be absent. */
function object(members: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const properties: Record<string, JsonSchema> = {};
  const required: string[] = [];
  for (const [name, schema] of Object.entries(members)) {
    if (!name.endsWith("?")) required.push(name);
    properties[name.replace(/\?$/, "")] = schema;
  }
  return { type: "object", properties, required, additionalProperties: false };
}

function list(items: JsonSchema): JsonSchema {
  return { type: "array", items };
}

function ref(name: string): JsonSchema {
  return { $ref: `#/definitions/${name}` };
}

const runs = object({ kind: { const: "runs" } });
const reason: JsonSchema = {
  enum: [
    "InvalidImageName",
    "ErrImagePull",
    "SignatureValidationFailed",
    "CreateContainerConfigError",
    "CreateContainerError",
    "FailedCreatePodSandBox",
  ],
};
const failure = { kind: { const: "fails" }, reason, message: text };
const undecidedStep = { kind: { const: "undecided" }, code: text, message: text };
const pullPolicy: JsonSchema = { enum: ["Always", "IfNotPresent", "Never"] };
const container: JsonSchema = { enum: ["init-container", "container", "ephemeral-container"] };

const policyFile = { "file?": text, steps: list(ref("step")) };
const policyDecision = {
  ...policyFile,
  reference: text,
  scope: text,
  candidates: texts,
  overridden: texts,
  lookedAt: list(ref("lookedAt")),
  requirements: list(ref("requirement")),
};
const lookedAt = {
  place: {
    enum: ["registry-extension", "lookaside", "sigstore-attachments", "directory", "referrers"],
  },
  location: text,
  "origin?": text,
};
const errorClass: JsonSchema = {
  enum: ["policy-format", "policy-requirement", "invalid-signature", "other"],
};

const definitions: Readonly<Record<string, JsonSchema>> = {
  outcome: { oneOf: [runs, object(failure), object(undecidedStep)] },
  problem: { oneOf: [object({ ...failure, path: text }), object({ ...undecidedStep, path: text })] },
  step: object({ what: text, outcome: text, why: text }),
  feature: object({
    feature: { enum: ["user-namespaces", "recursive-read-only-mounts", "image-volumes"] },
    path: text,
    "volume?": text,
    outcome: ref("outcome"),
    why: text,
  }),
  image: object({
    outcome: ref("outcome"),
    image: text,
    places: { type: "array", items: text, minItems: 1 },
    usedAs: { enum: ["init-container", "container", "ephemeral-container", "image-volume"] },
    pullPolicy,
    pullPolicyFrom: { enum: ["pod", "tag"] },
    "reference?": text,
    "name?": object({ by: text, "origin?": text, candidates: texts }),
    pulls: list(ref("pull")),
    "digest?": digest,
    "indexDigest?": digest,
    "create?": object({ outcome: ref("outcome"), why: text, "policy?": ref("policy") }),
  }),
  pull: object({
    outcome: ref("outcome"),
    reference: text,
    sources: object({
      kind: { enum: ["allowed", "blocked", "undecided"] },
      steps: list(ref("step")),
      attempts: list(
        object({
          kind: { enum: ["mirror", "upstream"] },
          url: text,
          reference: text,
          why: text,
          credentials: list(ref("step")),
        }),
      ),
    }),
    "answeredBy?": text,
    passedOver: list(object({ url: text, code: text, message: text })),
    "policy?": ref("policy"),
    "decryption?": object({
      outcome: ref("outcome"),
      layers: list(object({ digest, mediaType: text, schemes: texts })),
      steps: list(ref("step")),
    }),
  }),
  policy: {
    oneOf: [
      object({ kind: { const: "none" }, why: text }),
      object({ kind: { const: "allowed" }, ...policyDecision }),
      object({ kind: { const: "rejected" }, ...policyDecision, reason: text }),
      object({ kind: { const: "undecided" }, code: text, message: text, ...policyFile }),
    ],
  },
  lookedAt: {
    oneOf: [
      object({ kind: { const: "found" }, ...lookedAt, found: count }),
      object({ kind: { const: "absent" }, ...lookedAt }),
      object({ kind: { const: "skipped" }, ...lookedAt, reason: text }),
    ],
  },
  requirement: {
    oneOf: [
      object({ type: text, kind: { const: "met" }, signatures: list(ref("signature")) }),
      object({ type: text, kind: { const: "failed" }, reason: text, signatures: list(ref("signature")) }),
    ],
  },
  signature: {
    oneOf: [
      object({
        kind: { const: "accepted" },
        source: text,
        digest,
        dockerReference: text,
        "loggedAt?": { type: "string", pattern: "^-?[0-9]+$" },
        "validUntil?": { type: "number" },
      }),
      object({ kind: { const: "rejected" }, source: text, digest, step: text, reason: text, errorClass }),
    ],
  },
  container: object({
    outcome: ref("outcome"),
    kind: container,
    name: text,
    path: text,
    "seccomp?": ref("seccomp"),
  }),
  seccomp: object({
    kind: { enum: ["none", "runtime-default", "localhost", "artifact", "ambiguous"] },
    "reason?": text,
    "profile?": text,
    "digest?": digest,
    "policy?": ref("policy"),
    steps: list(ref("candidate")),
    "confinement?": { enum: ["unconfined", "stops-nothing", "filtered"] },
    capabilities: texts,
    calls: list(object({ name: text, kind: { enum: ["allowed", "blocked", "depends", "unknown"] }, texts })),
  }),
  candidate: {
    oneOf: [
      object({
        kind: { const: "annotation" },
        slot: { enum: ["pod-container", "pod", "image", "image-container", "image-pod"] },
        key: text,
        "value?": text,
        "origin?": { enum: ["pod", "image", "runtime-handler"] },
        outcome: { enum: ["chosen", "empty", "absent", "not-allowed", "outranked", "not-evaluated"] },
        reason: text,
      }),
      object({
        kind: { const: "field" },
        source: { enum: ["container", "pod", "kubelet"] },
        "value?": text,
        outcome: { enum: ["chosen", "absent", "outranked"] },
        reason: text,
      }),
      object({
        kind: { const: "node" },
        setting: text,
        "value?": text,
        outcome: { enum: ["chosen", "passed", "not-evaluated"] },
        reason: text,
      }),
    ],
  },
};

/**
 * The schema (draft 7) of what `explainPod` gives, as JSON.
 *
 * Within one version of the form (`lading.explain/v1`) members are added at most; a schema of an earlier lading then
 * refuses the new ones.
 */
export const explanationSchema: JsonSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "What a node decides about a Pod",
  ...object({
    schema: { const: EXPLANATION_SCHEMA },
    kind: { enum: ["runs", "fails", "undecided"] },
    problems: list(ref("problem")),
    pod: object({ namespace: text, name: text }),
    node: object({
      runtime: { enum: ["cri-o", "containerd"] },
      version: text,
      platform: text,
      kernel: text,
      "doubts?": texts,
    }),
    handler: object({ outcome: ref("outcome"), "name?": text, steps: list(ref("step")) }),
    features: list(ref("feature")),
    images: list(ref("image")),
    containers: list(ref("container")),
  }),
  definitions,
};

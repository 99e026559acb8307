/** Compiled only: what the types of lading/admission accept and refuse. */
import {
  type AdmissionReviewResponse,
  createPodCheck,
  type ImageDecision,
  type PodCheck,
  reviewAdmission,
  webhookConfiguration,
} from "../../src/admission/index.ts";
import type { Verifier } from "../../src/policy/index.ts";

/** As in @kubernetes/client-node, of which nothing is imported: members that can be absent, lists that can be changed. */
interface V1LabelSelector {
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
  matchLabels?: { [key: string]: string };
}
interface V1Webhook {
  admissionReviewVersions: string[];
  clientConfig: {
    caBundle?: string;
    service?: { name: string; namespace: string; path?: string; port?: number };
    url?: string;
  };
  failurePolicy?: string;
  matchConditions?: { expression: string; name: string }[];
  matchPolicy?: string;
  name: string;
  namespaceSelector?: V1LabelSelector;
  objectSelector?: V1LabelSelector;
  rules?: {
    apiGroups?: string[];
    apiVersions?: string[];
    operations?: string[];
    resources?: string[];
    scope?: string;
  }[];
  sideEffects: string;
  timeoutSeconds?: number;
}
interface V1ObjectMeta {
  annotations?: { [key: string]: string };
  creationTimestamp?: Date;
  labels?: { [key: string]: string };
  name?: string;
}
interface V1ValidatingWebhookConfiguration {
  apiVersion?: string;
  kind?: string;
  metadata?: V1ObjectMeta;
  webhooks?: V1Webhook[];
}
interface V1MutatingWebhookConfiguration extends V1ValidatingWebhookConfiguration {
  webhooks?: (V1Webhook & { reinvocationPolicy?: string })[];
}

const service = { name: "images", namespace: "lading" };
export const validating: V1ValidatingWebhookConfiguration = webhookConfiguration({
  kind: "validating",
  name: "images.policy.example",
  service,
});
export const mutating: V1MutatingWebhookConfiguration = webhookConfiguration({
  kind: "mutating",
  name: "images.policy.example",
  url: "https://webhook.example/",
});
export const kind: "ValidatingWebhookConfiguration" = webhookConfiguration({
  kind: "validating",
  name: "images.policy.example",
  service,
}).kind;
// @ts-expect-error there must be an address
webhookConfiguration({ kind: "validating", name: "images.policy.example" });
// @ts-expect-error and only one
webhookConfiguration({
  kind: "validating",
  name: "images.policy.example",
  service,
  url: "https://a.example/",
});

declare const verifier: Verifier;
const check: PodCheck = createPodCheck({
  verifierFor: () => verifier,
  platforms: [{ os: "linux", architecture: "amd64" }],
});
// @ts-expect-error on which platforms Pods run is always said
createPodCheck({ verifierFor: () => verifier });
// @ts-expect-error nothing decides by itself
void reviewAdmission({});
// @ts-expect-error a mode that is misspelt
void reviewAdmission({}, { check, mode: "enforced" });
export const answer: Promise<AdmissionReviewResponse> = reviewAdmission({}, { check, mode: () => "warn" });

/** No allowed image is without its digest. */
export function pinnedOf(decision: ImageDecision): string {
  if (decision.kind === "allowed") return decision.pinned;
  // @ts-expect-error what is refused has none
  return decision.pinned;
}

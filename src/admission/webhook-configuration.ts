/**
 * The objects that register a webhook with the API server.
 *
 * Their types fit those of `@kubernetes/client-node`: `V1ValidatingWebhookConfiguration` and
 * `V1MutatingWebhookConfiguration`.
 *
 * @see {@link https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/validating-webhook-configuration-v1/}
 * @module
 */
import { POD_RESOURCES } from "./kinds.ts";

/** A selector of labels. */
export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

/** What a webhook is asked about. */
export interface WebhookRule {
  apiGroups: string[];
  apiVersions: string[];
  operations: string[];
  resources: string[];
  scope: string;
}

/** How the API server reaches a webhook. */
export interface WebhookClientConfig {
  /** PEM, in base64. */
  caBundle?: string;
  service?: { name: string; namespace: string; path: string; port: number };
  url?: string;
}

/** A webhook of a configuration. */
export interface Webhook {
  name: string;
  admissionReviewVersions: string[];
  clientConfig: WebhookClientConfig;
  failurePolicy: string;
  matchConditions?: { name: string; expression: string }[];
  matchPolicy: string;
  namespaceSelector: LabelSelector;
  objectSelector: LabelSelector;
  /** Of a mutating webhook only. */
  reinvocationPolicy?: string;
  rules: WebhookRule[];
  sideEffects: string;
  timeoutSeconds: number;
}

/** A ValidatingWebhookConfiguration or MutatingWebhookConfiguration. */
export interface WebhookConfiguration<
  K extends string = "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration",
> {
  apiVersion: "admissionregistration.k8s.io/v1";
  kind: K;
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  webhooks: Webhook[];
}

/** Where the webhook is: a Service of the cluster, or a URL outside of it. */
export type WebhookAddress =
  | {
      /** Default port: 443. */
      service: { name: string; namespace: string; path?: string; port?: number };
      url?: never;
    }
  | { url: string; service?: never };

/** Options of {@link webhookConfiguration}. */
export type WebhookConfigurationOptions<Kind extends "validating" | "mutating" = "validating" | "mutating"> =
  WebhookAddress & {
    kind: Kind;
    /** A name of at least three parts, such as `images.policy.example`: that of the object and of its webhook. */
    name: string;
    /**
     * Certificates in PEM that the webhook's own is checked with. Without it something else in the cluster must put them
     * in, or the system's authorities count.
     */
    caBundle?: string | undefined;
    /** What becomes of requests while the webhook cannot be asked. Default `Fail`. */
    failurePolicy?: "Fail" | "Ignore" | undefined;
    /** Seconds to wait for an answer, 1 to 30. Default 10. */
    timeoutSeconds?: number | undefined;
    /**
     * Names of resources, such as `pods`, of those that {@link reviewAdmission} decides on. Default: all. Whatever else
     * is left out, Pods and their ephemeral containers are what nodes start.
     */
    resources?: readonly string[] | undefined;
    /** Namespaces to leave alone, by name: their Pods are not decided on. Default none. */
    excludedNamespaces?: readonly string[] | undefined;
    /** Default: every namespace but the excluded ones. */
    namespaceSelector?: LabelSelector | undefined;
    /** Default: every object. Whoever makes objects sets their labels: do not leave any out by this. */
    objectSelector?: LabelSelector | undefined;
    /** CEL expressions that must all be true for the webhook to be asked. */
    matchConditions?: readonly { name: string; expression: string }[] | undefined;
    labels?: Readonly<Record<string, string>> | undefined;
    annotations?: Readonly<Record<string, string>> | undefined;
  };

/** Three labels of DNS at least. */
const NAME = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?){2,}$/;
const NAMESPACE_NAME = "kubernetes.io/metadata.name";

/**
 * The object that makes the API server ask a webhook about everything that brings images into a cluster.
 *
 * Equivalent versions of the same objects are sent too (`matchPolicy: Equivalent`), and a mutating webhook is asked
 * again where another one has changed the object. Whether the webhook can be reached, and has a certificate that the
 * bundle fits, is not checked.
 *
 * @throws {RangeError} For a name, time or resource that the API server would refuse, or that nothing decides on.
 * @throws {TypeError} For a bundle that holds no certificate in PEM, and an address that is no `https:` URL.
 */
export function webhookConfiguration(
  options: WebhookConfigurationOptions<"validating">,
): WebhookConfiguration<"ValidatingWebhookConfiguration">;
export function webhookConfiguration(
  options: WebhookConfigurationOptions<"mutating">,
): WebhookConfiguration<"MutatingWebhookConfiguration">;
export function webhookConfiguration(options: WebhookConfigurationOptions): WebhookConfiguration {
  const { kind, name, failurePolicy = "Fail", timeoutSeconds = 10, labels, annotations } = options;
  if (kind !== "validating" && kind !== "mutating") throw new RangeError(`no such kind of webhook: ${kind}`);
  if (!NAME.test(name)) throw new RangeError(`a webhook's name has three parts at least, got ${name}`);
  if (!Number.isInteger(timeoutSeconds) || timeoutSeconds < 1 || timeoutSeconds > 30) {
    throw new RangeError(`timeoutSeconds must be 1 to 30, got ${timeoutSeconds}`);
  }
  if (failurePolicy !== "Fail" && failurePolicy !== "Ignore") {
    throw new RangeError(`no such failurePolicy: ${failurePolicy}`);
  }
  const { matchConditions } = options;
  const webhook: Webhook = {
    name,
    admissionReviewVersions: ["v1"],
    clientConfig: clientConfigOf(options),
    failurePolicy,
    ...(matchConditions ? { matchConditions: matchConditions.map((each) => ({ ...each })) } : {}),
    matchPolicy: "Equivalent",
    namespaceSelector: namespaceSelectorOf(options),
    objectSelector: options.objectSelector ?? {},
    ...(kind === "mutating" ? { reinvocationPolicy: "IfNeeded" } : {}),
    rules: rulesFor(options.resources),
    sideEffects: "None",
    timeoutSeconds,
  };
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: kind === "mutating" ? "MutatingWebhookConfiguration" : "ValidatingWebhookConfiguration",
    metadata: {
      name,
      ...(labels ? { labels: { ...labels } } : {}),
      ...(annotations ? { annotations: { ...annotations } } : {}),
    },
    webhooks: [webhook],
  };
}

function clientConfigOf({ service, url, caBundle }: WebhookConfigurationOptions): WebhookClientConfig {
  const bundle = caBundle === undefined ? {} : { caBundle: encodedBundle(caBundle) };
  if (service) {
    const { name, namespace, path = "/", port = 443 } = service;
    return { ...bundle, service: { name, namespace, path, port } };
  }
  if (url === undefined || !URL.canParse(url) || new URL(url).protocol !== "https:") {
    throw new TypeError("a webhook is reached by a service or by an https: URL");
  }
  return { ...bundle, url };
}

function encodedBundle(pem: string): string {
  if (!pem.includes("-----BEGIN CERTIFICATE-----"))
    throw new TypeError("caBundle holds no certificate in PEM");
  if (pem.includes("PRIVATE KEY-----")) throw new TypeError("caBundle holds a private key");
  return Buffer.from(pem).toString("base64");
}

function namespaceSelectorOf({
  namespaceSelector = {},
  excludedNamespaces = [],
}: WebhookConfigurationOptions): LabelSelector {
  if (excludedNamespaces.length === 0) return namespaceSelector;
  const excluded = { key: NAMESPACE_NAME, operator: "NotIn", values: [...excludedNamespaces] };
  return {
    ...namespaceSelector,
    matchExpressions: [...(namespaceSelector.matchExpressions ?? []), excluded],
  };
}

/** One rule for each API group. */
function rulesFor(wanted: readonly string[] | undefined): WebhookRule[] {
  const known = POD_RESOURCES.flatMap(({ resources }) => resources);
  for (const each of wanted ?? []) {
    if (!known.includes(each)) throw new RangeError(`not a resource with images: ${each}`);
  }
  if (wanted?.length === 0) throw new RangeError("there must be a resource");
  const groups = [...new Set(POD_RESOURCES.map(({ group }) => group))];
  return groups.flatMap((group) => {
    const resources = POD_RESOURCES.filter((each) => each.group === group)
      .flatMap((each) => each.resources)
      .filter((each) => wanted?.includes(each) ?? true);
    if (resources.length === 0) return [];
    return [
      {
        apiGroups: [group],
        apiVersions: ["v1"],
        operations: ["CREATE", "UPDATE"],
        resources,
        scope: "Namespaced",
      },
    ];
  });
}

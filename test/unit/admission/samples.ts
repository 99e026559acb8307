/** AdmissionReviews as the API server sends them, made by hand from the API reference. */

/** A kind as rules and requests name it, with where its Pod is. */
export interface SampleKind {
  group: string;
  kind: string;
  resource: string;
  /** The object around a Pod's spec. */
  wrap: (spec: object) => object;
}

const template = (spec: object) => ({ metadata: { labels: { app: "web" } }, spec });
const selector = { matchLabels: { app: "web" } };

/** Every kind that holds images, as the API reference has it. */
export const KINDS: readonly SampleKind[] = [
  { group: "", kind: "Pod", resource: "pods", wrap: (spec) => ({ spec }) },
  {
    group: "",
    kind: "PodTemplate",
    resource: "podtemplates",
    wrap: (spec) => ({ template: template(spec) }),
  },
  {
    group: "",
    kind: "ReplicationController",
    resource: "replicationcontrollers",
    wrap: (spec) => ({ spec: { replicas: 1, selector: { app: "web" }, template: template(spec) } }),
  },
  {
    group: "apps",
    kind: "Deployment",
    resource: "deployments",
    wrap: (spec) => ({
      spec: { replicas: 2, selector, strategy: { type: "RollingUpdate" }, template: template(spec) },
    }),
  },
  {
    group: "apps",
    kind: "ReplicaSet",
    resource: "replicasets",
    wrap: (spec) => ({ spec: { replicas: 1, selector, template: template(spec) } }),
  },
  {
    group: "apps",
    kind: "StatefulSet",
    resource: "statefulsets",
    wrap: (spec) => ({ spec: { serviceName: "web", selector, template: template(spec) } }),
  },
  {
    group: "apps",
    kind: "DaemonSet",
    resource: "daemonsets",
    wrap: (spec) => ({ spec: { selector, template: template(spec) } }),
  },
  {
    group: "batch",
    kind: "Job",
    resource: "jobs",
    wrap: (spec) => ({
      spec: { backoffLimit: 3, template: template({ restartPolicy: "Never", ...spec }) },
    }),
  },
  {
    group: "batch",
    kind: "CronJob",
    resource: "cronjobs",
    wrap: (spec) => ({
      spec: {
        schedule: "*/5 * * * *",
        jobTemplate: { spec: { template: template({ restartPolicy: "OnFailure", ...spec }) } },
      },
    }),
  },
];

/** The sample of a kind. */
export function sampleKind(name: string): SampleKind {
  const found = KINDS.find(({ kind }) => kind === name);
  if (!found) throw new RangeError(name);
  return found;
}

/** A spec with one container of each image. */
export function podSpec(...images: string[]): { containers: { name: string; image: string }[] } {
  return { containers: images.map((image, index) => ({ name: `c${index}`, image })) };
}

/** What a review is to be. */
export interface SampleReview {
  kind?: string;
  operation?: string;
  spec?: object;
  oldSpec?: object;
  namespace?: string;
  subResource?: string;
  /** In place of, or beside, what the request has otherwise. */
  request?: object;
  /** In place of, or beside, what the object has otherwise. */
  object?: object;
}

export const UID = "705ab4f5-6393-11e8-b7cc-42010a800002";

/** An AdmissionReview, as JSON has it. */
export function review(sample: SampleReview = {}): {
  request: Record<string, unknown>;
  [name: string]: unknown;
} {
  const { kind = "Pod", operation = "CREATE", namespace = "team", subResource } = sample;
  const { group, resource, wrap } = sampleKind(kind);
  const gvk = { group, version: "v1", kind };
  const gvr = { group, version: "v1", resource };
  const objectOf = (spec: object) => ({
    apiVersion: group === "" ? "v1" : `${group}/v1`,
    kind,
    metadata: { name: "web", namespace, creationTimestamp: null },
    ...wrap(spec),
    ...sample.object,
  });
  const deletes = operation === "DELETE";
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: UID,
      kind: gvk,
      resource: gvr,
      ...(subResource === undefined ? {} : { subResource, requestSubResource: subResource }),
      requestKind: gvk,
      requestResource: gvr,
      name: "web",
      namespace,
      operation,
      userInfo: { username: "dev", groups: ["system:authenticated"] },
      object: deletes ? null : objectOf(sample.spec ?? podSpec("registry.example/app:1")),
      oldObject: sample.oldSpec ? objectOf(sample.oldSpec) : deletes ? objectOf(podSpec("a")) : null,
      dryRun: false,
      options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1" },
      ...sample.request,
    },
  };
}

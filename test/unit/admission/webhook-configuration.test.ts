import assert from "node:assert/strict";
import { test } from "node:test";
import { reviewAdmission, webhookConfiguration } from "../../../src/admission/index.ts";
import { textCheck } from "./checks.ts";
import { KINDS, review, sampleKind } from "./samples.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const service = { name: "images", namespace: "lading", path: "/validate" };
const name = "images.policy.example";

test("a validating webhook: everything that holds images, and Fail", () => {
  assert.deepEqual(webhookConfiguration({ kind: "validating", name, service, caBundle: PEM }), {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name },
    webhooks: [
      {
        name,
        admissionReviewVersions: ["v1"],
        clientConfig: {
          caBundle: Buffer.from(PEM).toString("base64"),
          service: { name: "images", namespace: "lading", path: "/validate", port: 443 },
        },
        failurePolicy: "Fail",
        matchPolicy: "Equivalent",
        namespaceSelector: {},
        objectSelector: {},
        rules: [
          {
            apiGroups: [""],
            apiVersions: ["v1"],
            operations: ["CREATE", "UPDATE"],
            resources: ["pods", "pods/ephemeralcontainers", "podtemplates", "replicationcontrollers"],
            scope: "Namespaced",
          },
          {
            apiGroups: ["apps"],
            apiVersions: ["v1"],
            operations: ["CREATE", "UPDATE"],
            resources: ["deployments", "replicasets", "statefulsets", "daemonsets"],
            scope: "Namespaced",
          },
          {
            apiGroups: ["batch"],
            apiVersions: ["v1"],
            operations: ["CREATE", "UPDATE"],
            resources: ["jobs", "cronjobs"],
            scope: "Namespaced",
          },
        ],
        sideEffects: "None",
        timeoutSeconds: 10,
      },
    ],
  });
});

test("what the rules send is what reviewAdmission decides on", async () => {
  const [webhook] = webhookConfiguration({ kind: "validating", name, service }).webhooks;
  const sent = webhook?.rules.flatMap(({ apiGroups, resources }) =>
    resources.map((resource) => `${apiGroups[0]}/${resource}`),
  );
  const decided = KINDS.map(({ group, resource }) => `${group}/${resource}`);
  assert.deepEqual(sent?.toSorted(), [...decided, "/pods/ephemeralcontainers"].toSorted());
  for (const { kind } of KINDS) {
    const { check, asked } = textCheck();
    await reviewAdmission(review({ kind }), { check });
    assert.equal(asked[0]?.kind.kind, sampleKind(kind).kind);
  }
});

test("a mutating webhook is asked again after others", () => {
  const { kind, webhooks } = webhookConfiguration({ kind: "mutating", name, service });
  assert.equal(kind, "MutatingWebhookConfiguration");
  assert.equal(webhooks[0]?.reinvocationPolicy, "IfNeeded");
  assert.equal(webhooks[0]?.failurePolicy, "Fail");
  assert.equal(webhooks[0]?.clientConfig.caBundle, undefined);
  assert.equal(
    webhookConfiguration({ kind: "validating", name, service }).webhooks[0]?.reinvocationPolicy,
    undefined,
  );
});

test("what is asked for otherwise", () => {
  const { metadata, webhooks } = webhookConfiguration({
    kind: "validating",
    name,
    url: "https://webhook.example/validate",
    failurePolicy: "Ignore",
    timeoutSeconds: 30,
    resources: ["pods", "pods/ephemeralcontainers", "jobs"],
    excludedNamespaces: ["kube-system", "lading"],
    namespaceSelector: {
      matchLabels: { images: "checked" },
      matchExpressions: [{ key: "a", operator: "Exists" }],
    },
    objectSelector: { matchLabels: { b: "c" } },
    matchConditions: [{ name: "not-nodes", expression: "!('system:nodes' in request.userInfo.groups)" }],
    labels: { app: "images" },
    annotations: { "cert-manager.io/inject-ca-from": "lading/images" },
  });
  assert.deepEqual(metadata, {
    name,
    labels: { app: "images" },
    annotations: { "cert-manager.io/inject-ca-from": "lading/images" },
  });
  const [webhook] = webhooks;
  assert.deepEqual(webhook?.clientConfig, { url: "https://webhook.example/validate" });
  assert.equal(webhook?.failurePolicy, "Ignore");
  assert.equal(webhook?.timeoutSeconds, 30);
  assert.deepEqual(
    webhook?.rules.map(({ resources }) => resources),
    [["pods", "pods/ephemeralcontainers"], ["jobs"]],
  );
  assert.deepEqual(webhook?.namespaceSelector, {
    matchLabels: { images: "checked" },
    matchExpressions: [
      { key: "a", operator: "Exists" },
      { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system", "lading"] },
    ],
  });
  assert.deepEqual(webhook?.objectSelector, { matchLabels: { b: "c" } });
  assert.equal(webhook?.matchConditions?.length, 1);
});

test("what the API server would refuse, or nothing decides on, is refused", () => {
  const make = (change: object) => () =>
    webhookConfiguration({ kind: "validating", name, service, ...change } as Parameters<
      typeof webhookConfiguration
    >[0] & {
      kind: "validating";
    });
  for (const wrong of [
    { name: "images" },
    { name: "images.example" },
    { name: "Images.policy.example" },
    { name: `${"a".repeat(64)}.policy.example` },
    { kind: "other" },
    { timeoutSeconds: 0 },
    { timeoutSeconds: 31 },
    { timeoutSeconds: 1.5 },
    { failurePolicy: "fail" },
    { resources: [] },
    { resources: ["pods/exec"] },
  ]) {
    assert.throws(make(wrong), RangeError, JSON.stringify(wrong));
  }
  for (const wrong of [
    { caBundle: "" },
    { caBundle: "MIIB" },
    { caBundle: `${PEM}-----BEGIN PRIVATE KEY-----\n` },
    { service: undefined },
    { service: undefined, url: "http://webhook.example/" },
    { service: undefined, url: "webhook" },
  ]) {
    assert.throws(make(wrong), TypeError, JSON.stringify(wrong));
  }
});

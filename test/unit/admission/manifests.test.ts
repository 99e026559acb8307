/** The manifests of the webhook's example: what they name is there. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { readSettings } from "../../../examples/admission-webhook/server/settings.ts";
import { parsePolicy } from "../../../src/policy/index.ts";

const EXAMPLE = resolve(import.meta.dirname, "../../../examples/admission-webhook");

interface Named {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}
interface Container {
  image: string;
  args: string[];
  volumeMounts: { name: string; mountPath: string; subPath?: string }[];
  ports: { name: string; containerPort: number }[];
  securityContext: { allowPrivilegeEscalation: boolean; readOnlyRootFilesystem: boolean };
  readinessProbe?: { httpGet: { path: string; port: string; scheme: string } };
}
interface Deployment extends Named {
  spec: {
    replicas: number;
    selector: { matchLabels: Record<string, string> };
    template: {
      metadata: { labels: Record<string, string> };
      spec: {
        containers: [Container];
        volumes: { name: string; secret?: { secretName: string }; configMap?: { name: string } }[];
        automountServiceAccountToken: boolean;
        terminationGracePeriodSeconds?: number;
      };
    };
  };
}

const objects = globSync(join(EXAMPLE, "manifests/*.yaml"))
  .sort()
  .flatMap((path) =>
    parseAllDocuments(readFileSync(path, "utf8")).map((document) => {
      assert.deepEqual([...document.errors, ...document.warnings], [], path);
      return document.toJS() as Named;
    }),
  );

function find<T extends Named = Named>(kind: string, name: string): T {
  const found = objects.find((each) => each.kind === kind && each.metadata.name === name);
  assert.ok(found, `${kind} ${name}`);
  return found as T;
}

test("every object but the namespace itself is in it, and there is no role", () => {
  assert.ok(objects.length >= 15);
  for (const { kind, metadata } of objects) {
    assert.equal(metadata.namespace, kind === "Namespace" ? undefined : "lading", `${kind} ${metadata.name}`);
    assert.doesNotMatch(kind, /Role/);
  }
});

for (const name of ["webhook", "valkey"]) {
  describe(name, () => {
    const { spec } = find<Deployment>("Deployment", name);
    const pod = spec.template.spec;
    const [container] = pod.containers;

    test("what it mounts is there, as folders", () => {
      const volumes = pod.volumes.map((volume) => volume.name);
      for (const { name: mounted, subPath } of container.volumeMounts) {
        assert.ok(volumes.includes(mounted), mounted);
        assert.equal(subPath, undefined);
      }
      const made = ["pull", "cache"];
      for (const { secret, configMap } of pod.volumes) {
        if (configMap) find("ConfigMap", configMap.name);
        if (!secret || made.includes(secret.secretName)) continue;
        const certificates = objects.filter(({ kind }) => kind === "Certificate") as (Named & {
          spec: { secretName: string; dnsNames?: string[] };
        })[];
        const certificate = certificates.find((each) => each.spec.secretName === secret.secretName);
        assert.deepEqual(certificate?.spec.dnsNames, [`${name}.lading.svc`]);
      }
    });

    test("its Service and its policies select it", () => {
      const { labels } = spec.template.metadata;
      assert.deepEqual(spec.selector.matchLabels, labels);
      const service = find<Named & { spec: { selector: object; ports: { targetPort: string }[] } }>(
        "Service",
        name,
      );
      assert.deepEqual(service.spec.selector, labels);
      assert.ok(container.ports.some((port) => port.name === service.spec.ports[0]?.targetPort));
      const network = find<Named & { spec: { podSelector: { matchLabels: object } } }>("NetworkPolicy", name);
      assert.deepEqual(network.spec.podSelector.matchLabels, labels);
    });

    test("it can do little", () => {
      assert.equal(pod.automountServiceAccountToken, false);
      assert.equal(container.securityContext.allowPrivilegeEscalation, false);
      assert.equal(container.securityContext.readOnlyRootFilesystem, true);
      assert.match(container.image, /@sha256:[0-9a-f]{64}$/);
    });
  });
}

describe("the webhook", () => {
  const { spec } = find<Deployment>("Deployment", "webhook");
  const [container] = spec.template.spec.containers;

  test("its arguments are read, and name what is mounted", () => {
    const settings = readSettings(container.args);
    const mounts = container.volumeMounts.map(({ mountPath }) => mountPath);
    const paths = [
      settings.tls,
      settings.policy,
      settings.policyFolder,
      settings.authFile,
      settings.redis?.ca,
      settings.redis?.passwordFile,
      ...(settings.redis?.secrets ?? []),
    ];
    for (const path of paths)
      assert.ok(
        mounts.some((mount) => `${path}/`.startsWith(`${mount}/`)),
        path,
      );
    assert.equal(container.ports[0]?.containerPort, settings.port);
    assert.equal(settings.mode, "enforce");
    assert.ok((spec.template.spec.terminationGracePeriodSeconds ?? 0) * 1000 > settings.drainMs + 30_000);
    assert.deepEqual(container.readinessProbe?.httpGet, { path: "/readyz", port: "https", scheme: "HTTPS" });
  });

  test("some replicas are always left", () => {
    const { minAvailable } = find<Named & { spec: { minAvailable: number } }>(
      "PodDisruptionBudget",
      "webhook",
    ).spec;
    assert.ok(spec.replicas >= 2 && minAvailable >= 1 && minAvailable < spec.replicas);
  });

  test("the policies are read, and name keys that are mounted", () => {
    for (const name of ["policy", "namespaces"]) {
      const { data } = find<Named & { data: Record<string, string> }>("ConfigMap", name);
      for (const text of Object.values(data)) parsePolicy(text);
    }
    const text = JSON.stringify(find("ConfigMap", "policy"));
    const [, path = ""] = /keyPath[\\": ]+([^\\"]+)/.exec(text) ?? [];
    assert.ok(
      container.volumeMounts.some(({ mountPath }) => path.startsWith(`${mountPath}/`)),
      path,
    );
  });

  test("the configuration sends what it answers, and leaves its own namespace alone", () => {
    const flags = [
      "--conditions=lading-source",
      join(EXAMPLE, "configuration.ts"),
      "--exclude",
      "kube-system",
    ];
    const list = JSON.parse(execFileSync(process.execPath, flags, { encoding: "utf8" })) as {
      items: {
        kind: string;
        metadata: { annotations: Record<string, string> };
        webhooks: [
          {
            clientConfig: { service: { name: string; namespace: string; path: string } };
            failurePolicy: string;
          },
        ];
      }[];
    };
    assert.deepEqual(
      list.items.map(({ kind, webhooks: [{ clientConfig, failurePolicy }] }) => [
        kind,
        clientConfig.service.path,
        failurePolicy,
      ]),
      [
        ["MutatingWebhookConfiguration", "/mutate", "Fail"],
        ["ValidatingWebhookConfiguration", "/validate", "Fail"],
      ],
    );
    for (const { metadata, webhooks } of list.items) {
      const { service } = webhooks[0].clientConfig;
      assert.equal(find("Service", service.name).metadata.namespace, service.namespace);
      const [, certificate = ""] = metadata.annotations["cert-manager.io/inject-ca-from"]?.split("/") ?? [];
      find("Certificate", certificate);
      assert.match(JSON.stringify(webhooks), /"NotIn","values":\["lading","kube-system"\]/);
    }
  });
});

test("settings that cannot be meant are refused", () => {
  for (const args of [
    ["--listen", "8443"],
    ["--mode", "off"],
    ["--platform", "amd64"],
    ["--redis", "rediss://lading@host:1"],
    ["--reload-seconds", "-1"],
    ["--unknown"],
  ]) {
    assert.throws(() => readSettings(args), TypeError, args.join(" "));
  }
});

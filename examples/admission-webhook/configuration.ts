/**
 * The objects that register the webhook, as a List for `kubectl apply -f -`.
 *
 *   node examples/admission-webhook/configuration.ts --ca ca.pem --exclude kube-system | kubectl apply -f -
 *
 * Without `--ca` something in the cluster has to put the authority in, such as cert-manager's CA injector.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { webhookConfiguration } from "lading/admission";

const { values } = parseArgs({
  options: {
    ca: { type: "string" },
    namespace: { type: "string", default: "lading" },
    exclude: { type: "string", multiple: true, default: [] },
    "timeout-seconds": { type: "string", default: "10" },
  },
});
const common = {
  name: "images.lading.example",
  caBundle: values.ca === undefined ? undefined : readFileSync(values.ca, "utf8"),
  // Its own Pods must be able to start while none of them runs.
  excludedNamespaces: [values.namespace, ...values.exclude],
  timeoutSeconds: Number(values["timeout-seconds"]),
  annotations:
    values.ca === undefined ? { "cert-manager.io/inject-ca-from": `${values.namespace}/webhook` } : {},
};
const at = (path: string) => ({ service: { name: "webhook", namespace: values.namespace, path } });
console.log(
  JSON.stringify(
    {
      apiVersion: "v1",
      kind: "List",
      items: [
        // Pods are pinned; what they are made from stays as it was written.
        webhookConfiguration({
          kind: "mutating",
          ...common,
          ...at("/mutate"),
          resources: ["pods", "pods/ephemeralcontainers"],
        }),
        webhookConfiguration({ kind: "validating", ...common, ...at("/validate") }),
      ],
    },
    undefined,
    2,
  ),
);

/**
 * A registry with signed images, the example's webhook beside it, and AdmissionReviews as a cluster sends them.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packImage } from "../src/oci/artifact.ts";
import { pushImage } from "../src/oci/push-image.ts";
import { createRegistry, type Registry } from "../src/oci/registry.ts";
import { mintKey, publicKeyPem } from "../src/testing/certificates.ts";
import { startRegistry, type TestRegistry } from "../src/testing/registry.ts";
import { attachSignatures, signImage } from "../src/testing/signatures.ts";
import {
  type RunningWebhook,
  startWebhook,
  type WebhookFolder,
  webhookFolder,
} from "../test/interop/webhook.ts";
import { review } from "../test/unit/admission/samples.ts";

/** An image of the registry. */
export interface BenchImage {
  byTag: string;
  byDigest: string;
}

/** What the benchmarks of admission run with. */
export interface AdmissionBench {
  server: TestRegistry;
  registry: Registry;
  key: KeyObject;
  folder: WebhookFolder;
  /** Pushes an image with so many signatures of the trusted key. */
  push(name: string, signatures?: number): Promise<BenchImage>;
  /** Starts the webhook with a policy that trusts the key. */
  start(): Promise<RunningWebhook>;
  close(): Promise<void>;
}

export async function admissionBench(): Promise<AdmissionBench> {
  const server = await startRegistry();
  const registry = createRegistry();
  const key = mintKey();
  const folder = await webhookFolder();
  await folder.putTls();
  const pub = join(folder.path, "cosign.pub");
  await writeFile(pub, publicKeyPem(key));
  await folder.putPolicy({ default: [{ type: "sigstoreSigned", keyPath: pub }] });
  let webhook: RunningWebhook | undefined;
  return {
    server,
    registry,
    key,
    folder,
    async push(name, signatures = 1) {
      const full = `${server.host}/${name}`;
      const repository = registry.repository(full);
      const platform = { os: "linux", architecture: "amd64" };
      const image = packImage({ platform, layers: [], config: { Labels: { name } } });
      const { digest } = await pushImage(repository, image, "1");
      const made = Array.from({ length: signatures }, () =>
        signImage({ reference: `${full}:1`, digest, signer: key }),
      );
      if (made.length > 0) await attachSignatures(repository, digest, made);
      return { byTag: `${full}:1`, byDigest: `${full}@${digest}` };
    },
    async start() {
      webhook = await startWebhook(folder, ["--reload-seconds", "1"]);
      return webhook;
    },
    async close() {
      await webhook?.stop();
      await registry.close();
      await server.close();
      await folder.remove();
    },
  };
}

/** The text of a review of a Pod that looks like one of a Deployment, of some kilobytes. */
export function podReview(images: readonly string[]): string {
  const containers = images.map((image, index) => ({
    name: `container-${index}`,
    image,
    command: ["/bin/server"],
    args: ["--listen=:8080", "--log-format=json"],
    ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
    env: Array.from({ length: 6 }, (_, at) => ({
      name: `SETTING_${at}`,
      value: `the value of setting ${at}`,
    })),
    resources: { limits: { memory: "256Mi" }, requests: { cpu: "100m", memory: "128Mi" } },
    livenessProbe: { httpGet: { path: "/healthz", port: "http", scheme: "HTTP" }, periodSeconds: 10 },
    volumeMounts: [{ name: "kube-api-access", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" }],
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    imagePullPolicy: "IfNotPresent",
  }));
  const spec = { containers, restartPolicy: "Always", serviceAccountName: "default", nodeSelector: {} };
  const object = { metadata: { generateName: "web-5d9c7b8f6-", labels: { app: "web" } } };
  return JSON.stringify(review({ spec, object }));
}

/** Processor time of a process so far, in milliseconds; Linux only. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  // Hundredths of a second, in user and system mode.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** The value below which so much of the values are. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

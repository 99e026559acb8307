/**
 * The webhook on this machine, without a cluster: a registry with one signed and one unsigned image, a certificate, a
 * policy, and two AdmissionReviews.
 *
 *   node examples/admission-webhook/try.ts
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createRegistry, packImage, pushImage } from "lading/oci";
import {
  attachSignatures,
  mintCertificate,
  mintKey,
  publicKeyPem,
  signImage,
  startRegistry,
} from "lading/testing";

const folder = await mkdtemp(join(tmpdir(), "lading-webhook-"));
const server = await startRegistry();
const registry = createRegistry();
const key = mintKey();
const name = `${server.host}/team/app`;
const platform = { os: "linux", architecture: "amd64" };
for (const tag of ["signed", "unsigned"]) {
  const image = packImage({ platform, layers: [], config: { Labels: { tag } } });
  const { digest } = await pushImage(registry.repository(name), image, tag);
  const signature = signImage({ reference: `${name}:${tag}`, digest, signer: key });
  if (tag === "signed") await attachSignatures(registry.repository(name), digest, [signature]);
}

const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
const authority = mintCertificate({ subject: "authority", isCa: true, ...validity });
const own = mintCertificate({ subject: "webhook", hosts: ["localhost"], issuer: authority, ...validity });
const put = (file: string, text: string) => writeFile(join(folder, file), text);
await put("tls.crt", own.pem);
await put("tls.key", own.key.export({ format: "pem", type: "pkcs8" }).toString());
await put("cosign.pub", publicKeyPem(key));
await put(
  "policy.json",
  JSON.stringify({ default: [{ type: "sigstoreSigned", keyPath: join(folder, "cosign.pub") }] }),
);

const webhook = spawn(
  process.execPath,
  [
    ...process.execArgv,
    join(import.meta.dirname, "server/main.ts"),
    ...["--listen", "127.0.0.1:0", "--tls", folder, "--policy", join(folder, "policy.json")],
    ...["--drain-seconds", "0"],
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
const ended = once(webhook, "exit");

/** Asks as the API server does. */
function ask(port: number, path: string, image: string): Promise<string> {
  const review = {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: crypto.randomUUID(),
      kind: { group: "", version: "v1", kind: "Pod" },
      resource: { group: "", version: "v1", resource: "pods" },
      operation: "CREATE",
      namespace: "team",
      userInfo: {},
      object: {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { generateName: "web-", namespace: "team" },
        spec: { containers: [{ name: "web", image }] },
      },
    },
  };
  return new Promise((done, fail) => {
    request(
      {
        ...{ host: "127.0.0.1", servername: "localhost", port, path, method: "POST", ca: authority.pem },
        headers: { "Content-Type": "application/json" },
      },
      async (response) => {
        let text = "";
        for await (const part of response) text += String(part);
        done(text);
      },
    )
      .on("error", fail)
      .end(JSON.stringify(review));
  });
}

try {
  let port = 0;
  for await (const line of createInterface({ input: webhook.stdout })) {
    console.log("log:", line);
    ({ port = 0 } = JSON.parse(line) as { port?: number });
    if (port > 0) break;
  }
  const good = await ask(port, "/mutate?timeout=10s", `${name}:signed`);
  console.log("signed:", good);
  const bad = await ask(port, "/validate?timeout=10s", `${name}:unsigned`);
  console.log("unsigned:", bad);
  if (!good.includes('"allowed":true') || !good.includes('"patch"'))
    throw new Error("not allowed, or not pinned");
  if (!bad.includes('"allowed":false')) throw new Error("an unsigned image was allowed");
} finally {
  webhook.kill("SIGTERM");
  await ended;
  await registry.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
}

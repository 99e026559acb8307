/** A private docker-registry on a loopback port. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Blob, TestImage } from "./images.ts";
import { freePort, missingPrograms, startDaemon, waitFor } from "./process.ts";

/** A registry that runs. */
export interface InteropRegistry {
  /** `127.0.0.1:PORT`; it speaks plain HTTP and takes everything from everybody. */
  readonly host: string;
  /** Pushes an image under `name:tag`. */
  push(image: TestImage, name: string, tag: string): Promise<void>;
  /** Ends it and removes its storage. */
  stop(): Promise<void>;
}

/** Why no registry can be started here; undefined if one can. */
export function whyNoRegistry(): string | undefined {
  const missing = missingPrograms("docker-registry");
  return missing.length > 0 ? `not installed: ${missing.join(", ")}` : undefined;
}

/** Starts a registry with empty storage in a folder of its own. */
export async function startRegistry(): Promise<InteropRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "lading-registry-"));
  const host = `127.0.0.1:${await freePort()}`;
  await mkdir(join(folder, "storage"));
  const config = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(folder, "storage") },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: host, secret: "test" },
  };
  // YAML is a superset of JSON.
  await writeFile(join(folder, "config.yml"), JSON.stringify(config));
  const daemon = startDaemon("docker-registry", ["serve", join(folder, "config.yml")], join(folder, "log"));
  const stop = async () => {
    await daemon.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await waitFor(daemon, () => expectStatus(`http://${host}/v2/`, {}, 200));
  } catch (error) {
    await stop();
    throw error;
  }
  return { host, push: (image, name, tag) => push(`http://${host}/v2/${name}`, image, tag), stop };
}

async function push(base: string, { manifest, config, layer }: TestImage, tag: string): Promise<void> {
  for (const blob of [config, layer]) await pushBlob(base, blob);
  const headers = { "content-type": manifest.mediaType };
  await expectStatus(`${base}/manifests/${tag}`, { method: "PUT", headers, body: manifest.bytes }, 201);
}

async function pushBlob(base: string, { digest, bytes }: Blob): Promise<void> {
  const started = await expectStatus(`${base}/blobs/uploads/`, { method: "POST" }, 202);
  const location = new URL(started.headers.get("location") ?? "", base);
  location.searchParams.set("digest", digest);
  const headers = { "content-type": "application/octet-stream" };
  await expectStatus(location.href, { method: "PUT", headers, body: bytes }, 201);
}

/** The response to a request, which must have this status; its body is discarded. */
async function expectStatus(
  url: string,
  init: { method?: string; headers?: Record<string, string>; body?: Uint8Array },
  status: number,
): Promise<Response> {
  const { body, ...rest } = init;
  const response = await fetch(url, { ...rest, ...(body ? { body: Buffer.from(body) } : {}) });
  const text = await response.text();
  if (response.status !== status) throw new Error(`${url}: HTTP ${response.status}: ${text.slice(0, 500)}`);
  return response;
}

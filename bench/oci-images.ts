/**
 * Images to copy, a registry to copy them from and to, and the programs that lading is compared with.
 *
 * Everything lies on a file system in memory where there is one: what is measured is the program, not the disk.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { digestOf } from "../src/core/digest.ts";
import { copyImage, createLayout, createRegistry, type Descriptor, openLayout } from "../src/oci/index.ts";
import { whyNoPrograms } from "../test/interop/process.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
export const MEBIBYTE: number = 1024 * 1024;

/** One layer, compressed, and the digest of what is in it. */
export interface BenchLayer {
  bytes: Uint8Array;
  diffId: string;
}

/** Ends the program where others that it needs are missing. */
export function needPrograms(...names: string[]): void {
  const missing = whyNoPrograms(...names);
  if (missing !== undefined) throw new Error(missing);
}

/** A folder in memory if there is such a place, and for what is started from now on too. */
export async function memoryFolder(): Promise<string> {
  if (existsSync("/dev/shm")) process.env["TMPDIR"] = "/dev/shm";
  return mkdtemp(join(tmpdir(), "lading-bench-"));
}

/** Work in a folder in memory, which goes at the end. */
export async function inMemoryFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await memoryFolder();
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A layer of random bytes, which no program can make smaller, in gzip's form. */
export function randomLayer(byteLength: number): BenchLayer {
  const content = randomFillSync(Buffer.allocUnsafeSlow(byteLength));
  return { bytes: gzipSync(content, { level: 0 }), diffId: digestOf(content) };
}

/** A layer of which gzip leaves some two fifths. */
export function textLayer(byteLength: number): BenchLayer {
  const random = randomFillSync(Buffer.allocUnsafeSlow(Math.ceil(byteLength / 32) * 10)).toString("hex");
  const content = Buffer.allocUnsafeSlow(byteLength);
  for (let at = 0, from = 0; at < byteLength; at += 32, from += 20) {
    content.write(`${random.slice(from, from + 20)} repeated..\n`, at, "latin1");
  }
  return { bytes: gzipSync(content, { level: 1 }), diffId: digestOf(content) };
}

/** Writes an image into a layout under the name `image`, and gives the descriptors of its blobs. */
export async function writeImage(path: string, layers: Iterable<BenchLayer>): Promise<Descriptor[]> {
  const layout = await createLayout(path, { sync: false });
  const push = async (bytes: Uint8Array, mediaType: string): Promise<Descriptor> => {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
    await layout.push(descriptor, bytes);
    return descriptor;
  };
  const descriptors: Descriptor[] = [];
  const diffIds: string[] = [];
  for (const { bytes, diffId } of layers) {
    descriptors.push(await push(bytes, GZIP_LAYER));
    diffIds.push(diffId);
  }
  const rootfs = { type: "layers", diff_ids: diffIds };
  const config = await push(json({ architecture: "amd64", os: "linux", rootfs }), CONFIG);
  const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers: descriptors };
  await layout.tag(await push(json(manifest), MANIFEST), "image");
  return [config, ...descriptors];
}

/** Pushes an image from a layout to a registry, as the image that a familiar name stands for. */
export async function pushImage(path: string, host: string, repository: string): Promise<void> {
  const registry = createRegistry();
  try {
    const target = registry.repository(`${host}/${repository}`);
    await copyImage(await openLayout(path), "image", target, "image");
  } finally {
    await registry.close();
  }
}

/** Processor time of a program, in microseconds. */
export interface Used {
  cpu: number;
}

/** Runs a program, which must succeed, and tells what processor time it and its children used. */
export async function runTimed(command: string, args: readonly string[]): Promise<Used> {
  const script = 'TIMEFORMAT="%U %S"; time "$@" 2>&1';
  const child = spawn("bash", ["-c", script, "bash", command, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let times = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    times += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${output}`);
  const [user = Number.NaN, system = Number.NaN] = times.trim().split(" ").map(Number);
  return { cpu: (user + system) * 1e6 };
}

/** Where skopeo, run by root, notes which blobs it has seen. */
const SKOPEO_CACHE = "/var/lib/containers/cache";

/**
 * Copies with skopeo, which takes any signature or none here, and must not change a digest.
 *
 * For root its notes lie in memory, empty at first: on a disk they would take it most of its time with small layers.
 */
export function skopeoCopy(source: string, target: string): Promise<Used> {
  const insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
  const copy = ["--insecure-policy", "copy", "--quiet", "--preserve-digests", ...insecure, source, target];
  if (process.geteuid?.() !== 0) return runTimed("skopeo", copy);
  const script = `mkdir -p ${SKOPEO_CACHE} && mount -t tmpfs none ${SKOPEO_CACHE} && exec skopeo "$@"`;
  return runTimed("unshare", ["--mount", "sh", "-c", script, "sh", ...copy]);
}

/** Runs work in this process and tells what processor time it used, in all threads. */
export async function runHere(work: () => Promise<unknown>): Promise<Used> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { cpu: user + system };
}

function json(value: object): Uint8Array {
  return Uint8Array.from(Buffer.from(JSON.stringify(value)));
}

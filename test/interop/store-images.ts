/** Images that lading and its peers hand to each other, and what they must agree on. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import {
  type CopySource,
  copyImage,
  createLayer,
  createLayout,
  type Descriptor,
  fetchBlob,
  fetchManifest,
  type ImageGraph,
  type Layout,
  memoryStore,
  packImage,
  packIndex,
  parseImageConfig,
  pushImage,
  type ReadStore,
} from "../../src/oci/index.ts";
import { hostArchitecture } from "./images.ts";
import { runProgram } from "./process.ts";

/** What the images of {@link sampleImage} are for. */
export const PLATFORM: { os: "linux"; architecture: string } = {
  os: "linux",
  architecture: hostArchitecture(),
};

/** An image of two layers, one of them not compressed. */
export async function sampleImage(
  text = "hello",
  architecture: string = PLATFORM.architecture,
): Promise<ImageGraph> {
  const layers = [
    await createLayer([
      { path: "bin/x", content: text, mode: 0o755 },
      { path: "l", kind: "symlink", target: "bin/x" },
    ]),
    await createLayer([{ path: "etc/ünïcode", content: architecture }], { compression: "none" }),
  ];
  const config = { Cmd: ["/bin/x"], Labels: { by: "lading" } };
  return packImage({ platform: { os: "linux", architecture }, layers, config, annotations: { text } });
}

/** An index of two images; the first layer of both is the same. */
export async function sampleIndex(): Promise<ImageGraph> {
  const entries = ["amd64", "arm64"].map(async (architecture) => {
    const platform = { os: "linux", architecture };
    return { platform, graph: await sampleImage("hello", architecture) };
  });
  return packIndex(await Promise.all(entries));
}

/** A folder that goes with the test. Its name is in lower case: buildah makes the name of an image of it. */
export async function storesFolder(t: TestContext): Promise<string> {
  const folder = join(tmpdir(), `lading-interop-stores-${randomBytes(8).toString("hex")}`);
  await mkdir(folder, { mode: 0o700 });
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** A layout that lading wrote, with one image or index under a name. */
export async function layoutWith(path: string, graph: ImageGraph, name = "v1"): Promise<Layout> {
  const layout = await createLayout(path);
  await pushImage(layout, graph, name);
  return layout;
}

/** Digests of everything that belongs to an image, sorted; every content is read and verified. */
export async function digestsOf(source: CopySource, name: string): Promise<string[]> {
  const { copied } = await copyImage(source, name, memoryStore(), undefined);
  return copied.map(({ digest }) => digest).sort();
}

/** Digests of everything that a graph holds, sorted. */
export function digestsOfGraph({ manifest, blobs, children }: ImageGraph): string[] {
  const found = new Set([
    manifest.descriptor.digest,
    ...blobs.map(({ descriptor }) => descriptor.digest),
    ...children.flatMap(digestsOfGraph),
  ]);
  return [...found].sort();
}

/** What an image is whatever its layers are compressed by: the digest of its config, and the diff ids in it. */
export async function imageIdentity(
  store: ReadStore,
  target: string | Descriptor,
): Promise<{ config: string; diffIds: readonly string[] }> {
  const manifest = await fetchManifest(store, target);
  assert.ok(manifest.kind === "manifest");
  const { config, layers } = manifest.value;
  const bytes = await fetchBlob(store, config, { maxBytes: 1e6 });
  const diffIds = parseImageConfig(bytes, { mediaType: config.mediaType }).value.rootfs.diff_ids;
  assert.equal(layers.length, diffIds.length);
  return { config: config.digest, diffIds };
}

/** Runs a program that must succeed; gives what it wrote to stdout. */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runProgram(program, args);
  assert.equal(exitCode, 0, `${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Images and folders that the tests of stores share. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { digestOf } from "../../../../src/core/digest.ts";
import { OCI_INDEX, OCI_LAYER } from "../../../../src/core/media-types.ts";
import {
  type Descriptor,
  describeContent,
  type ImageGraph,
  packArtifact,
  packImage,
  packIndex,
} from "../../../../src/oci/index.ts";

/** A folder that goes with the test. */
export async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lading-stores-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An image with one layer per text; the layers are no tar archives. */
export function imageOf(architecture: string, ...texts: string[]): ImageGraph {
  const layers = texts.map((text) => {
    const content = Buffer.from(text);
    return { descriptor: describeContent(content, OCI_LAYER), content, diffId: digestOf(content) };
  });
  return packImage({ platform: { os: "linux", architecture }, layers, config: {} });
}

/** An index of two images that share a layer. */
export function twoPlatforms(): ImageGraph {
  return packIndex(
    ["amd64", "arm64"].map((architecture) => ({
      graph: imageOf(architecture, "shared", `for ${architecture}`),
      platform: { os: "linux", architecture },
    })),
  );
}

/** An artifact that refers to a manifest. */
export function referrerOf(subject: Descriptor, artifactType: string, text = "signature"): ImageGraph {
  const { mediaType, digest, size } = subject;
  return packArtifact({
    artifactType,
    subject: { mediaType, digest, size },
    files: [{ content: Buffer.from(text), title: "payload" }],
    annotations: { note: text },
  });
}

/** Everything that a graph holds, by digest. */
export function contentsOf({ manifest, blobs, children }: ImageGraph): Map<string, Uint8Array> {
  return new Map([
    [manifest.descriptor.digest, manifest.bytes],
    ...blobs.map(({ descriptor, content }): [string, Uint8Array] => [descriptor.digest, content]),
    ...children.flatMap((child) => [...contentsOf(child)]),
  ]);
}

/** The blobs of a layout directory as they lie on disk, by digest. */
export async function blobsOnDisk(path: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const algorithm of await readdir(join(path, "blobs"))) {
    for (const name of await readdir(join(path, "blobs", algorithm))) {
      found.set(`${algorithm}:${name}`, await readFile(join(path, "blobs", algorithm, name)));
    }
  }
  return found;
}

/** An `index.json` with these entries. */
export function indexText(...manifests: object[]): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
}

/** Small images and indexes in a store. */
import { digestOf } from "../../../src/core/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST } from "../../../src/core/media-types.ts";
import type { Descriptor } from "../../../src/oci/descriptor.ts";
import type { Store } from "../../../src/oci/store.ts";

/** Stores an image, under a tag if one is given. Images of different content differ. */
export async function pushImage(store: Store, tag?: string, content = "image"): Promise<Descriptor> {
  const bytes = imageManifest(content);
  return pushManifest(store, OCI_MANIFEST, bytes, tag);
}

/** The manifest of an image. */
export function imageManifest(content = "image"): Buffer {
  const config = { mediaType: OCI_CONFIG, digest: digestOf(content), size: content.length };
  const layer = { mediaType: OCI_LAYER_GZIP, digest: digestOf(`${content} layer`), size: 100 };
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] }));
}

/** Stores an index. */
export async function pushIndex(
  store: Store,
  tag: string | undefined,
  manifests: readonly Descriptor[],
): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }));
  return pushManifest(store, OCI_INDEX, bytes, tag);
}

async function pushManifest(
  store: Store,
  mediaType: string,
  bytes: Buffer,
  tag: string | undefined,
): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  await store.push(descriptor, bytes);
  if (tag !== undefined) await store.tag(descriptor, tag);
  return descriptor;
}

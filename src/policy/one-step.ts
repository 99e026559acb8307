/**
 * What a name in a store stands for, with its content where both come of one request.
 *
 * @module
 */
import type { SignalOptions } from "../core/signal.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { ManifestReader, ReadStore } from "../oci/store.ts";

/**
 * The descriptor of a manifest; it carries the content where the store gives that with it, so that fetching it takes no
 * further request. It fails as the store does.
 */
export async function resolveWithContent(
  store: ReadStore & Partial<ManifestReader>,
  tagOrDigest: string,
  { signal }: SignalOptions,
): Promise<Descriptor> {
  if (!store.readManifest) return store.resolve(tagOrDigest, { signal });
  const { descriptor, bytes } = await store.readManifest(tagOrDigest, { signal });
  // Whoever reads it compares it with size and digest, as with any descriptor that carries its content.
  return { ...descriptor, data: Buffer.from(bytes).toString("base64") };
}

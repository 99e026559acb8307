/**
 * Storing an image or artifact with everything that it names.
 *
 * @module
 */
import type { SignalOptions } from "../core/signal.ts";
import type { ImageGraph } from "./artifact.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Pusher, Tagger } from "./store.ts";

/**
 * Stores blobs, then children, then the manifest itself, then the tag: at no time does the store hold a
 * manifest whose content is missing. What is there already is not sent.
 *
 * Fails as `push` and `tag` of the store do; what was stored until then stays.
 */
export async function pushImage(
  store: Pusher & Tagger,
  graph: ImageGraph,
  tag?: string | undefined,
  { signal }: SignalOptions = {},
): Promise<Descriptor> {
  const { manifest, blobs, children } = graph;
  for (const child of children) await pushImage(store, child, undefined, { signal });
  for (const { descriptor, content } of blobs) await store.push(descriptor, content, { signal });
  await store.push(manifest.descriptor, manifest.bytes, { signal });
  if (tag !== undefined) await store.tag(manifest.descriptor, tag, { signal });
  return manifest.descriptor;
}

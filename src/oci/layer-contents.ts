/**
 * What of the layers of an image goes to a store with its manifest.
 *
 * @module
 */
import type { DescribedContent, ImageLayer, StoredLayer } from "./artifact.ts";

/** The contents of the layers that have theirs with them. */
export function layerContents(layers: readonly (ImageLayer | StoredLayer)[]): DescribedContent[] {
  return layers.flatMap((layer) =>
    "content" in layer ? [{ descriptor: layer.descriptor, content: layer.content }] : [],
  );
}

/** crane manifest, crane config, skopeo inspect: what an image is made of, everything verified. */
import { fetchManifest } from "lading/oci";
import { imageFor, onRegistry } from "./shared/place.ts";

await onRegistry(async ({ repository, name }) => {
  const root = await fetchManifest(repository, name);
  console.log(root.descriptor.digest, root.mediaType, root.descriptor.size, "bytes");
  if (root.kind === "index") {
    for (const { platform, digest } of root.value.manifests) {
      console.log(
        "for",
        [platform?.os, platform?.architecture, platform?.variant].filter(Boolean).join("/"),
        digest,
      );
    }
  }
  const { manifest, config } = await imageFor(repository, name);
  // The exact bytes that the digest is of.
  console.log(Buffer.from(manifest.bytes).toString());
  console.log(
    "created",
    config.value.created,
    "for",
    config.value.architecture,
    "runs",
    config.value.config?.Cmd,
  );
  for (const { mediaType, size, digest } of manifest.value.layers)
    console.log("layer", digest, mediaType, size);
});

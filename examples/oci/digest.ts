/** crane digest, oras resolve, skopeo manifest-digest: what a tag stands for now, by one HEAD request. */
import { digestOf, formatReference } from "lading";
import { fetchManifest } from "lading/oci";
import { onRegistry } from "./shared/place.ts";

await onRegistry(async ({ registry, reference }) => {
  const { reference: pinned, descriptor, repository } = await registry.resolve(reference);
  console.log(descriptor.digest);
  console.log("pinned:", formatReference(pinned));
  // Of bytes at hand.
  const { bytes } = await fetchManifest(repository, descriptor);
  console.log("by sha512:", digestOf(bytes, "sha512"));
});

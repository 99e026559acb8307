/** crane index append and filter, docker manifest create: which platforms an index has. */
import { copyImage, fetchManifest, parseManifest } from "lading/oci";
import { onRegistry } from "./shared/place.ts";

await onRegistry(async ({ repository, name, target }) => {
  await copyImage(repository, name, target, "1.0");
  const root = await fetchManifest(target, "1.0");
  if (root.kind !== "index") {
    console.log("no index, but", root.mediaType);
    return;
  }
  // Members that lading does not know are kept: the document is changed, not made anew.
  const manifests = root.value.manifests.filter(({ platform }) => platform?.os === "linux").slice(0, 1);
  const bytes = Buffer.from(JSON.stringify({ ...root.plain, manifests }));
  const { descriptor } = parseManifest(bytes, root.mediaType);
  await target.push(descriptor, bytes);
  await target.tag(descriptor, "1.0-linux");
  console.log(root.value.manifests.length, "images,", manifests.length, "in", descriptor.digest);
});

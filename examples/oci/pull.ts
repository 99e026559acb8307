/** crane pull, skopeo copy docker://… oci:…, oras copy --to-oci-layout: an image on disk, as a layout or an archive. */
import { join } from "node:path";
import {
  copyImage,
  createLayout,
  openDockerArchive,
  openLayoutArchive,
  packDockerArchive,
  packLayoutArchive,
  writeArchiveFile,
} from "lading/oci";
import { onRegistry, PLATFORM } from "./shared/place.ts";

await onRegistry(async ({ repository, name, reference, folder }) => {
  const layout = await createLayout(join(folder, "layout"));
  // All platforms; what the layout has already is not asked for again.
  const { root, copied } = await copyImage(repository, name, layout, "app");
  console.log(root.digest, copied.length, "contents in", layout.path);

  // One file for `podman load` or `ctr images import`, straight from the registry.
  const oci = join(folder, "oci.tar");
  await writeArchiveFile(oci, packLayoutArchive(repository, [{ reference: name, name: reference }]));
  const archive = await openLayoutArchive(oci);
  console.log("OCI archive:", (await archive.resolve(reference)).digest);
  await archive.close();

  // One for `docker load`, which takes images of one platform.
  const docker = join(folder, "docker.tar");
  const images = [{ reference: "app", tags: ["example/app:1.0"] }];
  await writeArchiveFile(docker, packDockerArchive(layout, images, { platform: PLATFORM }));
  const saved = await openDockerArchive(docker);
  console.log("docker archive:", saved.images);
  await saved.close();
});

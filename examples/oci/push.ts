/** crane push, crane append, podman build without a build: an image made of a directory and pushed. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLayerFromDirectory, emptyContent, packImage, pushImage } from "lading/oci";
import { imageFor, onRegistry, PLATFORM } from "./shared/place.ts";

await onRegistry(async ({ target, folder }) => {
  const root = join(folder, "root");
  await mkdir(join(root, "bin"), { recursive: true });
  await writeFile(join(root, "bin/hello"), "#!/bin/sh\necho hello\n", { mode: 0o755 });

  // Equal directories make equal layers. It is read for its digest, and again to be sent: never held whole.
  const layer = await createLayerFromDirectory(root);
  await target.push(layer.descriptor, layer.open());
  const image = packImage({
    platform: PLATFORM,
    layers: [layer],
    config: { Entrypoint: ["/bin/hello"] },
    annotations: { "org.opencontainers.image.title": "hello" },
  });
  const { digest } = await pushImage(target, image, "1.0");
  console.log("pushed", `${target.name}@${digest}`);
  console.log((await imageFor(target, "1.0")).config.value.config);

  // A blob by itself, whose digest shows once it is sent.
  const { content } = emptyContent();
  const stream = async function* () {
    yield content;
  };
  console.log(await target.pushStream(stream(), { mediaType: "application/json" }));
});

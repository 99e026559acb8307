/** crane mutate, crane append, umoci config: an image like another one, with other settings and a layer more. */
import { copyImage, createLayer, editImage } from "lading/oci";
import { imageFor, onRegistry, PLATFORM } from "./shared/place.ts";

await onRegistry(async ({ repository, name, target }) => {
  await copyImage(repository, name, target, "1.0", { platform: PLATFORM });
  const layer = await createLayer([{ path: "etc/motd", content: "edited\n" }]);
  const edited = editImage(await imageFor(target, "1.0"), {
    config: { Cmd: ["/bin/app", "--verbose"], User: "1000" },
    annotations: { "org.opencontainers.image.version": "1.0.1" },
    layers: [{ ...layer, history: { created_by: "example" } }],
  });
  // What the image had is there already: only what is new is pushed, the manifest last.
  for (const { descriptor, content } of edited.blobs) await target.push(descriptor, content);
  await target.push(edited.manifest.descriptor, edited.manifest.bytes);
  await target.tag(edited.manifest.descriptor, "1.0.1");
  const { manifest, config } = await imageFor(target, "1.0.1");
  console.log(manifest.descriptor.digest, manifest.value.annotations, config.value.config);
});

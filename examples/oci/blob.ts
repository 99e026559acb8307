/** crane blob, oras blob fetch and push: content by digest, whole or in part, taken up again where a connection breaks. */
import { digestOf } from "lading";
import { imageFor, onRegistry } from "./shared/place.ts";

await onRegistry(async ({ repository, name, target }) => {
  const { manifest } = await imageFor(repository, name);
  const [layer] = manifest.value.layers;
  if (!layer) return;
  let length = 0;
  // Size and digest are checked before the loop ends; large blobs come faster in parts.
  for await (const chunk of repository.fetch(layer, { ranges: { parallel: 3 } })) length += chunk.byteLength;
  console.log(layer.digest, length, "bytes");

  const head: Uint8Array[] = [];
  for await (const chunk of repository.fetchRange(layer, 0, Math.min(4, layer.size))) head.push(chunk);
  console.log("begins with", Buffer.concat(head).toString("hex"));

  // Out of the neighbour where the registry is the same, else sent.
  const mounted =
    target.name.split("/")[0] === repository.name.split("/")[0] &&
    (await target.mount(layer, repository.name));
  if (!mounted) await target.push(layer, repository.fetch(layer));
  console.log(mounted ? "mounted:" : "sent:", await target.exists(layer));
  const content = Buffer.from("hello");
  const descriptor = { mediaType: "text/plain", digest: digestOf(content), size: content.byteLength };
  await target.push(descriptor, content);
});

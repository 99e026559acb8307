/** crane validate: whether documents keep to the specification, and content is what they say. */
import { fetchBlob, fetchManifest, imageLayers, readLayer, validateDocument } from "lading/oci";
import { imageFor, onRegistry } from "./shared/place.ts";

await onRegistry(async ({ repository, name }) => {
  const root = await fetchManifest(repository, name);
  const { manifest } = await imageFor(repository, name);
  const config = await fetchBlob(repository, manifest.value.config, { maxBytes: 4 * 1024 * 1024 });
  for (const [kind, bytes] of [
    [root.kind, root.bytes],
    ["manifest", manifest.bytes],
    ["config", config],
  ] as const) {
    const verdict = await validateDocument(kind, bytes);
    console.log(kind, verdict.kind);
    for (const { level, rule, message, position } of verdict.problems) {
      console.log(" ", level, rule, position.path, message);
    }
  }
  // Reading a layer to its end compares digest, size and diff id, and refuses what no layer may have.
  for (const { open, diffId } of await imageLayers(repository, manifest.value)) {
    let entries = 0;
    for await (const _ of readLayer(open({}), { diffId })) entries++;
    console.log("layer", diffId, entries, "entries");
  }
  // What must not pass.
  const broken = await validateDocument(
    "manifest",
    Buffer.from('{"schemaVersion":2,"layers":[],"manifests":[]}'),
  );
  console.log(
    broken.kind,
    broken.problems.map(({ rule }) => rule),
  );
});

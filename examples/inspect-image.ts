/**
 * What is in an image? Prints the manifest, config and layers of a reference, verified.
 *
 *   node --conditions=lading-source examples/inspect-image.ts registry.example/team/app:1.0
 *
 * Without a reference it shows an image of two platforms in a registry inside this process.
 */
import { formatReference } from "lading";
import {
  createLayer,
  createRegistry,
  fetchBlob,
  fetchManifest,
  packImage,
  packIndex,
  pushImage,
  type Registry,
  selectManifest,
} from "lading/oci";
import { startRegistry } from "lading/testing";

const registry = createRegistry();
try {
  const [reference] = process.argv.slice(2);
  if (reference === undefined) await demonstrate(registry);
  else await inspect(registry, reference);
} finally {
  await registry.close();
}

async function inspect(registry: Registry, text: string): Promise<void> {
  const { reference, descriptor, repository } = await registry.resolve(text);
  console.log(formatReference(reference), descriptor.mediaType, descriptor.digest);
  let manifest = await fetchManifest(repository, descriptor);
  if (manifest.kind === "index") {
    const chosen = selectManifest(manifest.value, { os: "linux", architecture: "amd64" });
    console.log("of", manifest.value.manifests.length, "entries, for linux/amd64:", chosen.digest);
    manifest = await fetchManifest(repository, chosen);
  }
  if (manifest.kind !== "manifest") throw new Error("an index within an index");
  const { config, layers } = manifest.value;
  const content = await fetchBlob(repository, config, { maxBytes: 4 * 1024 * 1024 });
  console.log("config", Buffer.from(content).toString());
  for (const { mediaType, size, digest } of layers) console.log("layer", mediaType, size, "bytes", digest);
}

async function demonstrate(registry: Registry): Promise<void> {
  const server = await startRegistry();
  try {
    const entries = [];
    for (const architecture of ["arm64", "amd64"]) {
      const layers = [await createLayer([{ path: "etc/arch", content: architecture }])];
      const platform = { os: "linux", architecture };
      entries.push({ platform, graph: packImage({ platform, layers }) });
    }
    const name = `${server.host}/team/app`;
    await pushImage(registry.repository(name), packIndex(entries), "1.0");
    await inspect(registry, `${name}:1.0`);
  } finally {
    await server.close();
  }
}

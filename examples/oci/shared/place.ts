/** What the examples run on: the references named on the command line, else a registry inside this process. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseReference, referenceName } from "lading";
import {
  createLayer,
  createRegistry,
  fetchBlob,
  fetchManifest,
  type ImageConfigDocument,
  type ImageGraph,
  loadRegistriesCredentials,
  type ManifestDocument,
  packImage,
  packIndex,
  parseImageConfig,
  pushImage,
  type ReadStore,
  type Registry,
  type Repository,
  selectManifest,
} from "lading/oci";
import { startRegistry } from "lading/testing";

/** The platform that the examples choose where there are several. */
export const PLATFORM = { os: "linux", architecture: "amd64" } as const;

/** A place to try things on. */
export interface ExamplePlace {
  registry: Registry;
  /** The image that is looked at, as given. */
  reference: string;
  /** Where that is. */
  repository: Repository;
  /** Its tag or digest there. */
  name: string;
  /** A repository for what the example writes. */
  target: Repository;
  /** A folder that goes with the example. */
  folder: string;
}

/**
 * Runs an example: `node EXAMPLE [REFERENCE [TARGET-REPOSITORY]]`, with the credentials of this user.
 *
 * What is not given is in a registry in this process, with an image of two platforms in it.
 */
export async function onRegistry(example: (place: ExamplePlace) => Promise<void>): Promise<void> {
  const [given, targetName] = process.argv.slice(2);
  const registry = createRegistry({ credentials: await loadRegistriesCredentials() });
  const server = await startRegistry({ deletion: true });
  const folder = await mkdtemp(join(tmpdir(), "lading-example-"));
  try {
    const reference = given ?? `${server.host}/team/app:1.0`;
    const parsed = parseReference(reference);
    const repository = registry.repository(referenceName(parsed));
    if (given === undefined) await pushImage(repository, await sampleImage(), "1.0");
    const target = registry.repository(targetName ?? `${server.host}/mirror/app`);
    const name = parsed.digest ?? parsed.tag ?? "latest";
    await example({ registry, reference, repository, name, target, folder });
  } finally {
    await registry.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** An index of two images, each of two layers; the upper one hides a file of the lower one. */
async function sampleImage(): Promise<ImageGraph> {
  const entries = ["amd64", "arm64"].map(async (architecture) => {
    const platform = { os: "linux", architecture };
    const layers = [
      await createLayer([
        { path: "etc/os-release", content: "NAME=Example\n" },
        { path: "bin/app", content: `#!/bin/sh\necho ${architecture}\n`, mode: 0o755 },
        { path: "bin/sh", kind: "symlink", target: "app" },
        { path: "tmp/build.log", content: "left over\n" },
      ]),
      await createLayer([
        { path: "etc/motd", content: "welcome\n" },
        { path: "tmp/.wh.build.log", content: "" },
      ]),
    ];
    const config = { Env: ["PATH=/bin"], Cmd: ["/bin/app"] };
    return { platform, graph: packImage({ platform, layers, config }) };
  });
  return packIndex(await Promise.all(entries));
}

/** The image of a name, of an index the one for {@link PLATFORM}, with its configuration. */
export async function imageFor(
  store: ReadStore,
  name: string,
): Promise<{ manifest: ManifestDocument; config: ImageConfigDocument }> {
  let manifest = await fetchManifest(store, name);
  if (manifest.kind === "index") {
    manifest = await fetchManifest(store, selectManifest(manifest.value, PLATFORM));
  }
  if (manifest.kind !== "manifest") throw new Error("an index within an index");
  const { config } = manifest.value;
  const bytes = await fetchBlob(store, config, { maxBytes: 4 * 1024 * 1024 });
  return { manifest, config: parseImageConfig(bytes, { mediaType: config.mediaType }) };
}

/** A registry in this process with one image in it, and a folder for files: what the examples of policies act on. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLayer, createRegistry, packImage, pushImage, type Registry, type Store } from "lading/oci";
import { startRegistry } from "lading/testing";

export interface Place {
  registry: Registry;
  /** The repository of the image. */
  repository: Store;
  /** `HOST/team/app`; the image has the tag `1.0`. */
  name: string;
  digest: string;
  folder: string;
}

export async function withImage(run: (place: Place) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "lading-example-"));
  const server = await startRegistry();
  const registry = createRegistry();
  try {
    const name = `${server.host}/team/app`;
    const repository = registry.repository(name);
    const layers = [await createLayer([{ path: "etc/motd", content: "hello\n" }])];
    const image = packImage({ platform: { os: "linux", architecture: "amd64" }, layers });
    const { digest } = await pushImage(repository, image, "1.0");
    await run({ registry, repository, name, digest, folder });
  } finally {
    await registry.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The text of a registries.d file that lets nodes look for what cosign attached to images of a scope. */
export const attachmentsOf = (scope: string): string =>
  `docker:\n  ${JSON.stringify(scope)}:\n    use-sigstore-attachments: true\n`;

/** A node with CRI-O as a folder of files, and a registry in this process: what the examples of explanations act on. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { loadNode, type NodeConfig } from "lading/config";
import { createLayer, createRegistry, packImage, pushImage, type Registry } from "lading/oci";
import { createKeySigner, generateKeyPair, signImage } from "lading/policy";
import { startRegistry } from "lading/testing";

export interface Place {
  node: NodeConfig;
  registry: Registry;
  /** `HOST/team`: `app:1.0` is signed, `tool:1.0` is not. */
  team: string;
}

export async function withNode(run: (place: Place) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "lading-example-"));
  const server = await startRegistry();
  const registry = createRegistry();
  try {
    const team = `${server.host}/team`;
    const pair = await generateKeyPair({ passphrase: null });
    for (const name of ["app", "tool"]) {
      const repository = registry.repository(`${team}/${name}`);
      const layers = [await createLayer([{ path: "etc/motd", content: `${name}\n` }])];
      await pushImage(
        repository,
        packImage({ platform: { os: "linux", architecture: "amd64" }, layers }),
        "1.0",
      );
      if (name === "app")
        await signImage(repository, `${team}/app:1.0`, await createKeySigner(pair.privateKey));
    }
    await write(root, {
      "etc/crio/crio.conf": '[crio.image]\nsignature_policy = "/etc/crio/policy.json"\n',
      "etc/crio/policy.json": policyText(team, { keyPath: "/etc/crio/team.pub" }),
      "etc/crio/team.pub": pair.publicKey,
      "etc/containers/registries.conf": `[[registry]]\nlocation = "${server.host}"\ninsecure = true\n`,
      "etc/containers/registries.d/team.yaml": `docker:\n  "${team}":\n    use-sigstore-attachments: true\n`,
    });
    await run({ node: await loadNode({ root }), registry, team });
  } finally {
    await registry.close();
    await server.close();
    await rm(root, { recursive: true, force: true });
  }
}

/** A policy that wants a signature for a scope, and accepts everything else. */
export function policyText(scope: string, key: { keyPath: string } | { keyData: string }): string {
  const requirement = { type: "sigstoreSigned", ...key, signedIdentity: { type: "matchRepository" } };
  return JSON.stringify({
    default: [{ type: "insecureAcceptAnything" }],
    transports: { docker: { [scope]: [requirement] } },
  });
}

/** A Pod of containers with these images. */
export function podOf(name: string, ...images: string[]): object {
  const containers = images.map((image, at) => ({ name: `c${at}`, image }));
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "shop" }, spec: { containers } };
}

async function write(root: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

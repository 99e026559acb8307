/**
 * Is an image allowed by a policy.json? A key pair signs an image in a registry inside this process; the policy names
 * the public key by path.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLayer, createRegistry, packImage, pushImage } from "lading/oci";
import { createVerifier, loadPolicy, loadPolicyFiles, sigstoreAttachments } from "lading/policy";
import { attachSignatures, mintKey, publicKeyPem, signImage, startRegistry } from "lading/testing";

const folder = await mkdtemp(join(tmpdir(), "lading-example-"));
const server = await startRegistry();
const registry = createRegistry();
try {
  const name = `${server.host}/library/motd`;
  const repository = registry.repository(name);
  const layers = [await createLayer([{ path: "etc/motd", content: "hello\n" }])];
  const image = packImage({ platform: { os: "linux", architecture: "amd64" }, layers });
  const { digest } = await pushImage(repository, image, "1.0");

  const key = mintKey();
  const signature = signImage({ reference: `${name}:1.0`, digest, signer: key });
  await attachSignatures(repository, digest, [signature]);

  const keyPath = join(folder, "cosign.pub");
  const path = join(folder, "policy.json");
  await writeFile(keyPath, publicKeyPem(key));
  await writeFile(path, JSON.stringify({ default: [{ type: "sigstoreSigned", keyPath }] }));

  const { policy } = await loadPolicy({ path });
  const verifier = createVerifier(policy, {
    source: registry,
    signatureSources: [sigstoreAttachments()],
    readFile: loadPolicyFiles(),
  });
  for (const reference of [`${name}:1.0`, `${name}@${digest}`]) {
    const verdict = await verifier.evaluate(reference);
    console.log(reference, verdict.kind, verdict.kind === "allowed" ? verdict.digest : verdict.criError);
    if (verdict.kind !== "allowed") process.exitCode = 1;
  }
} finally {
  await registry.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
}

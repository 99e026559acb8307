/** Would the node allow this image? Its policy.json, keys and registries.d, asked before the image is pulled. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createKeySigner,
  createNodeSignatures,
  createVerifier,
  generateKeyPair,
  loadPolicy,
  loadPolicyFiles,
  loadRegistriesD,
  signImage,
} from "lading/policy";
import { attachmentsOf, withImage } from "./shared/place.ts";

await withImage(async ({ registry, repository, name, digest, folder }) => {
  const pair = await generateKeyPair({ passphrase: null });
  await signImage(repository, `${name}:1.0`, await createKeySigner(pair.privateKey));

  // The files of a node: here below a folder, there below /etc/containers.
  const path = join(folder, "policy.json");
  const keyPath = join(folder, "cosign.pub");
  const registriesD = join(folder, "registries.d");
  await mkdir(registriesD);
  await writeFile(keyPath, pair.publicKey);
  await writeFile(join(registriesD, "app.yaml"), attachmentsOf(name));
  const requirement = { type: "sigstoreSigned", keyPath, signedIdentity: { type: "matchRepository" } };
  const transports = { docker: { [name]: [requirement] } };
  await writeFile(path, JSON.stringify({ default: [{ type: "reject" }], transports }));

  const { policy } = await loadPolicy({ path });
  const { config, defaultLookaside } = await loadRegistriesD({ paths: [registriesD] });
  const signatures = createNodeSignatures({ config, defaultLookaside });
  try {
    const verifier = createVerifier(policy, {
      source: registry,
      signatureSources: [signatures],
      readFile: loadPolicyFiles(),
    });
    for (const reference of [`${name}:1.0`, `${name}@${digest}`]) {
      const verdict = await verifier.evaluate(reference);
      // The verdict is about this digest: pull and run exactly it.
      console.log(reference, verdict.kind, verdict.digest);
      if (verdict.kind !== "allowed") process.exitCode = 1;
    }
  } finally {
    await signatures.close();
  }
});

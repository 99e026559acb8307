/** cosign generate-key-pair, cosign sign --key: a key under a passphrase, and an image signed with it. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createKeySigner,
  createVerifier,
  generateKeyPair,
  parsePolicy,
  signImage,
  sigstoreAttachments,
} from "lading/policy";
import { withImage } from "./shared/place.ts";

await withImage(async ({ registry, repository, name, folder }) => {
  const pair = await generateKeyPair({ passphrase: "correct horse" });
  await writeFile(join(folder, "cosign.key"), pair.privateKey, { mode: 0o600 });
  await writeFile(join(folder, "cosign.pub"), pair.publicKey);

  const signer = await createKeySigner(await readFile(join(folder, "cosign.key")), {
    passphrase: "correct horse",
  });
  // As cosign does it, the signature claims the repository. A second one claims the tag, as podman's do.
  const { digest, signed } = await signImage(repository, `${name}:1.0`, signer);
  await signImage(repository, `${name}:1.0`, signer, { identity: "reference" });
  console.log(`signed ${digest}`);
  for (const { attachment } of signed) console.log(`attached as ${attachment.digest}`);

  const keyData = Buffer.from(pair.publicKey).toString("base64");
  for (const type of ["matchRepository", "matchRepoDigestOrExact", "matchExact"]) {
    const requirement = { type: "sigstoreSigned", keyData, signedIdentity: { type } };
    const policy = parsePolicy(JSON.stringify({ default: [requirement] }));
    const verifier = createVerifier(policy, { source: registry, signatureSources: [sigstoreAttachments()] });
    const verdict = await verifier.evaluate(`${name}:1.0`);
    console.log(type, verdict.kind);
    if (verdict.kind !== "allowed") process.exitCode = 1;
  }
});

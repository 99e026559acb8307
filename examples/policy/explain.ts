/** Why is this image refused? Each trap that a policy has for cosign's signatures, with what a verdict says of it. */
import {
  createKeySigner,
  createNodeSignatures,
  createVerifier,
  generateKeyPair,
  parsePolicy,
  parseRegistriesD,
  signImage,
  type Verdict,
} from "lading/policy";
import { attachmentsOf, withImage } from "./shared/place.ts";

function explain(verdict: Verdict): void {
  const { scope, candidates } = verdict;
  console.log(`  ${verdict.kind}${verdict.kind === "rejected" ? `: ${verdict.criError}` : ""}`);
  console.log(`  scope: ${scope.kind === "scope" ? scope.scope : "default"}, of ${candidates.join(" ")}`);
  for (const { lookedAt } of verdict.sources) {
    for (const look of lookedAt) {
      const why = look.kind === "skipped" ? `: ${look.reason}` : "";
      console.log(`  ${look.kind} ${look.location}${why}`);
    }
  }
  for (const requirement of verdict.requirements) {
    console.log(`  ${requirement.type}: ${requirement.kind}`);
    for (const each of requirement.signatures) {
      console.log(
        `    ${each.digest} ${each.kind === "rejected" ? `${each.step}: ${each.reason}` : each.kind}`,
      );
    }
  }
}

await withImage(async ({ registry, repository, name }) => {
  const pair = await generateKeyPair({ passphrase: null });
  await signImage(repository, `${name}:1.0`, await createKeySigner(pair.privateKey));
  const other = await generateKeyPair({ passphrase: null });
  const base64 = (text: string) => Buffer.from(text).toString("base64");

  const repositoryIdentity = { type: "matchRepository" };
  const cases: [what: string, keyData: string, signedIdentity: object, registriesD: string][] = [
    ["nodes are not told to look for attachments", pair.publicKey, repositoryIdentity, ""],
    [
      "the default identity asks for a tag",
      pair.publicKey,
      { type: "matchRepoDigestOrExact" },
      attachmentsOf(name),
    ],
    ["another key", other.publicKey, repositoryIdentity, attachmentsOf(name)],
    ["as it should be", pair.publicKey, repositoryIdentity, attachmentsOf(name)],
  ];
  for (const [what, key, signedIdentity, text] of cases) {
    const requirement = { type: "sigstoreSigned", keyData: base64(key), signedIdentity };
    const policy = parsePolicy(
      JSON.stringify({ default: [{ type: "reject" }], transports: { docker: { [name]: [requirement] } } }),
    );
    const config = await parseRegistriesD([{ path: "app.yaml", text }]);
    const signatures = createNodeSignatures({
      config,
      defaultLookaside: "file:///var/lib/containers/sigstore",
    });
    const verifier = createVerifier(policy, { source: registry, signatureSources: [signatures] });
    const verdict = await verifier.evaluate(`${name}:1.0`);
    console.log(what);
    explain(verdict);
    if ((verdict.kind === "allowed") !== (what === "as it should be")) process.exitCode = 1;
    await signatures.close();
  }
});

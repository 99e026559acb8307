/**
 * Beyond what a node can do: a CI workflow's signature by cosign 3, a sigstore bundle beside the image, asked for by the
 * exact workflow and repository, together with a person's. The node's own verdict stays in sight.
 */
import {
  COSIGN_SIGN_PREDICATE,
  createExtendedVerifier,
  createVerifier,
  type ExtendedRequirement,
  parsePolicy,
  parseTrustedRoot,
} from "lading/policy";
import { attachBundle, createBundleAuthorities, DEFAULT_OIDC_ISSUER, signStatement } from "lading/testing";
import { withImage } from "./shared/place.ts";

const WORKFLOW = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.0.0";
const REVIEWER = "reviewer@acme.example";

await withImage(async ({ registry, repository, name, digest }) => {
  // In place of sigstore's public services: in real life the root comes from their TUF repository.
  const services = createBundleAuthorities();
  const signers = [services.certify("", { emails: [], uris: [WORKFLOW] }), services.certify(REVIEWER)];
  const image = await repository.resolve(digest);
  for (const signer of signers) {
    const content = { statement: signStatement(digest) };
    await attachBundle(repository, image, services.sign({ signer, content }));
  }

  const trustedRoot = parseTrustedRoot(JSON.stringify(services.trustedRoot()));
  const whoever = { kind: "keyless", trustedRoot, issuer: DEFAULT_OIDC_ISSUER } as const;
  const content = { predicateTypes: [COSIGN_SIGN_PREDICATE] };
  const requirement: ExtendedRequirement = {
    kind: "atLeast",
    count: 2,
    requirements: [
      // A pattern must match the whole name, and the issuer is always exact.
      {
        kind: "signed",
        name: "a release workflow",
        signer: {
          ...whoever,
          subject: {
            kind: "uri",
            pattern: "https://github\\.com/acme/app/\\.github/workflows/release\\.yml@refs/tags/v[0-9.]+",
          },
        },
        content,
      },
      {
        kind: "signed",
        name: "a reviewer",
        signer: { ...whoever, subject: { kind: "email", exact: REVIEWER } },
        content,
      },
    ],
  };
  const verifier = await createExtendedVerifier({
    verifier: createVerifier(parsePolicy('{"default":[{"type":"reject"}]}'), {
      source: registry,
      signatureSources: [],
    }),
    source: registry,
    rules: { [name]: { binding: "digest-only", requirement } },
  });

  const { node, extended } = await verifier.evaluate(`${name}:1.0`, { dialect: "extended" });
  console.log("the node:", node.kind, node.kind === "rejected" ? node.message : "");
  console.log("the rules:", extended.kind, extended.digest);
  for (const { predicateType, subject } of extended.statements) {
    console.log("  statement", predicateType, "about", subject.digest);
  }
  if (extended.kind !== "allowed") process.exitCode = 1;
});

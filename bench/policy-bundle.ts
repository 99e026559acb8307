/**
 * Verifying a sigstore bundle, from its text to who signed: lading against @sigstore/verify, which does the larger part
 * of it for both.
 *
 *   node --conditions=lading-source bench/policy-bundle.ts [--margin 0.25]
 */
import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { digestOf } from "../src/core/digest.ts";
import { parseBundle } from "../src/policy/extended/bundle.ts";
import { COSIGN_SIGN_PREDICATE } from "../src/policy/extended/statement.ts";
import { parseTrustedRoot } from "../src/policy/extended/trusted-root.ts";
import { verifyBundle } from "../src/policy/extended/verify-bundle.ts";
import { DEFAULT_OIDC_ISSUER } from "../src/testing/authorities.ts";
import { createBundleAuthorities, signStatement } from "../src/testing/sigstore-bundles.ts";
import { type Figure, formatTime, interleave, report, type Way } from "./interleave.ts";

const EMAIL = "bench@example.com";

/** Ways of verifying one bundle of a kind: by lading, by the library alone, and only reading it. */
export function bundleWays(version: 1 | 2): Way[] {
  const made = createBundleAuthorities();
  const digest = digestOf("an image");
  const text = JSON.stringify(
    made.sign({
      signer: made.certify(EMAIL),
      content: { statement: signStatement(digest) },
      logs: [version === 1 ? made.logV1 : made.logV2],
    }),
  );
  const root = JSON.stringify(made.trustedRoot());
  const options = {
    artifact: { digest },
    signer: {
      kind: "keyless",
      trustedRoot: parseTrustedRoot(root),
      issuer: DEFAULT_OIDC_ISSUER,
      subject: { kind: "email", exact: EMAIL },
    },
    content: { predicateTypes: [COSIGN_SIGN_PREDICATE] },
  } as const;
  const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(root))));
  const policy = {
    subjectAlternativeName: /^bench@example\.com$/,
    extensions: { issuer: DEFAULT_OIDC_ISSUER },
  };
  return [
    { name: "lading", run: () => verifyBundle(text, options) },
    {
      name: "@sigstore/verify",
      run: () => verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(text))), policy),
    },
    { name: "lading, reading alone", run: () => parseBundle(text) },
  ];
}

const figures: Figure[] = [];
for (const version of [1, 2] as const) {
  const ways = bundleWays(version);
  const times = await interleave(ways, { rounds: 60 });
  ways.forEach(({ name }, at) => {
    console.log(`Rekor ${version}, ${name}: ${formatTime(times[at] ?? Number.NaN)}`);
  });
  const [value = Number.NaN, against = Number.NaN] = times;
  figures.push({ name: `a bundle of Rekor ${version} against @sigstore/verify`, value, against, limit: 1 });
}
report(figures);

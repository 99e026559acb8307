/**
 * Runs sigstore's conformance bundles: `npm run conformance:sigstore -- [DIR]`.
 *
 * DIR holds a folder a case (or a folder `bundle-verify` with these, and the default artifact `a.txt`); a name that
 * ends in `_fail` must be refused. Each case is checked with the artifact's bytes, and with its digest alone. Prints
 * each case that went wrong, and the counts last; exits non-zero if any did.
 *
 * @see {@link https://github.com/sigstore/sigstore-conformance}
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { digestOf } from "../../src/core/digest.ts";
import { isLadingError } from "../../src/core/errors.ts";
import type { BundleArtifact } from "../../src/policy/extended/signature-content.ts";
import type { SignerRequirement } from "../../src/policy/extended/signer-requirement.ts";
import { parseTrustedRoot, type TrustedRoot } from "../../src/policy/extended/trusted-root.ts";
import { verifyBundle } from "../../src/policy/extended/verify-bundle.ts";

const BEACON =
  "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER = "https://token.actions.githubusercontent.com";
const PUBLIC_GOOD = "https://tuf-repo-cdn.sigstore.dev";

const given = resolve(process.argv[2] ?? "../shared/fixtures/sigstore-conformance");
const directory = existsSync(join(given, "bundle-verify")) ? join(given, "bundle-verify") : given;

/** The root that @sigstore/tuf ships as its seed. */
function publicGoodRoot(): Uint8Array {
  const require = createRequire(import.meta.url);
  const seeds = require("@sigstore/tuf/seeds.json") as Record<string, { targets: Record<string, string> }>;
  return Buffer.from(seeds[PUBLIC_GOOD]?.targets["trusted_root.json"] ?? "", "base64");
}

interface Case {
  name: string;
  mustFail: boolean;
  bundle: Uint8Array;
  artifact: Uint8Array;
  root: Uint8Array;
  key: Uint8Array | undefined;
  identity: string;
  issuer: string;
}

function readCase(name: string): Case {
  const read = (file: string): Uint8Array | undefined => {
    const path = join(directory, name, file);
    return existsSync(path) ? readFileSync(path) : undefined;
  };
  const text = (file: string, otherwise: string): string => {
    const content = read(file);
    return content ? Buffer.from(content).toString("utf8").trim() : otherwise;
  };
  return {
    name,
    mustFail: name.endsWith("_fail"),
    bundle: readFileSync(join(directory, name, "bundle.sigstore.json")),
    artifact: read("artifact") ?? readFileSync(join(directory, "a.txt")),
    root: read("trusted_root.json") ?? publicGoodRoot(),
    key: read("key.pub"),
    identity: text("identity", BEACON),
    issuer: text("issuer", ISSUER),
  };
}

function signerOf({ key, identity, issuer }: Case, trustedRoot: TrustedRoot): SignerRequirement {
  if (key) return { kind: "key", publicKey: key, trustedRoot };
  const kind = identity.includes("://") ? "uri" : "email";
  return { kind: "keyless", trustedRoot, issuer, subject: { kind, exact: identity } };
}

/** Why a bundle is refused, or nothing if it is accepted. Anything but an error of lading ends the run. */
async function refusalOf(each: Case, artifact: BundleArtifact): Promise<string | undefined> {
  try {
    const signer = signerOf(each, parseTrustedRoot(each.root));
    const content = { predicateTypes: "any", messageSignature: true } as const;
    await verifyBundle(each.bundle, { artifact, signer, content });
    return undefined;
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

let passed = 0;
let failed = 0;
const names = readdirSync(directory, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();
for (const name of names) {
  const each = readCase(name);
  const forms: Record<string, BundleArtifact> = {
    path: { bytes: each.artifact },
    digest: { digest: digestOf(each.artifact) },
  };
  for (const [form, artifact] of Object.entries(forms)) {
    const refusal = await refusalOf(each, artifact);
    if (process.argv.includes("--verbose")) console.log(`${name} (${form}): ${refusal ?? "accepted"}`);
    if ((refusal !== undefined) === each.mustFail) passed++;
    else {
      failed++;
      console.log(`FAILED ${name} (${form}): ${refusal ?? "accepted, but must be refused"}`);
    }
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

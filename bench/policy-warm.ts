/**
 * A decision with everything at hand, against the bare signature checks of node:crypto that it has to make.
 *
 *   node --conditions=lading-source bench/policy-warm.ts [--margin 0.25] [--no-skopeo]
 *
 * Keys and certificates are parsed already, manifest and signatures are in memory, and no verdict is kept: what is
 * left is choosing requirements, reading the payload, checking the signatures and comparing digest and name.
 */
import { execFileSync } from "node:child_process";
import { createPublicKey, type KeyObject, verify, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../src/core/digest.ts";
import { dockerImage, type Evidence, evaluateRequirements } from "../src/policy/evaluate.ts";
import { formatSimplePayload } from "../src/policy/openpgp/sign.ts";
import { parsePolicy } from "../src/policy/parse.ts";
import { parseImageReference } from "../src/policy/reference.ts";
import { createTrustMemory } from "../src/policy/trust-memory.ts";
import { createAuthorities, DEFAULT_OIDC_ISSUER } from "../src/testing/authorities.ts";
import { mintKey, publicKeyPem } from "../src/testing/certificates.ts";
import { createGpgKey } from "../src/testing/gpg-keys.ts";
import { type SignatureLayer, signImage } from "../src/testing/signatures.ts";
import { base64, storedSignature } from "../test/unit/policy/decide.ts";
import { imageManifest } from "../test/unit/policy/images.ts";
import { type Figure, formatTime, interleave, median, report } from "./interleave.ts";

const NAME = "quay.example/team/app";
const manifest = imageManifest();
const digest = digestOf(manifest);
const image = dockerImage(parseImageReference(`${NAME}:1`));
const signedIdentity = { type: "matchRepository" };
const authorities = createAuthorities();
const rekorPublicKeyData = base64(authorities.logPublicKeyPem);

/** A decision on one signed image, that must allow. */
function decisionOn(requirement: object, signature: SignatureLayer): () => Promise<void> {
  const policy = parsePolicy(
    JSON.stringify({ default: [{ type: "sigstoreSigned", signedIdentity, ...requirement }] }),
  );
  const evidence: Evidence = {
    manifest,
    signatures: [{ source: "bench", signature: storedSignature(signature) }],
    completeFormats: ["simple-signing", "sigstore-json"],
    file: () => {
      throw new Error("no files");
    },
    memory: createTrustMemory(),
    now: Date.now() / 1000,
  };
  return async () => {
    const { kind } = await evaluateRequirements(policy, image, evidence);
    if (kind !== "allowed") throw new Error(kind);
  };
}

/** One check of a signature, that must hold. */
function bare(
  key: KeyObject,
  data: Uint8Array,
  signature: Buffer,
  hash: string | null = "sha256",
): () => void {
  return () => {
    if (!verify(hash, data, key, signature)) throw new Error("a signature does not hold");
  };
}

function annotationOf({ annotations }: SignatureLayer, name: string): string {
  return annotations[name] ?? "";
}

const key = mintKey();
const byKey = signImage({ reference: NAME, digest, signer: key });
const keyCheck = bare(
  createPublicKey(publicKeyPem(key)),
  byKey.payload,
  Buffer.from(annotationOf(byKey, "dev.cosignproject.cosign/signature"), "base64"),
);
const keyed = decisionOn({ keyData: base64(publicKeyPem(key)) }, byKey);

const certified = authorities.issue("dev@example.com");
const byFulcio = signImage({ reference: NAME, digest, signer: certified, authorities });
const fulcio = {
  caData: base64(authorities.rootPem),
  oidcIssuer: DEFAULT_OIDC_ISSUER,
  subjectEmail: "dev@example.com",
};
const keyless = decisionOn({ fulcio, rekorPublicKeyData }, byFulcio);
const bundle = JSON.parse(annotationOf(byFulcio, "dev.sigstore.cosign/bundle")) as {
  SignedEntryTimestamp: string;
  Payload: object;
};
const logCheck = bare(
  createPublicKey(authorities.logPublicKeyPem),
  Buffer.from(JSON.stringify(bundle.Payload)),
  Buffer.from(bundle.SignedEntryTimestamp, "base64"),
);
const intermediate = new X509Certificate(authorities.issuer.pem);
const [intermediateKey, rootKey] = [intermediate.publicKey, createPublicKey(authorities.rootPem)];
const ownSignature = Buffer.from(annotationOf(byFulcio, "dev.cosignproject.cosign/signature"), "base64");

/**
 * What a keyless signature cannot do without: the log's signature, its own certificate, which no other signature has,
 * the signatures of two certificates, and its own.
 */
function keylessPrimitives(): void {
  logCheck();
  const leaf = new X509Certificate(certified.certificatePem);
  if (!leaf.verify(intermediateKey) || !intermediate.verify(rootKey)) {
    throw new Error("a certificate does not hold");
  }
  bare(leaf.publicKey, byFulcio.payload, ownSignature)();
}

/** The median times of a decision and of what it cannot do without, measured by themselves. */
async function measure(
  name: string,
  decision: () => unknown,
  checks: () => unknown,
): Promise<[number, number]> {
  const ways = [
    { name, run: decision },
    { name: "its signature checks alone", run: checks },
  ];
  const times = await interleave(ways, { rounds: 300, repeat: 50 });
  for (const [at, way] of ways.entries()) {
    const time = times[at] ?? Number.NaN;
    console.log(`${way.name}: ${formatTime(time)}, ${(1e6 / time).toFixed(0)} a second`);
  }
  return [times[0] ?? Number.NaN, times[1] ?? Number.NaN];
}

const [keyedTime, keyTime] = await measure("decision by a key", keyed, keyCheck);
const [keylessTime, fourTime] = await measure("decision by Fulcio and Rekor", keyless, keylessPrimitives);
const figures: Figure[] = [
  { name: "by a key, against its signature check", value: keyedTime, against: keyTime, limit: 1 / 0.85 },
  { name: "by Fulcio and Rekor, against its four", value: keylessTime, against: fourTime, limit: 1 / 0.6 },
];

/** How long skopeo takes to verify one signature, a process each time; nothing where it cannot be run. */
async function skopeoTime(): Promise<number | undefined> {
  if (process.argv.includes("--no-skopeo")) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "lading-bench-"));
  try {
    const gpg = await createGpgKey();
    const file = (name: string, content: Uint8Array | string): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const env = { ...process.env, GNUPGHOME: folder };
    execFileSync("gpg", ["--batch", "--quiet", "--import", file("key.asc", gpg.armoredPublicKey)], { env });
    const payload = formatSimplePayload({ digest, dockerReference: `${NAME}:1`, timestamp: 1 });
    const signed = file("signature", await gpg.sign(payload));
    const args = [file("manifest", manifest), `${NAME}:1`, gpg.fingerprint, signed];
    const times: number[] = [];
    for (let run = 0; run < 9; run++) {
      const started = process.hrtime.bigint();
      execFileSync("skopeo", ["standalone-verify", ...args], { env, stdio: "ignore" });
      times.push(Number(process.hrtime.bigint() - started) / 1000);
    }
    return median(times);
  } catch (error) {
    console.log(`skopeo: ${String(error).split("\n")[0]}`);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const peer = await skopeoTime();
if (peer !== undefined) {
  console.log(
    `skopeo standalone-verify, a process: ${formatTime(peer)}, ${(peer / keyedTime).toFixed(0)} times as long`,
  );
}
report(figures);

/** Stories 1 to 6: what a node's policy says about images. */
import { type Digest, isLadingError } from "lading";
import { cosignTag, fetchManifest, type ManifestDocument, packManifest, pushImage } from "lading/oci";
import {
  createVerifier,
  loadPolicyForNamespace,
  parsePolicy,
  sigstoreAttachments,
  type Verdict,
} from "lading/policy";
import { type Cast, SIGNER } from "./cast.ts";
import { expect, say, title } from "./print.ts";

/** What a policy says about an image. */
async function decide({ registry }: Cast, policyJson: string, reference: string): Promise<Verdict> {
  const verifier = createVerifier(parsePolicy(policyJson), {
    source: registry,
    signatureSources: [sigstoreAttachments()],
  });
  return verifier.evaluate(reference);
}

function show(verdict: Verdict): void {
  say("decision", verdict.kind);
  say(
    "scope",
    verdict.scope.kind === "scope" ? `${verdict.scope.transport}: ${verdict.scope.scope}` : "default",
  );
  if (verdict.kind === "rejected") say("CRI-O says", verdict.criError);
  for (const { signatures } of verdict.requirements) {
    for (const signature of signatures) {
      const accepted = signature.kind === "accepted";
      say(
        "signature",
        accepted ? `accepted, for ${signature.dockerReference}` : `refused at "${signature.step}"`,
      );
    }
  }
}

/** What policies say about signed and unsigned images. */
export async function policyStories(cast: Cast): Promise<void> {
  title(`1. The policy asks for a signature of ${SIGNER}`);
  const allowed = await decide(cast, cast.policyFor(SIGNER), `${cast.app}:1.0`);
  show(allowed);
  expect(allowed.kind === "allowed" && allowed.digest === cast.signed, "the signed image is allowed");
  say("bound to", allowed.digest);

  title("2. The same image, and a policy that asks for somebody else");
  const wrongMail = await decide(cast, cast.policyFor("wrong@mail.com"), `${cast.app}:1.0`);
  show(wrongMail);
  expect(
    wrongMail.kind === "rejected" &&
      wrongMail.message ===
        `Source image rejected: Required email "wrong@mail.com" not found (got ["${SIGNER}"])`,
    "the message names both addresses",
  );

  title("3. An image without a signature");
  const unsigned = await decide(cast, cast.policyFor(SIGNER), `${cast.app}:unsigned`);
  show(unsigned);
  expect(
    unsigned.kind === "rejected" &&
      unsigned.criError ===
        "SignatureValidationFailed: Source image rejected: A signature was required, but no signature exists",
    "the kubelet is told that the signature is missing",
  );

  title('4. Namespace "production" has a policy of its own, which replaces the node\'s');
  const files = new Map([
    ["/etc/containers/policy.json", cast.policyFor(SIGNER)],
    ["/etc/crio/policies/production.json", cast.policyFor("release@example.com")],
  ]);
  const readFile = async (path: string) => {
    const text = files.get(path);
    if (text === undefined) throw Object.assign(new Error(`${path} does not exist`), { code: "ENOENT" });
    return Buffer.from(text);
  };
  const kinds: string[] = [];
  for (const namespace of ["default", "production"]) {
    const { path, policy } = await loadPolicyForNamespace(namespace, { readFile, env: {} });
    const options = { source: cast.registry, signatureSources: [sigstoreAttachments()] };
    const verdict = await createVerifier(policy, options).evaluate(`${cast.app}:1.0`);
    const reason = verdict.kind === "rejected" ? `: ${verdict.reason}` : "";
    say(namespace, `${path} → ${verdict.kind}${reason}`);
    kinds.push(verdict.kind);
  }
  expect(kinds.join() === "allowed,rejected", "only the namespace without a policy of its own allows it");
}

/** What becomes of content that is not what was signed. */
export async function tamperStories(cast: Cast): Promise<void> {
  const repository = cast.registry.repository(cast.app);
  title("5. A manifest that somebody changed, with the signature of the original copied to it");
  const original = await fetchManifest(repository, cast.signed);
  expect(original.kind === "manifest", "the image is a single image");
  const changed = await pushChanged(cast, original);
  const copied = await decide(cast, cast.policyFor(SIGNER), `${cast.app}:changed`);
  show(copied);
  expect(
    copied.kind === "rejected" && copied.reason === `Signature for digest ${cast.signed} does not match`,
    `the copied signature does not make ${changed} allowed`,
  );

  title("6. A registry that sends other bytes than the digest says");
  const lying = { ...cast.registry, repository: () => ({ ...repository, fetch: falseContent }) };
  const reference = `${cast.app}@${cast.signed}`;
  const failure = await decide({ ...cast, registry: lying }, cast.policyFor(SIGNER), reference).catch(
    (error: unknown) => error,
  );
  expect(isLadingError(failure), "no verdict is reached");
  say("decision", "none: a verdict that cannot be reached is an error, never an answer");
  say("error", `${failure.code}: ${failure.message}`);
}

/** Pushes the image with another annotation, and copies the signature of the original to it. */
async function pushChanged({ registry, app, signed }: Cast, original: ManifestDocument): Promise<Digest> {
  const repository = registry.repository(app);
  const { config, layers } = original.value;
  const annotations = { "org.opencontainers.image.title": "changed" };
  const changed = packManifest({ config, layers, annotations });
  await pushImage(repository, { manifest: changed, blobs: [], children: [] }, "changed");
  const { digest } = changed.descriptor;
  await repository.tag(await repository.resolve(cosignTag(signed, "sig")), cosignTag(digest, "sig"));
  return digest;
}

async function* falseContent(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("{}");
}

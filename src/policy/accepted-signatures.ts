/**
 * Which signatures of an image have an author that the policy accepts: another question than whether the image
 * may be used.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/signature/policy_eval.go}
 * @module
 */
import { digestOf } from "../core/digest.ts";
import { assertComplete, type Evidence, isReasonToReject, type PolicyImage } from "./evaluate.ts";
import type { SignedPayload } from "./payload.ts";
import { selectRequirements } from "./scope.ts";
import type { SimpleSignature } from "./signature-blob.ts";
import { openSignedByKeys, verifySimpleSignature } from "./signed-by.ts";
import { createTrustMemory, type TrustMemory } from "./trust-memory.ts";
import type { Policy, PolicyRequirement } from "./types.ts";
import type { SignatureLabel } from "./verdict.ts";

/** A simple-signing signature whose author the policy accepts, and what it says. */
export interface AuthoredSignature extends SignatureLabel, SignedPayload {}

/**
 * The simple-signing signatures of an image that the policy accepts the author of.
 *
 * A signature is listed if at least one requirement accepts it and none rejects it. `reject` and
 * `sigstoreSigned` reject every signature; `insecureAcceptAnything` and `signedBaseLayer` say nothing about
 * one. An empty list says that no signature is accepted, and nothing about whether the image may be used: ask
 * {@link evaluateRequirements} for that.
 *
 * @throws {PolicyError} `ERR_POLICY_UNSUPPORTED` where simple-signing signatures were not looked for, or
 * cannot be checked here.
 */
export async function signaturesWithAcceptedAuthor(
  policy: Policy,
  image: PolicyImage,
  evidence: Evidence,
): Promise<AuthoredSignature[]> {
  assertComplete(evidence, "simple-signing");
  const { requirements } = selectRequirements(policy, image.lookup);
  const { memory = createTrustMemory() } = evidence;
  const accepted: AuthoredSignature[] = [];
  for (const { source, signature } of evidence.signatures) {
    if (signature.format !== "simple-signing") continue;
    const payload = await acceptedPayload(signature, requirements, image, { ...evidence, memory });
    if (payload) accepted.push({ source, digest: digestOf(signature.content), ...payload });
  }
  return accepted;
}

/** What a signature says, if every requirement lets it pass and one accepts it. */
async function acceptedPayload(
  signature: SimpleSignature,
  requirements: readonly PolicyRequirement[],
  image: PolicyImage,
  evidence: Evidence & { readonly memory: TrustMemory },
): Promise<SignedPayload | undefined> {
  let payload: SignedPayload | undefined;
  for (const requirement of requirements) {
    switch (requirement.type) {
      case "insecureAcceptAnything":
      case "signedBaseLayer":
        continue;
      case "signedBy": {
        const { file, memory, manifest, now } = evidence;
        const subject = { reference: image.reference, manifest };
        try {
          const ring = await openSignedByKeys(requirement, file, memory);
          const { signedIdentity } = requirement;
          const found = await verifySimpleSignature(signature, ring, signedIdentity, subject, { now });
          payload = found.payload;
        } catch (error) {
          if (!isReasonToReject(error)) throw error;
          return undefined;
        }
        continue;
      }
      default:
        // `reject`, `sigstoreSigned`, and whatever a policy made by hand has.
        return undefined;
    }
  }
  return payload;
}

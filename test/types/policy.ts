/** Compile only: what the types of lading/policy admit and refuse. */
import type { Digest } from "../../src/index.ts";
import type { RepositorySource } from "../../src/oci/index.ts";
import {
  createVerifier,
  type Evidence,
  evaluateRequirements,
  loadPolicy,
  type Policy,
  type PolicyImage,
  type PolicyRequirement,
  parsePolicy,
  type SigstoreSigned,
  type SigstoreTrust,
  sigstoreAttachments,
  type Verdict,
} from "../../src/policy/index.ts";

export function verdict(given: Verdict): string | Digest {
  // @ts-expect-error only a rejection has a message
  given.message;
  if (given.kind === "allowed") {
    // @ts-expect-error nothing was rejected
    given.criError;
    return given.digest;
  }
  const rejected: "rejected" = given.kind;
  for (const requirement of given.requirements) {
    // @ts-expect-error a requirement that is met has no reason
    requirement.reason;
    if (requirement.kind === "failed") requirement.errorClass satisfies string;
    for (const signature of requirement.signatures) {
      if (signature.kind === "accepted") signature.dockerReference satisfies string;
      else signature.step satisfies string;
    }
  }
  // @ts-expect-error a verdict is a value with a kind, and no yes or no
  const truth: boolean = given;
  return `${rejected} ${given.message} ${given.criError} ${truth}`;
}

const reject: PolicyRequirement = { type: "reject" };
export const policy: Policy = { default: [reject], transports: new Map() };
// @ts-expect-error what happens to an image that no scope covers is always said
export const withoutDefault: Policy = { transports: new Map() };
// @ts-expect-error so is which scopes there are
export const withoutTransports: Policy = { default: [reject] };
// @ts-expect-error a type that the format does not have
export const misspelt: PolicyRequirement = { type: "insecureAcceptAnythin" };
// @ts-expect-error it has no members
export const extra: PolicyRequirement = { type: "reject", keyType: "GPGKeys" };

const ca = { kind: "path", path: "/ca.pem" } as const;
export const trust: SigstoreTrust[] = [
  { kind: "keys", keys: ca },
  { kind: "fulcio", ca, oidcIssuer: "https://issuer.example", subjectEmail: "a@b.example", rekor: ca },
  { kind: "pki", caRoots: ca, subjectHostname: "h.example" },
  // @ts-expect-error Fulcio's certificates live for minutes: without a log nobody knows when they signed
  { kind: "fulcio", ca, oidcIssuer: "https://issuer.example", subjectEmail: "a@b.example" },
  // @ts-expect-error whose signature counts is always said
  { kind: "fulcio", ca, oidcIssuer: "https://issuer.example", rekor: ca },
  // @ts-expect-error and who vouches for it
  { kind: "fulcio", ca, subjectEmail: "a@b.example", rekor: ca },
  // @ts-expect-error the log is not looked at for other certificates
  { kind: "pki", caRoots: ca, subjectEmail: "a@b.example", rekor: ca },
  // @ts-expect-error keys or a certificate authority, not both
  { kind: "keys", keys: ca, ca },
  // @ts-expect-error at least one key
  { kind: "keys" },
];
// @ts-expect-error how the signed name must relate to the image is always said
export const signed: SigstoreSigned = { type: "sigstoreSigned", trust: { kind: "keys", keys: ca } };

export async function verify(
  source: RepositorySource,
  image: PolicyImage,
  evidence: Evidence,
): Promise<unknown> {
  const signatureSources = [sigstoreAttachments()];
  const verifier = createVerifier(parsePolicy("{}"), { source, signatureSources });
  // @ts-expect-error there is no verifier without a policy
  createVerifier({ source, signatureSources });
  // @ts-expect-error where signatures are looked for is always said: nowhere is a choice too
  createVerifier(policy, { source });
  // @ts-expect-error the text of a policy is parsed before
  createVerifier("{}", { source, signatureSources });
  // @ts-expect-error what is loaded says where from: the policy is a part of it
  createVerifier(await loadPolicy(), { source, signatureSources });
  // @ts-expect-error the clock of an evaluation is part of its evidence
  void evaluateRequirements(policy, image, { ...evidence, now: undefined });
  // @ts-expect-error a promise of a verdict is no verdict
  verifier.evaluate("a.example/b:1").kind;
  return verifier.evaluate("a.example/b:1", { signal: AbortSignal.timeout(1) });
}

/** Entries of a cache, made up. */
import { digestOf } from "../../../../src/core/digest.ts";
import type { KeptVerdict } from "../../../../src/policy/cache/verdict-cache.ts";
import type { AllowedVerdict, RejectedVerdict } from "../../../../src/policy/verdict.ts";

const trace = {
  scope: { kind: "default" },
  candidates: ["quay.example/app:1", "quay.example/app", "quay.example", ""],
  overridden: [],
  reference: "quay.example/app:1",
  digest: digestOf("image"),
  sources: [{ name: "sigstore-attachments", found: 1, lookedAt: [] }],
  decidedAt: 1000,
} as const;

/** A verdict that allows. */
export function allowed(change: Partial<AllowedVerdict> = {}): AllowedVerdict {
  const accepted = {
    kind: "accepted",
    source: "sigstore-attachments",
    digest: digestOf("payload"),
    dockerReference: "quay.example/app",
    loggedAt: 1_700_000_000n,
  } as const;
  const requirements = [{ kind: "met", type: "sigstoreSigned", signatures: [accepted] }] as const;
  return { kind: "allowed", requirements, ...trace, ...change };
}

/** A verdict that rejects. */
export function rejected(): RejectedVerdict {
  const reason = "A signature was required, but no signature exists";
  const errorClass = "policy-requirement";
  return {
    kind: "rejected",
    ...trace,
    requirements: [{ kind: "failed", type: "sigstoreSigned", errorClass, reason, signatures: [] }],
    errorClass,
    reason,
    message: `Source image rejected: ${reason}`,
    criError: `SignatureValidationFailed: Source image rejected: ${reason}`,
  };
}

/** An entry with a verdict. */
export function kept(change: Partial<KeptVerdict> = {}): KeptVerdict {
  return { kind: "verdict", verdict: allowed(), storedAt: 1000, expiresAt: 61_000, ...change };
}

/**
 * Trusted roots in the form that @sigstore/verify works with, made once for each root.
 *
 * @module
 */
import type { TrustMaterial, VerificationError, Verifier } from "@sigstore/verify";
import { messageOf } from "../../core/message-of.ts";
import { PolicyError } from "../errors.ts";
import { rememberEncoding, rememberSignatures } from "./known-certificate.ts";
import type { TrustedRoot } from "./trusted-root.ts";

/** What of the library is used. */
export interface SigstoreLibrary {
  readonly Verifier: typeof Verifier;
  readonly VerificationError: typeof VerificationError;
  readonly toTrustMaterial: typeof import("@sigstore/verify").toTrustMaterial;
  readonly toSignedEntity: typeof import("@sigstore/verify").toSignedEntity;
}

/** Everything in a root but managed keys, which each verification brings along. */
export type RootMaterial = Omit<TrustMaterial, "publicKey">;

const NOTHING: RootMaterial = {
  certificateAuthorities: [],
  timestampAuthorities: [],
  tlogs: [],
  ctlogs: [],
};

const made = new WeakMap<TrustedRoot, RootMaterial>();

/** Loads @sigstore/verify, at first use. */
export async function loadSigstore(): Promise<SigstoreLibrary> {
  return import("@sigstore/verify");
}

/**
 * The authorities of a root; none without a root.
 *
 * @throws {PolicyError} `ERR_POLICY_TRUST_ROOT` for one that the library cannot read.
 */
export function rootMaterial(
  { toTrustMaterial }: SigstoreLibrary,
  root: TrustedRoot | undefined,
): RootMaterial {
  if (!root) return NOTHING;
  const known = made.get(root);
  if (known) return known;
  try {
    const material = toTrustMaterial(root.message);
    for (const { certChain } of [...material.certificateAuthorities, ...material.timestampAuthorities]) {
      certChain.forEach(rememberEncoding);
      rememberSignatures(certChain);
    }
    made.set(root, material);
    return material;
  } catch (cause) {
    throw new PolicyError("ERR_POLICY_TRUST_ROOT", `invalid trusted root: ${messageOf(cause)}`, { cause });
  }
}

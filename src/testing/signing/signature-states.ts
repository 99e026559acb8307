/**
 * The states that the signatures of an image can be in, each with what a node says to it.
 *
 * @module
 */
import { createHash, type KeyObject } from "node:crypto";
import { digestOf } from "../../core/digest.ts";
import type { PolicyErrorClass, PolicyErrorCode } from "../../policy/errors.ts";
import { type Authorities, createAuthorities, type IssueOptions } from "../authorities.ts";
import { mintKey } from "../certificates.ts";
import { type SignatureLayer, type SignImageOptions, signImage } from "../signatures.ts";

/** What a verifier says to an image. */
export type ExpectedVerdict =
  | { readonly kind: "allowed" }
  | { readonly kind: "rejected"; readonly errorClass: PolicyErrorClass }
  /** No verdict: the evaluation rejects with this code. */
  | { readonly kind: "error"; readonly code: PolicyErrorCode };

/** Whom the policy of a state trusts: a key, a key whose signatures are in the log, or an e-mail address. */
export type StateTrust = "key" | "logged-key" | "keyless";

/** What signatures are made of. */
export interface StateContext {
  readonly authorities: Authorities;
  readonly key: KeyObject;
  /** What an honest signature claims. */
  readonly reference: string;
  /** Digest of the image, or of the index where that is signed. */
  readonly digest: string;
  readonly email: string;
}

/** One state. */
export interface StateRule {
  readonly trust: StateTrust;
  readonly expected: ExpectedVerdict;
  /** What carries the signatures: the image, or the index that it is in. Default `"image"`. */
  readonly signs?: "image" | "index";
  /** The attachments, in order. */
  readonly make: (context: StateContext) => SignatureLayer[];
}

const ALLOWED: ExpectedVerdict = { kind: "allowed" };
const UNACCEPTED: ExpectedVerdict = { kind: "rejected", errorClass: "policy-requirement" };
const INVALID: ExpectedVerdict = { kind: "rejected", errorClass: "invalid-signature" };
const OTHER: ExpectedVerdict = { kind: "rejected", errorClass: "other" };

const SIGNATURE = "dev.cosignproject.cosign/signature";
const BUNDLE = "dev.sigstore.cosign/bundle";
const CERTIFICATE = "dev.sigstore.cosign/certificate";
const CHAIN = "dev.sigstore.cosign/chain";
/** One more than nodes read. */
const TOO_MANY = 129;

function byKey(context: StateContext, change: Partial<SignImageOptions> = {}): SignatureLayer {
  const { reference, digest, key } = context;
  return signImage({ reference, digest, signer: key, ...change });
}

function logged(context: StateContext, change: Partial<SignImageOptions> = {}): SignatureLayer {
  return byKey(context, { authorities: context.authorities, ...change });
}

function keyless(
  context: StateContext,
  issue: IssueOptions & { email?: string } = {},
  change: Partial<SignImageOptions> = {},
): SignatureLayer {
  const { email = context.email, ...rest } = issue;
  return logged(context, { signer: context.authorities.issue(email, rest), ...change });
}

function without(layer: SignatureLayer, name: string): SignatureLayer {
  const { [name]: _, ...annotations } = layer.annotations;
  return { ...layer, annotations };
}

/** The payload with its last blank free byte changed: still the same JSON but for a space. */
function tampered(layer: SignatureLayer): SignatureLayer {
  return { ...layer, payload: Buffer.concat([layer.payload, Buffer.from(" ")]) };
}

function other(mediaType = "application/vnd.dsse.envelope.v1+json"): SignatureLayer {
  return { mediaType, payload: Buffer.from("{}"), annotations: {} };
}

const keyState = (expected: ExpectedVerdict, make: (context: StateContext) => SignatureLayer): StateRule => ({
  trust: "key",
  expected,
  make: (context) => [make(context)],
});
const logState = (expected: ExpectedVerdict, make: (context: StateContext) => SignatureLayer): StateRule => ({
  ...keyState(expected, make),
  trust: "logged-key",
});
const keylessState = (
  expected: ExpectedVerdict,
  make: (context: StateContext) => SignatureLayer,
): StateRule => ({ ...keyState(expected, make), trust: "keyless" });

/** Names of the states. */
export type SignatureState =
  | "unsigned"
  | "signed-by-key"
  | "wrong-key"
  | "wrong-digest"
  | "wrong-identity"
  | "tampered-payload"
  | "not-a-payload"
  | "missing-signature"
  | "broken-signature"
  | "signed-by-logged-key"
  | "missing-set"
  | "wrong-log"
  | "set-of-another-signature"
  | "tampered-set"
  | "keyless"
  | "keyless-old-issuer-extension"
  | "keyless-new-issuer-extension"
  | "keyless-inconsistent-issuer"
  | "keyless-without-issuer"
  | "keyless-wrong-issuer"
  | "keyless-wrong-email"
  | "keyless-missing-set"
  | "keyless-missing-certificate"
  | "keyless-missing-chain"
  | "keyless-wrong-chain"
  | "keyless-expired-certificate"
  | "keyless-not-yet-valid-certificate"
  | "keyless-revoked-certificate"
  | "keyless-certificate-of-another-key"
  | "mixed"
  | "all-wrong"
  | "signed-index-only"
  | "other-attachments-only"
  | "too-many-signatures";

/** Every state by its name. */
export const STATE_RULES: Readonly<Record<SignatureState, StateRule>> = {
  unsigned: { trust: "key", expected: UNACCEPTED, make: () => [] },
  "signed-by-key": keyState(ALLOWED, (context) => byKey(context)),
  "wrong-key": keyState(INVALID, (context) => byKey(context, { signer: mintKey() })),
  "wrong-digest": keyState(UNACCEPTED, (context) => byKey(context, { digest: digestOf("another image") })),
  "wrong-identity": keyState(UNACCEPTED, (context) =>
    byKey(context, { reference: "registry.example/other/app:1" }),
  ),
  "tampered-payload": keyState(INVALID, (context) => tampered(byKey(context))),
  "not-a-payload": keyState(INVALID, (context) => byKey(context, { payload: Buffer.from("signed") })),
  "missing-signature": keyState(OTHER, (context) => without(byKey(context), SIGNATURE)),
  "broken-signature": keyState(INVALID, (context) => ({
    ...byKey(context),
    annotations: { [SIGNATURE]: "AAAA" },
  })),

  "signed-by-logged-key": logState(ALLOWED, (context) => logged(context)),
  "missing-set": logState(OTHER, (context) => byKey(context)),
  "wrong-log": logState(INVALID, (context) => logged(context, { authorities: createAuthorities() })),
  "set-of-another-signature": logState(INVALID, (context) =>
    logged(context, { log: { payload: Buffer.from("another payload") } }),
  ),
  "tampered-set": logState(INVALID, (context) => {
    const layer = logged(context);
    const set = JSON.parse(layer.annotations[BUNDLE] ?? "{}");
    set.Payload.integratedTime += 1;
    return { ...layer, annotations: { ...layer.annotations, [BUNDLE]: JSON.stringify(set) } };
  }),

  keyless: keylessState(ALLOWED, (context) => keyless(context)),
  "keyless-old-issuer-extension": keylessState(ALLOWED, (context) =>
    keyless(context, { issuerExtensions: "v1" }),
  ),
  "keyless-new-issuer-extension": keylessState(ALLOWED, (context) =>
    keyless(context, { issuerExtensions: "v2" }),
  ),
  "keyless-inconsistent-issuer": keylessState(INVALID, (context) =>
    keyless(context, { issuerExtensions: "inconsistent" }),
  ),
  "keyless-without-issuer": keylessState(INVALID, (context) =>
    keyless(context, { issuerExtensions: "none" }),
  ),
  "keyless-wrong-issuer": keylessState(INVALID, (context) =>
    keyless(context, { oidcIssuer: "https://other.example" }),
  ),
  "keyless-wrong-email": keylessState(INVALID, (context) => keyless(context, { email: "else@example.com" })),
  "keyless-missing-set": keylessState(OTHER, (context) => without(keyless(context), BUNDLE)),
  "keyless-missing-certificate": keylessState(OTHER, (context) => without(keyless(context), CERTIFICATE)),
  "keyless-missing-chain": keylessState(INVALID, (context) => without(keyless(context), CHAIN)),
  "keyless-wrong-chain": keylessState(INVALID, (context) => keyless(context, { flaw: "wrong-chain" })),
  "keyless-expired-certificate": keylessState(INVALID, (context) => keyless(context, { flaw: "expired" })),
  "keyless-not-yet-valid-certificate": keylessState(INVALID, (context) =>
    keyless(context, { flaw: "not-yet-valid" }),
  ),
  // Nodes look at no revocation list.
  "keyless-revoked-certificate": keylessState(ALLOWED, (context) => keyless(context)),
  "keyless-certificate-of-another-key": keylessState(INVALID, (context) => {
    const { certificatePem } = context.authorities.issue(context.email);
    const { key, chainPem } = context.authorities.issue(context.email);
    return logged(context, { signer: { key, certificatePem, chainPem } });
  }),

  /** A good one after bad ones of several kinds. */
  mixed: {
    trust: "key",
    expected: ALLOWED,
    make: (context) => [
      other(),
      byKey(context, { signer: mintKey() }),
      without(byKey(context), SIGNATURE),
      byKey(context),
    ],
  },
  "all-wrong": {
    trust: "key",
    expected: UNACCEPTED,
    make: (context) => [byKey(context, { signer: mintKey() }), tampered(byKey(context))],
  },
  /** Nodes look at no signature of an index. */
  "signed-index-only": {
    trust: "key",
    expected: UNACCEPTED,
    signs: "index",
    make: (context) => [byKey(context)],
  },
  "other-attachments-only": { trust: "key", expected: UNACCEPTED, make: () => [other()] },
  "too-many-signatures": {
    trust: "key",
    expected: { kind: "error", code: "ERR_POLICY_SIGNATURES" },
    make: (context) =>
      Array.from({ length: TOO_MANY }, (_, count) => byKey(context, { optional: { count: hashOf(count) } })),
  },
};

/** Every state, in order. */
export const SIGNATURE_STATES: readonly SignatureState[] = Object.keys(STATE_RULES) as SignatureState[];

function hashOf(count: number): string {
  return createHash("sha256").update(String(count)).digest("hex");
}

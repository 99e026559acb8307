/** Authorities, an artifact and a signer for tests of bundles. */
import { digestOf } from "../../../../src/core/digest.ts";
import { isLadingError } from "../../../../src/core/errors.ts";
import {
  COSIGN_SIGN_PREDICATE,
  type ContentRequirement,
  type KeylessIdentity,
  parseTrustedRoot,
  type VerifiedBundle,
  type VerifyBundleOptions,
  verifyBundle,
} from "../../../../src/policy/extended/index.ts";
import {
  type BundleJson,
  createBundleAuthorities,
  DEFAULT_OIDC_ISSUER,
  type SignBundleOptions,
  signStatement,
} from "../../../../src/testing/index.ts";

export const NOW: number = Date.UTC(2026, 5, 1, 12);
export const EMAIL = "signer@example.com";
export const MESSAGE: Uint8Array = Buffer.from("the bytes of a manifest");
export const DIGEST: ReturnType<typeof digestOf> = digestOf(MESSAGE);
export const CONTENT: ContentRequirement = {
  predicateTypes: [COSIGN_SIGN_PREDICATE],
  messageSignature: true,
};

export const made: ReturnType<typeof createBundleAuthorities> = createBundleAuthorities({ now: () => NOW });
export const trustedRoot: ReturnType<typeof parseTrustedRoot> = parseTrustedRoot(
  JSON.stringify(made.trustedRoot()),
);
export const who: ReturnType<typeof made.certify> = made.certify(EMAIL);

export const SIGNER: KeylessIdentity = {
  kind: "keyless",
  trustedRoot,
  issuer: DEFAULT_OIDC_ISSUER,
  subject: { kind: "email", exact: EMAIL },
};

/** A good bundle with a statement, changed as told. */
export function signed(
  options: Partial<SignBundleOptions> = {},
  change: (bundle: BundleJson) => void = () => {},
): string {
  const bundle = made.sign({ signer: who, content: { statement: signStatement(DIGEST) }, ...options });
  change(bundle);
  return JSON.stringify(bundle);
}

/** Verifies for the artifact's digest and the usual signer, unless told otherwise. */
export function verified(
  bundle: string,
  options: Partial<VerifyBundleOptions> = {},
): Promise<VerifiedBundle> {
  return verifyBundle(bundle, { artifact: { digest: DIGEST }, signer: SIGNER, content: CONTENT, ...options });
}

/** `accepted`, or the code of the error. An error of any other kind fails the test. */
export async function outcome(bundle: string, options: Partial<VerifyBundleOptions> = {}): Promise<string> {
  try {
    await verified(bundle, options);
    return "accepted";
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return error.code;
  }
}

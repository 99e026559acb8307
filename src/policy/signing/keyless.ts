/**
 * Signing without a key to keep: each signature gets a new key, whose certificate says who signed, and a log keeps
 * when that was.
 *
 * @see {@link https://docs.sigstore.dev/cosign/signing/overview/}
 * @module
 */
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import type { CertificateAuthority } from "./fulcio-client.ts";
import { tokenSubject } from "./identity-token.ts";
import { generateKeys } from "./key-pair.ts";
import { assertSignature, certifiedKey, recordIn, type TransparencyLog } from "./sign-payload.ts";
import { type CertifiedSignature, createKeySigner, type Signer } from "./signer.ts";

/** Says who signs. The providers of @sigstore/sign fit. */
export interface IdentityTokenProvider {
  /** An OpenID token, for each signature. Whatever it rejects with comes out unchanged. */
  getToken(options: SignalOptions): Promise<string>;
}

/** Options of {@link createKeylessSigner}. */
export interface KeylessSignerOptions {
  /** A token, or what gives one for each signature. */
  identityToken: string | IdentityTokenProvider;
  /** Who certifies the keys; see {@link createFulcioClient}. */
  authority: CertificateAuthority;
  /** Who keeps when a signature was made, which is what it is judged by later; see {@link createRekorClient}. */
  log: TransparencyLog;
}

/** A signer that gets a certificate for each signature. */
export interface KeylessSigner extends Signer {
  sign(payload: Uint8Array, options?: SignalOptions): Promise<CertifiedSignature>;
}

/**
 * A signer without a key of its own. There are no default services and no default identity.
 *
 * For each signature: a new key on P-256, a token, a certificate, the signature, the log's promise. The key is dropped
 * when the signature is made. Nothing is logged that does not verify.
 *
 * Its `sign` rejects with a {@link PolicyError} `ERR_POLICY_SIGNER` for a token that names nobody, a certificate for
 * another key, or a promise that does not hold; and as authority, log and provider do.
 */
export function createKeylessSigner({ identityToken, authority, log }: KeylessSignerOptions): KeylessSigner {
  return {
    async sign(payload, { signal } = {}) {
      signal?.throwIfAborted();
      const token =
        typeof identityToken === "string"
          ? identityToken
          : await raceSignal(identityToken.getToken({ signal }), signal);
      const subject = tokenSubject(token);
      const { privateKey } = await raceSignal(generateKeys("ecdsa-p256"), signal);
      const signer = await createKeySigner(privateKey, { signal });
      const proofOfPossession = await signer.sign(Buffer.from(subject), { signal });
      const request = { identityToken: token, publicKeyPem: signer.publicKey, proofOfPossession };
      const { certificatePem, chainPem } = await raceSignal(authority.certify(request, { signal }), signal);
      const signature = await signer.sign(payload, { signal });
      assertSignature(certifiedKey(certificatePem), payload, signature);
      const signatureBase64 = Buffer.from(signature).toString("base64");
      const entry = { payload, signatureBase64, keyOrCertificatePem: certificatePem };
      const bundle = await recordIn(log, entry, signal);
      return { signature, certificatePem, chainPem, bundle };
    },
  };
}

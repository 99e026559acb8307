/**
 * A client of Fulcio, which gives certificates to those whom an OpenID provider knows.
 *
 * The calls are made here and not by @sigstore/sign, because that hands out the leaf alone, while verifiers of the
 * annotation form need the certificates above it; because it cannot be cancelled; and because its error for a token
 * that it cannot read holds the token.
 *
 * @see {@link https://github.com/sigstore/fulcio/blob/v1.7.1/fulcio.proto}
 * @module
 */
import type { SignalOptions } from "../../core/signal.ts";
import { items, type JsonNode, members, stringOf } from "../../core/strict-json.ts";
import { leafCertificate, parseCertificateList } from "../leaf.ts";
import {
  failed,
  readAnswer,
  requestService,
  type SigningServiceOptions,
  signingService,
} from "./service-request.ts";

/** What a certificate is asked for with. */
export interface CertificateRequest {
  /** Says who signs. */
  readonly identityToken: string;
  /** PEM of the key to certify. */
  readonly publicKeyPem: string;
  /** The signature of that key over the name in the token. */
  readonly proofOfPossession: Uint8Array;
}

/** A certificate, with those that lead to its root. */
export interface IssuedCertificate {
  /** PEM of the leaf. */
  readonly certificatePem: string;
  /** PEM of the certificates above it, from its issuer to the root; empty where the authority gives none. */
  readonly chainPem: string;
}

/** Gives certificates to keys of those who can say who they are. */
export interface CertificateAuthority {
  /** A certificate. Whatever it rejects with comes out unchanged. */
  certify(request: CertificateRequest, options: SignalOptions): Promise<IssuedCertificate>;
}

const PATH = "/api/v2/signingCert";
const MAX_CERTIFICATES = 10;

/**
 * A Fulcio as a certificate authority.
 *
 * That the certificate is for the key and in which chain it stands is checked by who signs with it; whose name it
 * carries is not.
 *
 * Its `certify` rejects with `ERR_POLICY_SIGNING_SERVICE`.
 *
 * @throws {TypeError} for an address that tokens must not be sent to.
 */
export function createFulcioClient(options: SigningServiceOptions): CertificateAuthority {
  const service = signingService(options);
  return {
    async certify({ identityToken, publicKeyPem, proofOfPossession }, { signal }) {
      const { body } = await requestService(service, {
        method: "POST",
        path: PATH,
        body: {
          credentials: { oidcIdentityToken: identityToken },
          publicKeyRequest: {
            publicKey: { algorithm: "ECDSA", content: publicKeyPem },
            proofOfPossession: Buffer.from(proofOfPossession).toString("base64"),
          },
        },
        accept: [200, 201],
        signal,
      });
      return readAnswer("the authority's answer", () => readIssued(body));
    },
  };
}

function readIssued(body: JsonNode | undefined): IssuedCertificate {
  if (!body) throw failed("an empty answer");
  const answer =
    memberOf(body, "signedCertificateEmbeddedSct") ?? memberOf(body, "signedCertificateDetachedSct");
  const chain = answer && memberOf(answer, "chain");
  const list = chain && memberOf(chain, "certificates");
  if (!list) throw failed("no certificates in it");
  const pems = items(list).map((item) => onePem(stringOf(item)));
  const [certificatePem, ...above] = pems;
  if (certificatePem === undefined) throw failed("no certificates in it");
  if (pems.length > MAX_CERTIFICATES) throw failed(`more than ${MAX_CERTIFICATES} certificates`);
  leafCertificate(certificatePem);
  parseCertificateList(above.join(""));
  return { certificatePem, chainPem: above.join("") };
}

function onePem(text: string): string {
  return `${text.trimEnd()}\n`;
}

function memberOf(node: JsonNode, name: string): JsonNode | undefined {
  const found = members(node).find(({ key }) => key === name)?.value;
  return found?.kind === "null" ? undefined : found;
}

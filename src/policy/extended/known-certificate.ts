/**
 * Certificates of @sigstore/verify that remember what was computed about them.
 *
 * The library encodes a certificate anew, and checks the signatures among trusted certificates anew, whenever it builds
 * a chain. Both depend on bytes alone that never change, so they are computed once: that is most of the time of a
 * verification.
 *
 * @module
 */
import type { TrustMaterial } from "@sigstore/verify";

/** A certificate as the library has it. */
export type LibraryCertificate = TrustMaterial["certificateAuthorities"][number]["certChain"][number];

/** Lets a certificate remember its encoding, and that of the part that is signed. */
export function rememberEncoding(certificate: LibraryCertificate): void {
  for (const part of [certificate.tbsCertificate, certificate.root]) {
    const der = part.toDER();
    part.toDER = () => der;
  }
}

/** Lets certificates of a root remember which of them signed which. Nothing is remembered about any other. */
export function rememberSignatures(certificates: readonly LibraryCertificate[]): void {
  const trusted = new Set(certificates);
  for (const certificate of trusted) {
    const verify = certificate.verify.bind(certificate);
    const known = new Map<LibraryCertificate | undefined, boolean>();
    certificate.verify = (issuer) => {
      if (issuer !== undefined && !trusted.has(issuer)) return verify(issuer);
      const before = known.get(issuer);
      if (before !== undefined) return before;
      const isSigned = verify(issuer);
      known.set(issuer, isSigned);
      return isSigned;
    };
  }
}

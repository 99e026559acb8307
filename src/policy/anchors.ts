/**
 * Trust anchors in PEM.
 *
 * @module
 */
import { type Certificate, parseCertificate } from "./certificate.ts";
import { PolicyError } from "./errors.ts";
import { nextPemBlock, pemText } from "./pem.ts";

/**
 * The certificates of a file of trust anchors: every readable `CERTIFICATE` block without headers. Other
 * blocks, and certificates that cannot be read, are skipped.
 *
 * @throws {PolicyError} `ERR_POLICY_TRUST_ROOT` with `message` if there is none.
 */
export function parseAnchors(pem: Uint8Array, message: string): Certificate[] {
  const anchors: Certificate[] = [];
  let rest = pemText(pem);
  for (let block = nextPemBlock(rest); block; block = nextPemBlock(rest)) {
    rest = block.rest;
    if (block.type !== "CERTIFICATE" || block.hasHeaders) continue;
    try {
      anchors.push(parseCertificate(block.bytes));
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
    }
  }
  if (anchors.length === 0) throw new PolicyError("ERR_POLICY_TRUST_ROOT", message);
  return anchors;
}

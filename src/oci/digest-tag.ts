/**
 * Tags that stand for a digest: where registries without a referrers API keep what refers to a manifest.
 *
 * @module
 */
import { type Digest, digestAlgorithm, digestHex, matchesDigestGrammar } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import { isTag } from "../core/reference.ts";

/**
 * The tag of the index that lists the referrers of a manifest.
 *
 * Works for every digest of the grammar, computed by lading or not: the algorithm is cut to 32 characters and
 * the encoded part to 64, and what no tag may hold becomes `-`. Two long digests can therefore share a tag: the
 * `subject` of what is listed there must still be compared.
 *
 * @throws {CoreError} `ERR_DIGEST_INVALID` for a text that is no digest.
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema}
 */
export function referrersTag(digest: string): string {
  if (!matchesDigestGrammar(digest)) {
    throw new CoreError(
      "ERR_DIGEST_INVALID",
      `invalid checksum digest format: ${JSON.stringify(digest.slice(0, 256))}`,
    );
  }
  const colon = digest.indexOf(":");
  const algorithm = digest.slice(0, colon).slice(0, 32);
  const encoded = digest.slice(colon + 1).slice(0, 64);
  return `${tagText(algorithm)}-${tagText(encoded)}`;
}

/**
 * The tag under which cosign keeps what belongs to a manifest: `sha256-….sig` for signatures, `att` for
 * attestations, `sbom` for a bill of materials.
 *
 * @throws {CoreError} `ERR_DIGEST_UNSUPPORTED` for a digest whose tag would be longer than tags may be: sha512.
 * @throws {RangeError} For a suffix that is not 1 to 10 lower-case letters.
 * @see {@link https://github.com/sigstore/cosign/blob/v3.0.0/specs/SIGNATURE_SPEC.md#tag-based-discovery}
 */
export function cosignTag(digest: Digest, suffix: string): string {
  if (!/^[a-z]{1,10}$/.test(suffix)) throw new RangeError(`no suffix of a tag: ${JSON.stringify(suffix)}`);
  const tag = `${digestAlgorithm(digest)}-${digestHex(digest)}.${suffix}`;
  if (!isTag(tag)) throw new CoreError("ERR_DIGEST_UNSUPPORTED", `too long for a tag: ${tag}`);
  return tag;
}

function tagText(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/g, "-");
}

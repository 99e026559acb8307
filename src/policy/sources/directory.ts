/**
 * Signatures beside the manifests of a `dir:` image.
 *
 * ```text
 * name     = [ instance "." ] "signature-" number
 * instance = hex                    ; of a sha256 digest
 *          / algorithm "-" hex      ; of another
 * ```
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/directory/directory_transport.go}
 * @module
 */
import { type Digest, digestAlgorithm, digestHex } from "../../core/digest.ts";

/**
 * The name of a signature's file.
 *
 * @param index From 0, as in a list.
 * @param instance Of a list's image, the image's digest.
 */
export function directorySignatureName(index: number, instance?: Digest): string {
  return `${instancePrefix(instance)}signature-${index + 1}`;
}

/** The name of a manifest's file: the image's own, or that of a list's image. */
export function directoryManifestName(instance?: Digest): string {
  return `${instancePrefix(instance)}manifest.json`;
}

function instancePrefix(instance: Digest | undefined): string {
  if (instance === undefined) return "";
  const algorithm = digestAlgorithm(instance);
  return `${algorithm === "sha256" ? "" : `${algorithm}-`}${digestHex(instance)}.`;
}

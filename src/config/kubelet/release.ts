/**
 * Releases of the kubelet whose rules are known.
 *
 * @module
 */

/** The release whose rules are followed unless another is named. */
export const DEFAULT_KUBELET_RELEASE = "1.36";

/**
 * The second number of a release.
 *
 * @throws {RangeError} For a release before 1.30, or what is no release.
 */
export function kubeletMinor(release: string): number {
  const minor = Number(/^v?1\.([0-9]{1,4})(?:\.|$|-|\+)/.exec(release)?.[1]);
  if (minor >= 30) return minor;
  throw new RangeError(`not a release of the kubelet from 1.30 on: ${JSON.stringify(release)}`);
}

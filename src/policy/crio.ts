/**
 * Which policy CRI-O applies, and to which reference.
 *
 * @see {@link https://github.com/cri-o/cri-o/blob/f954a17e/docs/crio.conf.5.md}
 * @module
 */

import { isLadingError } from "../core/errors.ts";
import { type Reference, withDefaultTag } from "../core/reference.ts";
import { PolicyError } from "./errors.ts";
import { parseImageReference } from "./reference.ts";

/** The options of crio.conf that choose a policy. */
export interface CrioPolicyOptions {
  /** `signature_policy`: a path; empty or absent for the system's own policy. */
  signaturePolicy?: string | undefined;
  /** `signature_policy_dir`: absolute. Default `/etc/crio/policies`. */
  signaturePolicyDir?: string | undefined;
}

/** Which policy applies to a pod. */
export interface CrioPolicyPath {
  /** Path of the policy file; absent where the system's own policy applies. */
  readonly path?: string;
  /** Whether the image is checked again when a container is created: only under a policy with a path. */
  readonly checkedAtCreate: boolean;
}

/** Where CRI-O looks for the policies of namespaces unless its configuration says otherwise. */
export const DEFAULT_SIGNATURE_POLICY_DIR = "/etc/crio/policies";

/**
 * The policy file for pods of a namespace.
 *
 * A namespace's own policy replaces the global one completely.
 *
 * @param exists Whether a file exists. What it throws comes out unchanged: a file of which that cannot be told
 * must not be passed over.
 * @throws {TypeError} For a namespace that is no DNS label, since it becomes part of a path.
 */
export function policyPathFor(
  namespace: string,
  { signaturePolicy = "", signaturePolicyDir = DEFAULT_SIGNATURE_POLICY_DIR }: CrioPolicyOptions,
  exists: (path: string) => boolean,
): CrioPolicyPath {
  if (namespace !== "") {
    const path = namespacePolicyPath(namespace, signaturePolicyDir);
    if (exists(path)) return { path, checkedAtCreate: true };
  }
  return signaturePolicy === ""
    ? { checkedAtCreate: false }
    : { path: signaturePolicy, checkedAtCreate: true };
}

/** Where the policy of a namespace is, if it has one. */
export function namespacePolicyPath(namespace: string, directory: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) {
    throw new TypeError(`not a namespace: ${JSON.stringify(namespace)}`);
  }
  return `${directory.replace(/\/+$/, "")}/${namespace}.json`;
}

/**
 * The reference that CRI-O evaluates when a container is created: the tag `latest` is added to a bare name, and
 * a tag beside a digest is dropped.
 *
 * @param userSpecifiedImage `ImageSpec.user_specified_image` of the request.
 * @throws {PolicyError} `ERR_POLICY_REFERENCE` if it is empty or no reference.
 */
export function createReference(userSpecifiedImage: string): Reference {
  if (userSpecifiedImage === "") {
    throw new PolicyError(
      "ERR_POLICY_REFERENCE",
      "user specified image not specified, cannot verify image signature",
    );
  }
  try {
    const { tag, ...reference } = parseImageReference(userSpecifiedImage);
    if (reference.digest !== undefined) return reference;
    return withDefaultTag(tag === undefined ? reference : { ...reference, tag });
  } catch (cause) {
    if (!isLadingError(cause)) throw cause;
    throw new PolicyError("ERR_POLICY_REFERENCE", cause.message, { cause });
  }
}

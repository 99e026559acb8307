/**
 * Whether the name that a signature claims is one that the policy accepts for the image.
 *
 * Names are compared as normalized references, never by pattern and never by prefix; whatever cannot be read
 * as a reference matches nothing.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-policy.json.5.md#signedby}
 * @module
 */
import { formatReference, type Reference, referenceName } from "../core/reference.ts";
import { tryParseFullImageReference, tryParseImageReference } from "./reference.ts";
import type { RemapIdentity, SignedIdentity } from "./types.ts";

/**
 * Whether a signature for `signed` is accepted for an image called `image`.
 *
 * @param image The name of the image; absent for a transport without such names, where only `exactReference`
 * and `exactRepository` can match.
 * @param signed The name as it stands in the signature, of any content.
 */
export function matchesIdentity(
  identity: SignedIdentity,
  image: Reference | undefined,
  signed: string,
): boolean {
  const claimed = tryParseImageReference(signed);
  if (!claimed) return false;
  switch (identity.type) {
    case "matchExact":
      return image !== undefined && isExact(image, claimed);
    case "matchRepoDigestOrExact":
      return image !== undefined && isRepoDigestOrExact(image, claimed);
    case "matchRepository":
      return image !== undefined && isSameRepository(image, claimed);
    case "exactReference": {
      const wanted = tryParseImageReference(identity.dockerReference);
      return wanted !== undefined && isExact(wanted, claimed);
    }
    case "exactRepository": {
      const wanted = tryParseImageReference(identity.dockerRepository);
      return wanted !== undefined && isSameRepository(wanted, claimed);
    }
    case "remapIdentity": {
      const remapped = image && remapReference(identity, image);
      return remapped !== undefined && isRepoDigestOrExact(remapped, claimed);
    }
    default:
      // A policy made by hand, outside what the types allow.
      throw new TypeError(`unknown signedIdentity ${JSON.stringify(identity satisfies never)}`);
  }
}

/** Whether a `remapIdentity` prefix covers a name: the whole of it, or whole components from its start. */
export function matchesRemapPrefix(prefix: string, image: Reference): boolean {
  const name = referenceName(image);
  return name === prefix || name.startsWith(`${prefix}/`);
}

/**
 * The name that a signature must claim for an image, under `remapIdentity`.
 *
 * An image that the prefix does not cover keeps its name. Nothing comes back if replacing the prefix gives
 * something that is not a full reference.
 */
export function remapReference(
  { prefix, signedPrefix }: Pick<RemapIdentity, "prefix" | "signedPrefix">,
  image: Reference,
): Reference | undefined {
  if (!matchesRemapPrefix(prefix, image)) return image;
  return tryParseFullImageReference(signedPrefix + formatReference(image).slice(prefix.length));
}

function isExact(image: Reference, claimed: Reference): boolean {
  return !isNameOnly(image) && !isNameOnly(claimed) && formatReference(image) === formatReference(claimed);
}

function isRepoDigestOrExact(image: Reference, claimed: Reference): boolean {
  if (isNameOnly(claimed)) return false;
  if (image.tag !== undefined) return formatReference(image) === formatReference(claimed);
  return image.digest !== undefined && isSameRepository(image, claimed);
}

function isSameRepository(image: Reference, claimed: Reference): boolean {
  return referenceName(image) === referenceName(claimed);
}

function isNameOnly({ tag, digest }: Reference): boolean {
  return tag === undefined && digest === undefined;
}

/**
 * Where signatures of an image are looked for.
 *
 * @module
 */
import type { Digest } from "../../core/digest.ts";
import { messageOf } from "../../core/message-of.ts";
import type { Reference } from "../../core/reference.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { ReadStore } from "../../oci/store.ts";
import { PolicyError } from "../errors.ts";
import type { CollectedSignature } from "../evaluate.ts";
import type { StoredSignature } from "../signature-blob.ts";
import type { LookedAt } from "../verdict.ts";

/** The image that signatures are looked for. */
export interface SignedImage {
  /** Full name of the repository, such as `docker.io/library/busybox`. */
  readonly repository: string;
  /** The name that the image is decided on by, with tag or digest: configurations go by it. */
  readonly reference: Reference;
  /** The repository's content. */
  readonly store: ReadStore;
  /** SHA-256 digest of the single image's manifest. */
  readonly digest: Digest;
}

/** What was found, and where it was looked for. */
export interface SignatureListing {
  /** In the order in which they are to be tried. */
  readonly signatures: readonly CollectedSignature[];
  /** In order, with what was passed over. */
  readonly lookedAt: readonly LookedAt[];
}

/**
 * A place that signatures are looked for, or several of them.
 *
 * Failing to look must reject: an empty list says that there is no signature. Signatures need not be verified
 * in any way, but the list must be bounded.
 */
export interface SignatureSource {
  /** The name of the place in verdicts. */
  readonly name: string;
  /**
   * Formats that this place can hold. Together the sources of a verifier are taken to be every place that
   * signatures of these formats can be in.
   */
  readonly formats: readonly StoredSignature["format"][];
  /**
   * Everything that decides where this source looks, as text: sources of one identity look in the same places, in
   * the same order. Verdicts are kept under it, so that they can be shared between verifiers and processes. Without
   * it, what was decided with this source is used again with this very object only.
   */
  readonly identity?: string | undefined;
  /**
   * The signatures of an image, in the order in which they are to be tried; a plain list has them all in the place
   * that bears this source's name.
   */
  list(image: SignedImage, options: SignalOptions): Promise<readonly StoredSignature[] | SignatureListing>;
}

/** What a source lists, in its long form. */
export function listingOf(
  name: string,
  listed: readonly StoredSignature[] | SignatureListing,
): SignatureListing {
  if (!isPlain(listed)) return listed;
  return { signatures: listed.map((signature) => ({ source: name, signature })), lookedAt: [] };
}

function isPlain(
  listed: readonly StoredSignature[] | SignatureListing,
): listed is readonly StoredSignature[] {
  return Array.isArray(listed);
}

/**
 * A place that is known to hold no signatures: a lookaside directory that a node does not have, or attachments
 * that its registries.d does not let it read.
 *
 * With it, an image without signatures elsewhere is rejected as unsigned, as the node would.
 */
export function emptySource(
  name: string,
  formats: SignatureSource["formats"] = ["simple-signing", "sigstore-json"],
): SignatureSource {
  return { name, formats, identity: JSON.stringify(["empty", name, formats]), list: async () => [] };
}

/**
 * An error about signatures that cannot be had, whatever was thrown; a {@link PolicyError} stays as it is.
 */
export function signaturesError(source: string, cause: unknown): PolicyError {
  if (cause instanceof PolicyError) return cause;
  const message = messageOf(cause);
  return new PolicyError("ERR_POLICY_SIGNATURES", `reading signatures from ${source}: ${message}`, { cause });
}

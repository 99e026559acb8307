/**
 * Signing what a reference names, and storing the signature beside it: the one call.
 *
 * @module
 */
import type { Digest } from "../../core/digest.ts";
import { isLadingError } from "../../core/errors.ts";
import { formatReference, type Reference, referenceName, withDefaultTag } from "../../core/reference.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { fetchManifest } from "../../oci/fetch.ts";
import type { Manifest } from "../../oci/manifest.ts";
import type { Store } from "../../oci/store.ts";
import { PolicyError } from "../errors.ts";
import { manifestDigest } from "../manifest-digest.ts";
import { parseImageReference } from "../reference.ts";
import type { SigstoreSignature } from "../signature-blob.ts";
import { type AttachOptions, attachSigstoreSignatures } from "./attach.ts";
import { formatCosignPayload, type PayloadClaims } from "./cosign-payload.ts";
import { type SignPayloadOptions, signPayload } from "./sign-payload.ts";
import type { Signer } from "./signer.ts";

/** The name that a signature claims. */
export type ClaimedIdentity =
  /** The repository without tag, as cosign claims it: policies accept it by `matchRepository` and the like only. */
  | "repository"
  /** The reference with its tag or digest, as podman and skopeo claim it: the default of policies accepts it. */
  | "reference"
  /** Another name, taken as it is. */
  | { readonly dockerReference: string };

/** Options of {@link signImage}. */
export interface SignImageOptions
  extends PayloadClaims,
    SignPayloadOptions,
    Omit<AttachOptions, "subject">,
    SignalOptions {
  /** Default `"repository"`, as cosign has it. */
  identity?: ClaimedIdentity | undefined;
  /**
   * What is signed of an index: with true each image in it, then the index itself; with false the index alone, which
   * nodes do not look at for signatures. Must be said for an index, and says nothing about an image.
   */
  recursive?: boolean | undefined;
  /** Whether the signatures are stored as OCI 1.1 referrers too. Default no. */
  referrer?: boolean | undefined;
  /**
   * What the image is called in the store: a tag, a digest, or a name in a layout. Default: the reference's digest,
   * else its tag.
   */
  target?: string | undefined;
}

/** One manifest or index that was signed. */
export interface SignedManifest {
  /** Of the manifest or index. */
  readonly digest: Digest;
  readonly signature: SigstoreSignature;
  /** The manifest that holds its signatures. */
  readonly attachment: Descriptor;
  /** The manifest that refers to it. */
  readonly referrer?: Descriptor;
}

/** What {@link signImage} did. */
export interface SignImageResult {
  /** The reference in full. */
  readonly reference: string;
  readonly kind: "image" | "index";
  /** What the reference named. */
  readonly digest: Digest;
  /** In the order in which they were signed: the images of an index before the index. */
  readonly signed: readonly SignedManifest[];
}

const MAX_DEPTH = 8;
const MAX_MANIFESTS = 1000;

/**
 * Signs what a reference names as cosign (up to version 2) does, and adds the signature to those of the image.
 *
 * The reference is resolved once, and every manifest that is signed was read and verified: what is signed is what
 * the store had then, so whoever does not trust the store gives a reference with a digest. Everything to be signed is
 * read before the first signature is made.
 *
 * @param store The repository of the image, or a layout with it.
 * @param reference The name of the image, completed as usual; it decides what the signature claims.
 * @throws {PolicyError} `ERR_POLICY_REFERENCE`; `ERR_POLICY_MANIFEST` for another digest than the reference's;
 * `ERR_POLICY_INSTANCE` for an index without `recursive`, or one that is nested too deeply or too large;
 * `ERR_POLICY_SIGNER`; and as {@link attachSigstoreSignatures}.
 * @throws {OciError} `ERR_OCI_NOT_FOUND`, and as the store. What was signed until then stays.
 */
export async function signImage(
  store: Store,
  reference: string | Reference,
  signer: Signer,
  options: SignImageOptions = {},
): Promise<SignImageResult> {
  const { signal, recursive } = options;
  signal?.throwIfAborted();
  const named = readReference(reference);
  const dockerReference = claimedName(named, options.identity ?? "repository");
  const target = options.target ?? named.digest ?? named.tag ?? "";
  const top = await fetchManifest(store, target, { signal });
  const digest = manifestDigest(top.bytes);
  if (named.digest !== undefined && named.digest !== digest) {
    throw new PolicyError(
      "ERR_POLICY_MANIFEST",
      `Manifest does not match provided manifest digest ${named.digest}`,
    );
  }
  const kind = top.kind === "index" ? "index" : "image";
  if (kind === "index" && recursive === undefined) {
    throw instanceError(
      "the reference names an index: whether its images are signed too must be said (recursive)",
    );
  }
  const manifests = kind === "index" && recursive ? await collectManifests(store, top, signal) : [top];
  const signed: SignedManifest[] = [];
  for (const manifest of manifests) {
    signed.push(await signManifest(store, manifest, dockerReference, signer, options));
  }
  return { reference: formatReference(named), kind, digest, signed };
}

async function signManifest(
  store: Store,
  { bytes, descriptor }: Manifest,
  dockerReference: string,
  signer: Signer,
  options: SignImageOptions,
): Promise<SignedManifest> {
  const { creator, timestamp, annotations, log, referrer = false, settleMs, signal } = options;
  const digest = manifestDigest(bytes);
  const payload = formatCosignPayload({ dockerReference, digest, creator, timestamp, annotations });
  const signature = await signPayload(payload, signer, { log, signal });
  const { mediaType } = descriptor;
  const subject = referrer ? { mediaType, digest, size: bytes.byteLength } : undefined;
  const attached = await attachSigstoreSignatures(store, digest, [signature], { subject, settleMs, signal });
  const { manifest: attachment } = attached;
  return { digest, signature, attachment, ...(attached.referrer ? { referrer: attached.referrer } : {}) };
}

/** An index after everything that it names, each manifest once. */
async function collectManifests(
  store: Store,
  top: Manifest,
  signal: AbortSignal | undefined,
): Promise<Manifest[]> {
  const seen = new Set<string>();
  const collected: Manifest[] = [];
  const visit = async (manifest: Manifest, depth: number): Promise<void> => {
    if (depth > MAX_DEPTH) throw instanceError(`an index nested deeper than ${MAX_DEPTH}`);
    const entries = manifest.kind === "index" ? manifest.value.manifests : [];
    for (const entry of entries) {
      if (seen.has(entry.digest)) continue;
      seen.add(entry.digest);
      if (seen.size > MAX_MANIFESTS) throw instanceError(`an index of more than ${MAX_MANIFESTS} manifests`);
      await visit(await fetchManifest(store, entry, { signal }), depth + 1);
    }
    collected.push(manifest);
  };
  await visit(top, 0);
  return collected;
}

function readReference(given: string | Reference): Reference {
  try {
    // A reference that was made by hand goes through the grammar as well.
    const reference = parseImageReference(typeof given === "string" ? given : formatReference(given));
    if (reference.domain !== "") return withDefaultTag(reference);
  } catch (cause) {
    if (!isLadingError(cause)) throw cause;
    throw new PolicyError("ERR_POLICY_REFERENCE", cause.message, { cause });
  }
  throw new PolicyError("ERR_POLICY_REFERENCE", "the reference names no registry");
}

function claimedName(reference: Reference, identity: ClaimedIdentity): string {
  if (typeof identity === "object") return identity.dockerReference;
  const { tag, digest } = reference;
  if (identity === "repository") return cosignName(reference);
  if (identity !== "reference")
    throw new RangeError(`no identity: ${JSON.stringify(identity satisfies never)}`);
  if (tag !== undefined && digest !== undefined) {
    throw new PolicyError(
      "ERR_POLICY_REFERENCE",
      "Docker references with both a tag and digest are currently not supported",
    );
  }
  return formatReference(reference);
}

/** The repository as cosign spells it, which calls Docker's registry by its old name. */
function cosignName(reference: Reference): string {
  const name = referenceName(reference);
  return reference.domain === "docker.io" ? `index.${name}` : name;
}

function instanceError(message: string): PolicyError {
  return new PolicyError("ERR_POLICY_INSTANCE", message);
}

/**
 * Signatures that cosign attached to an image, in the image's own repository.
 *
 * @module
 */
import { OCI_MANIFEST, SIMPLE_SIGNING } from "../../core/media-types.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { cosignTag } from "../../oci/digest-tag.ts";
import { OciError } from "../../oci/errors.ts";
import { fetchBlob, fetchManifest } from "../../oci/fetch.ts";
import type { ReadStore } from "../../oci/store.ts";
import { unreadable } from "../errors.ts";
import { resolveWithContent } from "../one-step.ts";
import type { SigstoreSignature } from "../signature-blob.ts";
import { MAX_SIGNATURE_BYTES, MAX_SIGNATURES, MAX_TOTAL_BYTES } from "./limits.ts";
import type { SignatureSource } from "./signature-source.ts";

/**
 * Signatures that cosign (up to version 2) attached: the layers of the manifest that the tag `sha256-….sig` of
 * the same repository names.
 *
 * Every layer is fetched and its digest verified; layers that are no signatures are listed too, without their
 * content. Nodes read attachments only where registries.d says `use-sigstore-attachments: true`: pass this
 * source for such a repository only.
 *
 * Its `list` rejects with a {@link PolicyError} `ERR_POLICY_SIGNATURES` for more than 128 layers, one longer
 * than 4 MiB (4194304 bytes), payloads of more than 32 MiB together, a manifest of another media type, and every
 * failure but that there is no such tag.
 */
export function sigstoreAttachments(): SignatureSource {
  return {
    name: "sigstore-attachments",
    identity: "sigstore-attachments",
    formats: ["sigstore-json"],
    async list({ repository, store, digest }, { signal }) {
      const tag = cosignTag(digest, "sig");
      const look = { place: "sigstore-attachments", location: `${repository}:${tag}` } as const;
      const descriptor = await resolveAttachments(store, tag, signal);
      if (!descriptor) return { signatures: [], lookedAt: [{ kind: "absent", ...look }] };
      const signatures = await fetchAttachments(store, descriptor, signal);
      return {
        signatures: signatures.map((signature) => ({ source: "sigstore-attachments", signature })),
        lookedAt: [{ kind: "found", ...look, found: signatures.length }],
      };
    },
  };
}

async function resolveAttachments(
  store: ReadStore,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<Descriptor | undefined> {
  try {
    return await resolveWithContent(store, tag, { signal });
  } catch (error) {
    if (isManifestUnknown(error)) return undefined;
    throw error;
  }
}

/**
 * Whether an error says that there is no such manifest, and not that something else is missing or wrong.
 *
 * A registry's own codes count before the status, with the spellings that Red Hat's registry and Harbor use.
 */
function isManifestUnknown(error: unknown): boolean {
  if (!(error instanceof OciError)) return false;
  if (error.errors.length > 0) {
    return error.errors.some(
      ({ code, message = "" }) =>
        code === "MANIFEST_UNKNOWN" || (code === "UNKNOWN" && /not found/i.test(message)),
    );
  }
  return error.code === "ERR_OCI_NOT_FOUND" && (error.statusCode === undefined || error.statusCode === 404);
}

async function fetchAttachments(
  store: ReadStore,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<SigstoreSignature[]> {
  if (descriptor.mediaType !== OCI_MANIFEST) {
    throw unreadable(`unexpected MIME type for sigstore attachment manifest: ${descriptor.mediaType}`);
  }
  const manifest = await fetchManifest(store, descriptor, { signal });
  if (manifest.kind !== "manifest") throw unreadable("sigstore attachments in an index");
  const { layers } = manifest.value;
  if (layers.length > MAX_SIGNATURES) {
    throw unreadable(`${layers.length} sigstore attachments, more than ${MAX_SIGNATURES}`);
  }
  const attachments: SigstoreSignature[] = [];
  let total = 0;
  for (const layer of layers) {
    const payload = await fetchBlob(store, layer, { maxBytes: MAX_SIGNATURE_BYTES, signal });
    const isSignature = layer.mediaType === SIMPLE_SIGNING;
    if (isSignature) total += payload.byteLength;
    if (total > MAX_TOTAL_BYTES) throw unreadable(`signatures of more than ${MAX_TOTAL_BYTES} bytes`);
    attachments.push({
      format: "sigstore-json",
      mediaType: layer.mediaType,
      payload: isSignature ? payload : new Uint8Array(0),
      annotations: new Map(Object.entries(layer.annotations ?? {})),
    });
  }
  return attachments;
}

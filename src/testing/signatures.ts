/**
 * Signatures in cosign's format, made at run time and attached to images in any store.
 *
 * @module
 */
import { type KeyObject, sign } from "node:crypto";
import { type Digest, digestOf } from "../core/digest.ts";
import { OCI_CONFIG, OCI_MANIFEST, SIMPLE_SIGNING } from "../core/media-types.ts";
import type { SignalOptions } from "../core/signal.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { cosignTag } from "../oci/digest-tag.ts";
import type { Store } from "../oci/store.ts";
import type { Authorities, CertifiedKey, LogOptions } from "./authorities.ts";
import { publicKeyPem } from "./certificates.ts";

/** One signature: a layer of the manifest that carries signatures. */
export interface SignatureLayer {
  mediaType: string;
  payload: Uint8Array;
  annotations: Record<string, string>;
}

/** What to sign, and how. */
export interface SignImageOptions {
  /** The name that the signature claims, as it stands: with or without tag. */
  reference: string;
  /** Digest of the image's manifest, as text so that wrong ones can be signed too. */
  digest: string;
  /** A key alone, or a key with its certificate. */
  signer: KeyObject | CertifiedKey;
  /** Records the signature in a log. Default: it is not recorded. */
  authorities?: Authorities | undefined;
  /** What is to be different about the log entry. */
  log?: Partial<LogOptions> | undefined;
  /** The payload's `optional`. Default null, as cosign writes it. */
  optional?: unknown;
  /** Signs these bytes instead of a payload made from the other options. */
  payload?: Uint8Array | undefined;
}

/** A signature for an image, as `cosign sign` makes it up to version 2. */
export function signImage(options: SignImageOptions): SignatureLayer {
  const { reference, digest, signer, authorities, optional = null } = options;
  const payload =
    options.payload ??
    Buffer.from(
      JSON.stringify({
        critical: {
          identity: { "docker-reference": reference },
          image: { "docker-manifest-digest": digest },
          type: "cosign container image signature",
        },
        optional,
      }),
    );
  const certified = "certificatePem" in signer ? signer : undefined;
  const key = "certificatePem" in signer ? signer.key : signer;
  const hash = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  const signatureBase64 = sign(hash, payload, key).toString("base64");
  const annotations: Record<string, string> = { "dev.cosignproject.cosign/signature": signatureBase64 };
  const keyOrCertificatePem = certified?.certificatePem ?? publicKeyPem(key);
  if (authorities) {
    annotations["dev.sigstore.cosign/bundle"] = authorities.log({
      keyOrCertificatePem,
      signatureBase64,
      payload,
      ...options.log,
    });
  }
  if (certified) {
    annotations["dev.sigstore.cosign/certificate"] = certified.certificatePem;
    annotations["dev.sigstore.cosign/chain"] = certified.chainPem;
  }
  return { mediaType: SIMPLE_SIGNING, payload, annotations };
}

/**
 * Stores signatures of an image where verifiers look for them: a manifest under the tag `sha256-….sig`.
 *
 * What the tag stood for before is replaced.
 */
export async function attachSignatures(
  store: Store,
  digest: Digest,
  signatures: readonly SignatureLayer[],
  options: SignalOptions = {},
): Promise<Descriptor> {
  const config = await pushBlob(store, OCI_CONFIG, Buffer.from("{}"), options);
  const layers: Descriptor[] = [];
  for (const { mediaType, payload, annotations } of signatures) {
    layers.push({ ...(await pushBlob(store, mediaType, payload, options)), annotations });
  }
  const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers };
  const descriptor = await pushBlob(store, OCI_MANIFEST, Buffer.from(JSON.stringify(manifest)), options);
  await store.tag(descriptor, cosignTag(digest, "sig"), options);
  return descriptor;
}

async function pushBlob(
  store: Store,
  mediaType: string,
  content: Uint8Array,
  options: SignalOptions,
): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(content), size: content.byteLength };
  await store.push(descriptor, content, options);
  return descriptor;
}

/**
 * Storing signatures where cosign stores them and nodes look for them: as layers of the manifest under the tag
 * `sha256-….sig`, after those that are there.
 *
 * Stores have no "replace only if unchanged", so losing a signature to another writer is prevented by looking: the
 * tag is read again right before it is moved, and twice afterwards, the second time after longer than a writer needs
 * between its own look and its move. Whoever finds the own signature gone adds it again. Writers in one process take
 * turns besides.
 *
 * @see {@link https://github.com/sigstore/cosign/blob/v2.6.1/specs/SIGNATURE_SPEC.md#storage}
 * @module
 */
import type { Digest } from "../../core/digest.ts";
import { delay, type SignalOptions } from "../../core/signal.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { cosignTag } from "../../oci/digest-tag.ts";
import { OciError } from "../../oci/errors.ts";
import type { Store } from "../../oci/store.ts";
import { PolicyError } from "../errors.ts";
import type { SigstoreSignature } from "../signature-blob.ts";
import { type Attachments, addSignatures, holdsAll, packReferrer, readAttachments } from "./attachments.ts";
import { inTurn } from "./turns.ts";

/** Options of {@link attachSigstoreSignatures}. */
export interface AttachOptions extends SignalOptions {
  /**
   * The image or index that is signed, where the signatures are to be stored as a manifest that refers to it too
   * (OCI 1.1), of the artifact type `application/vnd.dev.cosign.artifact.sig.v1+json`. Default: only under the tag.
   */
  subject?: Descriptor | undefined;
  /**
   * How long to wait before the last look, in milliseconds. Default: four times what this writer needed between its
   * look and its move of the tag, at least 100, and at least 1000 where others were seen to write. A writer that is
   * slower than this between its own look and move can still overwrite unnoticed; with 0 any other writer can.
   */
  settleMs?: number | undefined;
}

/** What {@link attachSigstoreSignatures} stored. */
export interface AttachedSignatures {
  /** The manifest that the tag stood for at the last look. */
  readonly manifest: Descriptor;
  /** How many were added; those that were there already, with the same annotations, are not repeated. */
  readonly added: number;
  /** The manifest that refers to the subject. */
  readonly referrer?: Descriptor;
}

const MAX_TRIES = 20;
/** How often a blob may be lost sight of. */
const MAX_MISSES = 5;
const MAX_BACKOFF_MS = 250;
/** Least time before the last look, alone and where others were seen to write. */
const SETTLE_MS = 100;
const CONTENDED_SETTLE_MS = 1000;

/**
 * Adds signatures to those of an image. Signatures that others add at the same time are kept; see above for how.
 *
 * Nothing is verified: neither that the signatures hold nor that they are about this image; {@link signImage} makes
 * ones that do.
 *
 * @param digest Of the manifest or index that is signed. Whether it is in the store is not looked at.
 * @throws {PolicyError} `ERR_POLICY_SIGNATURES` where the tag stands for something else than such a manifest, or has
 * no room: nodes read 128 layers and 4 MiB of manifest. `ERR_POLICY_CONFLICT` if others change it again and again.
 * @throws {CoreError} `ERR_DIGEST_UNSUPPORTED` for a digest that is too long for a tag.
 */
export async function attachSigstoreSignatures(
  store: Store,
  digest: Digest,
  signatures: readonly SigstoreSignature[],
  { subject, settleMs, signal }: AttachOptions = {},
): Promise<AttachedSignatures> {
  signal?.throwIfAborted();
  if (settleMs !== undefined && !(settleMs >= 0 && Number.isFinite(settleMs))) {
    throw new RangeError(`settleMs must be a number of milliseconds, got ${settleMs}`);
  }
  if (signatures.length === 0) throw new TypeError("no signature to attach");
  if (subject && subject.digest !== digest) {
    throw new TypeError(`the subject is ${subject.digest}, and the signatures are for ${digest}`);
  }
  const tag = cosignTag(digest, "sig");
  for (const { payload } of signatures) assertPayload(payload);
  const { manifest, added } = await inTurn(store, tag, signal, () =>
    attachToTag(store, tag, signatures, settleMs, signal),
  );
  if (!subject) return { manifest, added };
  const { size, mediaType } = subject;
  const packed = packReferrer(signatures, { mediaType, digest, size });
  for (const { descriptor, content } of packed.blobs) await store.push(descriptor, content, { signal });
  await store.push(packed.manifest, packed.bytes, { signal });
  return { manifest, added, referrer: packed.manifest };
}

async function attachToTag(
  store: Store,
  tag: string,
  signatures: readonly SigstoreSignature[],
  settleMs: number | undefined,
  signal: AbortSignal | undefined,
): Promise<{ manifest: Descriptor; added: number }> {
  let added = 0;
  let misses = 0;
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    if (attempt > 0) await delay(backoffMs(attempt), { signal });
    const current = await readAttachments(store, tag, signal);
    if (current && holdsAll(current, signatures)) {
      // Another writer kept what was just added, and yet another one may not.
      const kept =
        attempt === 0
          ? current.descriptor
          : await staysAttached(store, tag, signatures, settleMs ?? CONTENDED_SETTLE_MS, signal);
      if (kept) return { manifest: kept, added };
      continue;
    }
    const next = addSignatures(current, signatures);
    let start = 0;
    try {
      for (const { descriptor, content } of next.blobs) await store.push(descriptor, content, { signal });
      await store.push(next.manifest, next.bytes, { signal });
      start = performance.now();
      if (!(await standsFor(store, tag, current, signal))) continue;
      await store.tag(next.manifest, tag, { signal });
    } catch (error) {
      if (++misses > MAX_MISSES || !isBlobUnknown(error)) throw error;
      continue;
    }
    added = Math.max(added, next.added);
    const least = attempt > 0 ? CONTENDED_SETTLE_MS : SETTLE_MS;
    const wait = settleMs ?? Math.max(least, 4 * (performance.now() - start));
    const kept = await staysAttached(store, tag, signatures, wait, signal);
    if (kept) return { manifest: kept, added };
  }
  throw new PolicyError(
    "ERR_POLICY_CONFLICT",
    `${tag} was changed by others ${MAX_TRIES} times, and is given up`,
  );
}

/** Whether a tag stands for what was read, or for nothing where there was nothing. */
async function standsFor(
  store: Store,
  tag: string,
  current: Attachments | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const now = await readAttachments(store, tag, signal, current);
  return now?.descriptor.digest === current?.descriptor.digest;
}

/** What the tag stands for in the end, if it holds the signatures at once and after a while. */
async function staysAttached(
  store: Store,
  tag: string,
  signatures: readonly SigstoreSignature[],
  wait: number,
  signal: AbortSignal | undefined,
): Promise<Descriptor | undefined> {
  const first = await readAttachments(store, tag, signal);
  if (!first || !holdsAll(first, signatures)) return undefined;
  await delay(wait, { signal });
  const last = await readAttachments(store, tag, signal, first);
  return last && holdsAll(last, signatures) ? last.descriptor : undefined;
}

/**
 * Whether a registry does not know a blob that it was just given: where two writers send the same payload at the same
 * time, docker-registry loses sight of it for a moment.
 */
function isBlobUnknown(error: unknown): boolean {
  return error instanceof OciError && error.errors.some(({ code }) => code === "MANIFEST_BLOB_UNKNOWN");
}

function backoffMs(attempt: number): number {
  return Math.random() * Math.min(MAX_BACKOFF_MS, 10 * 2 ** attempt);
}

const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;

function assertPayload(payload: Uint8Array): void {
  if (payload.byteLength <= MAX_PAYLOAD_BYTES) return;
  throw new PolicyError(
    "ERR_POLICY_SIGNATURES",
    `a payload of ${payload.byteLength} bytes, and nodes read ${MAX_PAYLOAD_BYTES}`,
  );
}

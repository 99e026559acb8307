/**
 * Deleting manifests, tags and blobs.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#content-management}
 * @module
 */
import { collectBytes } from "../core/bytes.ts";
import { digestAlgorithm, parseDigest } from "../core/digest.ts";
import { CoreError, isLadingError } from "../core/errors.ts";
import type { SignalOptions } from "../core/signal.ts";
import { requestDelete } from "./delete-request.ts";
import type { Descriptor } from "./descriptor.ts";
import { assertCapability } from "./endpoint.ts";
import { OciError } from "./errors.ts";
import { type Manifest, parseManifest } from "./manifest.ts";
import { isManifestType } from "./manifest-kind.ts";
import { fetchFromRepository, type RepositoryPlace } from "./pull.ts";
import { hasReferrersApi } from "./referrers.ts";
import { changeReferrersIndex } from "./referrers-index.ts";
import { assertTag } from "./tag.ts";

/** Options of {@link Repository.delete}. */
export interface DeleteOptions extends SignalOptions {
  /** Whether an index of referrers that is replaced because of this is deleted too. Default no. */
  deleteReplacedReferrers?: boolean | undefined;
}

/** Removes a manifest, index or blob; see `Deleter`. */
export async function deleteFromRepository(
  place: RepositoryPlace,
  descriptor: Descriptor,
  { signal, deleteReplacedReferrers = false }: DeleteOptions,
): Promise<void> {
  const digest = parseDigest(descriptor.digest);
  assertCapability(place.endpoint, "push");
  if (!isManifestType(descriptor.mediaType)) {
    await deleteOrSay(place, `blobs/${digest}`, [405], signal);
    return;
  }
  const manifest = await readManifest(place, descriptor, signal);
  await deleteOrSay(place, `manifests/${digest}`, [400, 405], signal);
  const subject = manifest?.value.subject;
  if (!subject || (await hasReferrersApi(place, place.state.referrersApi, signal))) return;
  await changeReferrersIndex(
    place,
    subject.digest,
    { kind: "remove", digest },
    { signal, deleteReplaced: deleteReplacedReferrers, queue: place.state.changes },
  );
}

/** Removes a tag, and nothing else; see {@link Repository.deleteTag}. */
export async function deleteTagInRepository(
  place: RepositoryPlace,
  tag: string,
  { signal }: SignalOptions,
): Promise<void> {
  assertTag(tag);
  assertCapability(place.endpoint, "push");
  await deleteOrSay(place, `manifests/${tag}`, [400, 405], signal);
}

/** The manifest that is to be deleted, for its subject; nothing for one that cannot be read. */
async function readManifest(
  place: RepositoryPlace,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Manifest | undefined> {
  const maxBytes = place.maxManifestBytes;
  const algorithm = digestAlgorithm(descriptor.digest);
  let bytes: Uint8Array | undefined;
  try {
    bytes = await collectBytes(fetchFromRepository(place, descriptor, { signal }), { maxBytes, signal });
    return parseManifest(bytes, descriptor.mediaType, { maxBytes, algorithm });
  } catch (error) {
    // What is broken, or larger than is read, may go all the same; a refusal, or no answer, decides.
    if (error instanceof CoreError || (bytes && isLadingError(error))) return undefined;
    throw error;
  }
}

/** Deletes, or says by a code of its own that the registry does not do that. */
async function deleteOrSay(
  place: RepositoryPlace,
  rest: string,
  unsupported: readonly number[],
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await requestDelete(place, rest, signal);
  } catch (error) {
    if (error instanceof OciError && unsupported.includes(error.statusCode ?? 0)) {
      const { statusCode, method, url, errors } = error;
      throw new OciError("ERR_OCI_UNSUPPORTED", `not deleted: ${error.message}`, {
        cause: error,
        statusCode,
        method,
        url,
        errors: [...errors],
      });
    }
    throw error;
  }
}

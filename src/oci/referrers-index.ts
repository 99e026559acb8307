/**
 * The index of referrers that clients keep under a tag, for registries without the referrers API.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema}
 * @module
 */
import { type Digest, digestOf } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import { OCI_INDEX } from "../core/media-types.ts";
import { parseNativeJson } from "../core/native-json.ts";
import { delay, raceSignal } from "../core/signal.ts";
import { requestDelete } from "./delete-request.ts";
import type { Descriptor } from "./descriptor.ts";
import { referrersTag } from "./digest-tag.ts";
import { OciError } from "./errors.ts";
import { discardBody } from "./http.ts";
import { type RepositoryPlace, repositoryAccess, repositoryUrl } from "./pull.ts";
import { type ReferrersTag, readReferrersTag } from "./referrers.ts";
import { backoffMs } from "./retry.ts";

/** A change of the index: an entry that must be there, or one that must not. */
export type ReferrersChange = { kind: "add"; referrer: Descriptor } | { kind: "remove"; digest: Digest };

/** Options of {@link changeReferrersIndex}. */
export interface ChangeReferrersOptions {
  signal?: AbortSignal | undefined;
  /** Whether the index that was replaced is deleted, as far as the registry lets it be. */
  deleteReplaced: boolean;
  /** Changes under way by repository and tag: those of one process wait for each other. */
  queue: Map<string, Promise<unknown>>;
}

/** How often the index is read anew after somebody else changed it. */
const MAX_TRIES = 8;

/**
 * Makes a change of the index of a subject's referrers, and sees that it lasted.
 *
 * The registry is told which index is replaced (`If-Match`), and the index is read again afterwards: a change that
 * somebody else has overwritten is made again.
 *
 * @throws {OciError} `ERR_OCI_CONFLICT` when others overwrite it again and again.
 * @throws {CoreError} `ERR_TOO_LARGE` for an index that has no room left.
 */
export async function changeReferrersIndex(
  place: RepositoryPlace,
  subject: Digest,
  change: ReferrersChange,
  { signal, deleteReplaced, queue }: ChangeReferrersOptions,
): Promise<void> {
  const key = repositoryUrl(place, `manifests/${referrersTag(subject)}`).href;
  const before = queue.get(key);
  const turn = (async () => {
    await raceSignal(Promise.resolve(before?.catch(() => {})), signal);
    await makeChange(place, subject, change, deleteReplaced, signal);
  })();
  // Who gives up early must not let the next one overtake a change that is still under way.
  const done = Promise.allSettled([before, turn]);
  queue.set(key, done);
  try {
    await turn;
  } finally {
    if (queue.get(key) === done) queue.delete(key);
  }
}

async function makeChange(
  place: RepositoryPlace,
  subject: Digest,
  change: ReferrersChange,
  deleteReplaced: boolean,
  signal: AbortSignal | undefined,
): Promise<void> {
  let replaced: Digest | undefined;
  for (let attempt = 1; attempt <= MAX_TRIES; attempt++) {
    if (attempt > 1) await delay(backoffMs(attempt, place.policy), { signal });
    const current = await readReferrersTag(place, subject, signal);
    if (isMade(change, current)) {
      if (deleteReplaced && replaced !== undefined && replaced !== current?.digest) {
        await deleteIndex(place, replaced, signal);
      }
      return;
    }
    const bytes = changed(change, current);
    if (bytes.byteLength > place.maxManifestBytes) {
      throw new CoreError("ERR_TOO_LARGE", `the index of referrers has ${bytes.byteLength} bytes`);
    }
    if (await putIndex(place, subject, bytes, current, signal)) {
      if (current && current.digest !== digestOf(bytes)) replaced = current.digest;
    }
  }
  throw new OciError(
    "ERR_OCI_CONFLICT",
    `${referrersTag(subject)} was changed by others ${MAX_TRIES} times, and is given up`,
  );
}

function isMade(change: ReferrersChange, current: ReferrersTag | undefined): boolean {
  const referrers = current?.referrers ?? [];
  if (change.kind === "remove") return !referrers.some(({ digest }) => digest === change.digest);
  return referrers.some((entry) => isSame(entry, change.referrer));
}

function isSame(a: Descriptor, b: Descriptor): boolean {
  return (
    a.digest === b.digest &&
    a.mediaType === b.mediaType &&
    a.size === b.size &&
    a.artifactType === b.artifactType &&
    textOf(a.annotations) === textOf(b.annotations)
  );
}

function textOf(annotations: Readonly<Record<string, string>> = {}): string {
  return JSON.stringify(Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The index after a change. What lading does not know of it, and of its other entries, is kept. */
function changed(change: ReferrersChange, current: ReferrersTag | undefined): Uint8Array {
  const index: { manifests: unknown[]; [name: string]: unknown } = current
    ? (parseNativeJson(Buffer.from(current.bytes).toString("utf8")) as { manifests: unknown[] })
    : { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] };
  const digest = change.kind === "add" ? change.referrer.digest : change.digest;
  const others = (index.manifests ?? []).filter(
    (entry) => (entry as { digest?: unknown } | null)?.digest !== digest,
  );
  const manifests = change.kind === "add" ? [...others, change.referrer] : others;
  return Buffer.from(JSON.stringify({ ...index, manifests }));
}

/** Replaces the index; false if the registry says that it was another one by now. */
async function putIndex(
  place: RepositoryPlace,
  subject: Digest,
  bytes: Uint8Array,
  current: ReferrersTag | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const condition: Record<string, string> = current
    ? current.etag === undefined
      ? {}
      : { "If-Match": current.etag }
    : { "If-None-Match": "*" };
  const answer = await place.client.request({
    ...repositoryAccess(place, ["pull", "push"], signal),
    method: "PUT",
    url: repositoryUrl(place, `manifests/${referrersTag(subject)}`),
    headers: { "Content-Type": OCI_INDEX, ...condition },
    body: bytes,
    accept: [200, 201, 202, 409, 412],
    repeatable: true,
  });
  await discardBody(answer);
  return answer.status < 300;
}

/** Deletes an index that nothing points to any more; many registries do not allow it, which does no harm. */
async function deleteIndex(
  place: RepositoryPlace,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await requestDelete(place, `manifests/${digest}`, signal);
  } catch {
    signal?.throwIfAborted();
  }
}

/**
 * Profile artifacts as Kubernetes' enhancement 6061 proposes them: pinned, of one layer, and within limits.
 *
 * The proposal is not final: what is refused here may change with it.
 *
 * @see {@link https://github.com/kubernetes/enhancements/issues/6061}
 * @module
 */
import { SECCOMP_PROFILE_CONFIG } from "../core/media-types.ts";
import { raceSignal } from "../core/signal.ts";
import { type FetchProfileArtifactOptions, fetchProfileArtifact, type ProfileArtifact } from "./artifact.ts";
import { MAX_ARTIFACT_BYTES, MAX_ARTIFACT_ENTRIES, profileArtifactReference } from "./artifact-check.ts";
import { readArtifactDocument } from "./artifact-manifest.ts";
import { SeccompError } from "./errors.ts";
import { readProfile, type StrictReading } from "./read-profile.ts";
import type { SeccompProfile } from "./types.ts";

/** Options of {@link fetchKep6061Artifact}. */
export type FetchKep6061ArtifactOptions = Pick<FetchProfileArtifactOptions, "source" | "check" | "signal">;

/** A profile artifact within the limits of the proposal. */
export interface Kep6061Artifact extends ProfileArtifact {
  /** The profile, a runtime-spec object. */
  reading: StrictReading;
}

/**
 * The profile that a reference stands for, under the rules of the proposal: a digest in the reference; no index; the
 * type of profiles on the manifest and its config; one layer of at most 1 MiB (1048576 bytes), which is a runtime-spec
 * object that strict reading takes, with at most 128 entries and without a listener and NOTIFY.
 *
 * A runtime applies it together with a baseline of its node, so that it can make that stricter only: see
 * `intersectProfiles`. Signatures are checked only by `check`.
 *
 * @throws {SeccompError} `ERR_SECCOMP_ARTIFACT`, and as `readProfile` for the profile itself.
 */
export async function fetchKep6061Artifact(
  reference: string,
  options: FetchKep6061ArtifactOptions,
): Promise<Kep6061Artifact> {
  const { source, check, signal } = options;
  // Before anybody is asked for it.
  if (profileArtifactReference(reference).digest === undefined) {
    throw refused(`${JSON.stringify(reference.slice(0, 300))} is not pinned by a digest`);
  }
  const artifact = await fetchProfileArtifact(reference, {
    source,
    signal,
    version: "1.37",
    strict: true,
    // The digest names what the node runs: it must not be a list that another node reads otherwise.
    selectManifest: () => {
      throw refused(`${reference} is an index`);
    },
    async check(resolved, own) {
      const { bytes, mediaType } = resolved.manifest;
      const document = readArtifactDocument(bytes, mediaType);
      const type = document.kind === "manifest" ? document.manifest.artifactType : undefined;
      if (type !== SECCOMP_PROFILE_CONFIG) throw refused(`the manifest's artifactType is ${quoted(type)}`);
      if (check) await raceSignal(Promise.resolve(check(resolved, own)), signal);
    },
  });
  const reading = await readProfile(artifact.profile, {
    format: "runtime-spec",
    maxBytes: MAX_ARTIFACT_BYTES,
  });
  checkKep6061(reading.profile);
  return { ...artifact, reading };
}

/**
 * Checks what the proposal limits besides size and form.
 *
 * @throws {SeccompError} `ERR_SECCOMP_ARTIFACT` for more than 128 entries, a listener, and NOTIFY.
 */
export function checkKep6061({
  defaultAction,
  listenerPath,
  listenerMetadata,
  syscalls,
}: SeccompProfile): void {
  const entries = syscalls ?? [];
  if (entries.length > MAX_ARTIFACT_ENTRIES) {
    throw refused(`${entries.length} entries in syscalls, at most ${MAX_ARTIFACT_ENTRIES} are allowed`);
  }
  if (listenerPath || listenerMetadata) throw refused("a listener is not allowed");
  if ([defaultAction, ...entries.map(({ action }) => action)].includes("SCMP_ACT_NOTIFY")) {
    throw refused("SCMP_ACT_NOTIFY is not allowed");
  }
}

function quoted(type: string | undefined): string {
  return type === undefined ? "absent" : JSON.stringify(type.slice(0, 200));
}

function refused(message: string): SeccompError {
  return new SeccompError("ERR_SECCOMP_ARTIFACT", message);
}

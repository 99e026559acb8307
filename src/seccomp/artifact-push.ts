/**
 * Makes a seccomp profile an OCI artifact, and puts it into a store.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage}
 * @module
 */
import { OCI_LAYER, OCI_MANIFEST, SECCOMP_PROFILE_CONFIG } from "../core/media-types.ts";
import { raceSignal, type SignalOptions } from "../core/signal.ts";
import { MAX_ARTIFACT_BYTES } from "./artifact-check.ts";
import { type ArtifactTarget, type DescribedBytes, describeBytes } from "./artifact-store.ts";
import { SeccompError } from "./errors.ts";
import { readProfile } from "./read-profile.ts";
import type { ProfileFormat } from "./schema.ts";
import type { SeccompProfile } from "./types.ts";

/** How a profile is made an artifact. */
export type ProfileArtifactForm =
  /** As `oras push --config config.json:application/vnd.cncf.seccomp-profile.config.v1+json` does; for CRI-O. */
  | "oras"
  /** As Kubernetes' enhancement 6061 proposes: also an `artifactType`, and a runtime-spec object within limits. */
  | "kep-6061";

/** Options of {@link packProfileArtifact}. */
export interface PackProfileArtifactOptions {
  /** Default `"oras"`. */
  form?: ProfileArtifactForm | undefined;
  /** What the profile is written in. Default `"containers-common"`; `kep-6061` takes `"runtime-spec"` alone. */
  format?: ProfileFormat | undefined;
  /** Name of the profile's file, without `/`. Default `"seccomp.json"`. */
  title?: string | undefined;
  /** Annotations of the manifest. */
  annotations?: Readonly<Record<string, string>> | undefined;
}

/** Options of {@link pushProfileArtifact}. */
export interface PushProfileArtifactOptions extends PackProfileArtifactOptions, SignalOptions {
  /** What the manifest is tagged with. Without it, only its digest names it. */
  tag?: string | undefined;
}

/** A profile as an artifact. */
export interface PackedProfileArtifact {
  manifest: DescribedBytes;
  /** What has to be stored before the manifest: the config, and the profile as it was given. */
  blobs: DescribedBytes[];
}

/** Most entries of `syscalls` in the form of the enhancement. */
const MAX_ENTRIES = 128;

/**
 * The artifact of a profile; the same profile and options give the same bytes.
 *
 * The profile is read strictly and its bytes are kept. In the `kep-6061` form it must be a runtime-spec object with
 * at most 128 entries, without listener and without NOTIFY.
 *
 * @throws {SeccompError} As `readProfile`, with its limit of 1 MiB (1048576).
 * @throws {SeccompError} `ERR_SECCOMP_ARTIFACT` for a profile that the form does not admit.
 * @throws {TypeError} For a title that is empty or has a `/`, and a format that the form does not admit.
 */
export async function packProfileArtifact(
  profile: Uint8Array | string,
  options: PackProfileArtifactOptions = {},
): Promise<PackedProfileArtifact> {
  const { form = "oras", title = "seccomp.json", annotations } = options;
  if (form !== "oras" && form !== "kep-6061") throw new TypeError(`unknown form ${JSON.stringify(form)}`);
  const format = options.format ?? (form === "oras" ? "containers-common" : "runtime-spec");
  if (form === "kep-6061" && format !== "runtime-spec") {
    throw new TypeError("an artifact of the form kep-6061 holds a profile of the format runtime-spec");
  }
  if (title === "" || title.includes("/")) throw new TypeError(`no title: ${JSON.stringify(title)}`);
  // A copy: what is checked must be what is stored.
  const bytes = typeof profile === "string" ? Buffer.from(profile) : Uint8Array.from(profile);
  const read = await readProfile(bytes, { format, maxBytes: MAX_ARTIFACT_BYTES });
  if (form === "kep-6061") checkKep6061(read.profile);

  const config = describeBytes(SECCOMP_PROFILE_CONFIG, Buffer.from("{}"));
  const type = form === "kep-6061" ? "application/json" : OCI_LAYER;
  const layer = describeBytes(type, bytes, { annotations: { "org.opencontainers.image.title": title } });
  const artifactType = form === "kep-6061" ? { artifactType: SECCOMP_PROFILE_CONFIG } : {};
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    ...artifactType,
    config: config.descriptor,
    layers: [layer.descriptor],
    ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
  return {
    manifest: describeBytes(OCI_MANIFEST, Buffer.from(JSON.stringify(manifest)), artifactType),
    blobs: [config, layer],
  };
}

/**
 * Stores a profile as an artifact, and gives what was stored: the digest in `manifest.descriptor` pins it.
 *
 * The manifest is stored last, so that nobody finds an artifact without its profile. Rejections of the store are
 * passed on unchanged.
 *
 * @throws As {@link packProfileArtifact}, before anything is stored.
 */
export async function pushProfileArtifact(
  target: ArtifactTarget,
  profile: Uint8Array | string,
  options: PushProfileArtifactOptions = {},
): Promise<PackedProfileArtifact> {
  const { signal, tag } = options;
  signal?.throwIfAborted();
  const packed = await packProfileArtifact(profile, options);
  const { manifest, blobs } = packed;
  for (const { descriptor, bytes } of [...blobs, manifest]) {
    await raceSignal(target.push(descriptor, bytes, { signal }), signal);
  }
  if (tag !== undefined) await raceSignal(target.tag(manifest.descriptor, tag, { signal }), signal);
  return packed;
}

function checkKep6061({ defaultAction, listenerPath, listenerMetadata, syscalls }: SeccompProfile): void {
  const entries = syscalls ?? [];
  if (entries.length > MAX_ENTRIES) {
    throw refused(`${entries.length} entries in syscalls, at most ${MAX_ENTRIES} are allowed`);
  }
  if (listenerPath || listenerMetadata) throw refused("a listener is not allowed");
  if ([defaultAction, ...entries.map(({ action }) => action)].includes("SCMP_ACT_NOTIFY")) {
    throw refused("SCMP_ACT_NOTIFY is not allowed");
  }
}

function refused(message: string): SeccompError {
  return new SeccompError("ERR_SECCOMP_ARTIFACT", message);
}

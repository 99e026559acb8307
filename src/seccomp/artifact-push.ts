/**
 * Makes a seccomp profile an OCI artifact, and puts it into a store.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage}
 * @module
 */
import { OCI_LAYER, OCI_MANIFEST, SECCOMP_PROFILE_CONFIG } from "../core/media-types.ts";
import { raceSignal, type SignalOptions } from "../core/signal.ts";
import { MAX_ARTIFACT_BYTES } from "./artifact-check.ts";
import { checkKep6061 } from "./artifact-kep-6061.ts";
import { type ArtifactTarget, type DescribedBytes, describeBytes } from "./artifact-store.ts";
import { SeccompError } from "./errors.ts";
import { readProfile, type StrictReading } from "./read-profile.ts";

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
  /**
   * Takes a file that nobody has read strictly, such as one with oddities that its engine passes over. Only its size is
   * looked at: it may be no filter at all. Default false. The form `kep-6061` is always read.
   */
  unchecked?: boolean | undefined;
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

/**
 * The artifact of a profile; the same profile and options give the same bytes.
 *
 * The bytes are those that `readProfile` was given, and are read strictly again. In the `kep-6061` form the profile must
 * be a runtime-spec object with at most 128 entries, without listener and without NOTIFY.
 *
 * @param profile What `readProfile` gives; with `unchecked` also the file itself.
 * @throws {SeccompError} As `readProfile`, with its limit of 1 MiB (1048576).
 * @throws {SeccompError} `ERR_SECCOMP_ARTIFACT` for a profile that the form does not admit.
 * @throws {TypeError} For a title that is empty or has a `/`, a format that the form does not admit, and a file that was
 *   not read where `unchecked` does not say so.
 */
export async function packProfileArtifact(
  profile: StrictReading,
  options?: PackProfileArtifactOptions,
): Promise<PackedProfileArtifact>;
export async function packProfileArtifact(
  profile: StrictReading | Uint8Array | string,
  options: PackProfileArtifactOptions & { unchecked: true },
): Promise<PackedProfileArtifact>;
export async function packProfileArtifact(
  profile: StrictReading | Uint8Array | string,
  options: PackProfileArtifactOptions = {},
): Promise<PackedProfileArtifact> {
  return pack(profile, options);
}

async function pack(
  profile: StrictReading | Uint8Array | string,
  options: PackProfileArtifactOptions,
): Promise<PackedProfileArtifact> {
  const { form = "oras", title = "seccomp.json", annotations } = options;
  if (form !== "oras" && form !== "kep-6061") throw new TypeError(`unknown form ${JSON.stringify(form)}`);
  if (title === "" || title.includes("/")) throw new TypeError(`no title: ${JSON.stringify(title)}`);
  const bytes = isFile(profile) ? uncheckedBytes(profile, options) : await checkedBytes(profile, form);
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
  profile: StrictReading,
  options?: PushProfileArtifactOptions,
): Promise<PackedProfileArtifact>;
export async function pushProfileArtifact(
  target: ArtifactTarget,
  profile: StrictReading | Uint8Array | string,
  options: PushProfileArtifactOptions & { unchecked: true },
): Promise<PackedProfileArtifact>;
export async function pushProfileArtifact(
  target: ArtifactTarget,
  profile: StrictReading | Uint8Array | string,
  options: PushProfileArtifactOptions = {},
): Promise<PackedProfileArtifact> {
  const { signal, tag } = options;
  signal?.throwIfAborted();
  const packed = await pack(profile, options);
  const { manifest, blobs } = packed;
  for (const { descriptor, bytes } of [...blobs, manifest]) {
    await raceSignal(target.push(descriptor, bytes, { signal }), signal);
  }
  if (tag !== undefined) await raceSignal(target.tag(manifest.descriptor, tag, { signal }), signal);
  return packed;
}

function isFile(profile: StrictReading | Uint8Array | string): profile is Uint8Array | string {
  return typeof profile === "string" || profile instanceof Uint8Array;
}

function uncheckedBytes(
  profile: Uint8Array | string,
  { form, unchecked }: PackProfileArtifactOptions,
): Uint8Array {
  if (unchecked !== true) throw new TypeError("give what readProfile gives, or say that it is unchecked");
  if (form === "kep-6061") throw new TypeError("an artifact of the form kep-6061 is never unchecked");
  const length = typeof profile === "string" ? Buffer.byteLength(profile) : profile.byteLength;
  if (length > MAX_ARTIFACT_BYTES) {
    throw new SeccompError("ERR_SECCOMP_TOO_LARGE", `profile of more than ${MAX_ARTIFACT_BYTES} bytes`);
  }
  return typeof profile === "string" ? Buffer.from(profile) : Uint8Array.from(profile);
}

/** Read again: the value is plain data, which anybody can make or change. */
async function checkedBytes(
  { format, bytes }: StrictReading,
  form: ProfileArtifactForm,
): Promise<Uint8Array> {
  if (form === "kep-6061" && format !== "runtime-spec") {
    throw new TypeError("an artifact of the form kep-6061 holds a profile of the format runtime-spec");
  }
  const read = await readProfile(bytes, { format, maxBytes: MAX_ARTIFACT_BYTES });
  if (form === "kep-6061") checkKep6061(read.profile);
  return read.bytes;
}

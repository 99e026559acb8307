/**
 * Whether CRI-O takes a reference and a manifest for a seccomp profile artifact: pure checks, by version.
 *
 * @see {@link https://github.com/cri-o/cri-o/tree/v1.36.0/internal/ociartifact}
 * @module
 */

import { assertLimit } from "../core/bytes.ts";
import { CoreError } from "../core/errors.ts";
import {
  DOCKER_CONFIG,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  OCI_CONFIG,
  OCI_MANIFEST,
  SECCOMP_PROFILE_CONFIG,
} from "../core/media-types.ts";
import {
  formatReference,
  parseFullReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../core/reference.ts";
import { parseCrioVersion } from "./crio-version.ts";
import { SeccompError } from "./errors.ts";

/** Largest artifact that CRI-O takes, in bytes. */
export const MAX_ARTIFACT_BYTES = 1_048_576;

/** Most entries of `syscalls` that Kubernetes' enhancement 6061 proposes to take. */
export const MAX_ARTIFACT_ENTRIES = 128;

/** The part of a manifest that decides. */
export interface ProfileManifest {
  mediaType: string;
  artifactType?: string | undefined;
  /** Media type of the config; empty where there is none. */
  configMediaType: string;
  layers: readonly ProfileLayer[];
}

/** The part of a layer's descriptor that decides. */
export interface ProfileLayer {
  mediaType: string;
  /** Size in bytes, as declared. */
  size: number;
  /** `org.opencontainers.image.title`. */
  title?: string | undefined;
}

/** Options of the checks. */
export interface ArtifactCheckOptions {
  /** Version of CRI-O, such as `1.35.2`. Default `"1.37"`. */
  version?: string | undefined;
}

/** What CRI-O makes of a manifest. */
export type ManifestVerdict =
  | {
      kind: "accepted";
      /** Index of the layer that is the profile. */
      layer: number;
    }
  | {
      kind: "rejected";
      /** CRI-O's text. */
      message: string;
    };

/**
 * The reference that CRI-O pulls for the value of an annotation, in full form and with a tag or a digest.
 *
 * @throws {SeccompError} `ERR_SECCOMP_ARTIFACT` for a text that is no reference, one with both tag and digest,
 *   and, since 1.37, one that is not in full form.
 */
export function profileArtifactReference(text: string, options: ArtifactCheckOptions = {}): Reference {
  const { artifacts } = parseCrioVersion(options.version);
  const reference = parseIn(text, artifacts === "1.37");
  if (reference.tag !== undefined && reference.digest !== undefined) {
    throw new SeccompError("ERR_SECCOMP_ARTIFACT", `reference cannot be tagged and digested: ${quote(text)}`);
  }
  return withDefaultTag(reference);
}

function parseIn(text: string, full: boolean): Reference {
  const limit = { lengthLimit: "name" } as const;
  try {
    const reference = full ? parseFullReference(text, limit) : parseReference(text, limit);
    // The length limit of some names differs after normalising; what is pulled must parse too.
    parseReference(formatReference(reference), limit);
    return reference;
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    throw new SeccompError("ERR_SECCOMP_ARTIFACT", `${error.message}: ${quote(text)}`, { cause: error });
  }
}

/**
 * Whether CRI-O takes a manifest for a profile, and which layer is the profile.
 *
 * Sizes are the declared ones; whoever fetches the layers checks them. An index is not a manifest: see
 * {@link acceptsIndex}.
 *
 * @throws {RangeError} for a size that no content can have.
 */
export function checkProfileManifest(
  manifest: ProfileManifest,
  options: ArtifactCheckOptions = {},
): ManifestVerdict {
  const behaviour = parseCrioVersion(options.version);
  const { artifacts } = behaviour;
  const { configMediaType, layers } = manifest;
  // NaN is over no limit, and a negative size makes room for another layer.
  for (const { size } of layers) assertLimit(size, "size");
  const checksConfig = artifacts === "1.30" || artifacts === "1.33";
  if (checksConfig && configMediaType !== SECCOMP_PROFILE_CONFIG) {
    return rejected(
      `wrong config media type ${JSON.stringify(configMediaType)}, requires ${JSON.stringify(SECCOMP_PROFILE_CONFIG)}`,
    );
  }
  if (!behaviour.acceptsImages && isContainerImage(manifest)) {
    return rejected("reference is a container image, not an OCI artifact");
  }
  const [first] = layers;
  if (!first) {
    return rejected(artifacts === "1.30" ? "artifact needs at least one layer" : "artifact data is empty");
  }
  if (artifacts === "1.30") {
    return first.size > MAX_ARTIFACT_BYTES
      ? rejected(`exceeded maximum allowed size of ${MAX_ARTIFACT_BYTES} bytes`)
      : { kind: "accepted", layer: 0 };
  }
  const problem = (artifacts === "1.37" ? titleProblem(layers) : undefined) ?? sizeProblem(layers, artifacts);
  return problem === undefined ? { kind: "accepted", layer: 0 } : rejected(problem);
}

/** Whether a version follows an index to the manifest of the node's platform. `list` is Docker's media type. */
export function acceptsIndex(kind: "index" | "list", options: ArtifactCheckOptions = {}): boolean {
  const { artifacts } = parseCrioVersion(options.version);
  if (artifacts === "1.30") return false;
  return kind === "index" || artifacts !== "1.33";
}

/** Whether CRI-O sees an ordinary container image: by config media type, unless there is an `artifactType`. */
export function isContainerImage({ mediaType, configMediaType, artifactType }: ProfileManifest): boolean {
  if (mediaType === DOCKER_SCHEMA1 || mediaType === DOCKER_SCHEMA1_SIGNED) return true;
  const imageConfig =
    configMediaType === "" || configMediaType === OCI_CONFIG || configMediaType === DOCKER_CONFIG;
  if (!imageConfig) return false;
  if (mediaType === DOCKER_MANIFEST) return true;
  return mediaType === OCI_MANIFEST && !artifactType;
}

function titleProblem(layers: readonly ProfileLayer[]): string | undefined {
  const titles = new Set<string>();
  for (const { title } of layers) {
    if (title === undefined) continue;
    if (title.includes("/")) {
      return `invalid name: ${JSON.stringify(title)} cannot contain /: artifact blob title invalid`;
    }
    if (titles.has(title)) return `title ${JSON.stringify(title)} is not unique: artifact blob title invalid`;
    titles.add(title);
  }
  return undefined;
}

function sizeProblem(
  layers: readonly ProfileLayer[],
  artifacts: "1.33" | "1.35" | "1.37",
): string | undefined {
  let sum = 0;
  for (const { size } of layers) {
    // A layer is read up to one byte more than the limit, so one byte too many counts as the sum's.
    if (artifacts !== "1.37" && size > MAX_ARTIFACT_BYTES + 1) {
      return `exceeded maximum allowed size of ${MAX_ARTIFACT_BYTES} bytes for a single layer`;
    }
    sum += size;
    if (sum > MAX_ARTIFACT_BYTES)
      return `exceeded maximum allowed artifact size of ${MAX_ARTIFACT_BYTES} bytes`;
  }
  return undefined;
}

function rejected(message: string): ManifestVerdict {
  return { kind: "rejected", message };
}

function quote(text: string): string {
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text);
}

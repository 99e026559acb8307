/**
 * What kind of thing an artifact is, by the conventions of the tools that make them.
 *
 * @module
 */
import { DOCKER_CONFIG, OCI_CONFIG, SECCOMP_PROFILE_CONFIG, SIMPLE_SIGNING } from "../../core/media-types.ts";
import type { Descriptor } from "../descriptor.ts";
import { artifactTypeOf, type Manifest } from "../manifest.ts";

/** Layer that is a signed statement: an in-toto attestation, say. */
const DSSE = "application/vnd.dsse.envelope.v1+json";
const REFERENCE_TYPE = "vnd.docker.reference.type";

/** A convention that lading knows by name. */
export type ArtifactConvention =
  | "image"
  | "cosign-signature"
  | "cosign-attestation"
  | "sigstore-bundle"
  | "notation-signature"
  | "spdx"
  | "cyclonedx"
  | "in-toto"
  | "helm-chart"
  | "wasm"
  | "seccomp-profile";

/** Artifact or config types that name a convention. */
const BY_TYPE: Readonly<Record<string, ArtifactConvention>> = {
  "application/vnd.dev.cosign.artifact.sig.v1+json": "cosign-signature",
  "application/vnd.dev.cosign.artifact.att.v1+json": "cosign-attestation",
  "application/vnd.cncf.notary.signature": "notation-signature",
  "application/spdx+json": "spdx",
  "text/spdx+json": "spdx",
  "application/vnd.cyclonedx+json": "cyclonedx",
  "application/vnd.in-toto+json": "in-toto",
  "application/vnd.cncf.helm.config.v1+json": "helm-chart",
  "application/vnd.wasm.config.v0+json": "wasm",
  [SECCOMP_PROFILE_CONFIG]: "seccomp-profile",
};

/** Types of layers that name a convention, where all layers have one of them. */
const BY_LAYER: Readonly<Record<string, ArtifactConvention>> = {
  [SIMPLE_SIGNING]: "cosign-signature",
  [DSSE]: "cosign-attestation",
  "application/spdx+json": "spdx",
  "text/spdx+json": "spdx",
  "application/vnd.cyclonedx+json": "cyclonedx",
  "application/vnd.in-toto+json": "in-toto",
};

const BUNDLE = /^application\/vnd\.dev\.sigstore\.bundle(?:\.v[0-9.]+\+json|\+json;version=[0-9.]+)$/;

/**
 * The convention that a type of an artifact stands for, or nothing for one that is unknown: of the descriptor of a
 * referrer, say. Only the name is known by this; nothing was verified.
 */
export function conventionOfType(artifactType: string): ArtifactConvention | undefined {
  if (BUNDLE.test(artifactType)) return "sigstore-bundle";
  return Object.hasOwn(BY_TYPE, artifactType) ? BY_TYPE[artifactType] : undefined;
}

/**
 * The convention that a manifest follows, or nothing for an unknown one and for an index.
 *
 * Its type decides; without a known one its layers do, if all have one type: cosign stores signatures under tags with the
 * config type of images. What is claimed here is not verified.
 */
export function conventionOf(manifest: Pick<Manifest, "kind" | "value">): ArtifactConvention | undefined {
  const { value } = manifest;
  const type = artifactTypeOf(manifest);
  if (type === undefined || !("layers" in value)) return undefined;
  const named = conventionOfType(type);
  if (named) return named;
  const types = new Set(value.layers.map(({ mediaType }) => mediaType));
  const [only] = types;
  const byLayer =
    types.size === 1 && only !== undefined && Object.hasOwn(BY_LAYER, only) ? BY_LAYER[only] : undefined;
  if (byLayer) return byLayer;
  return type === OCI_CONFIG || type === DOCKER_CONFIG ? "image" : undefined;
}

/**
 * Whether an entry of an index holds attestations of another one, as buildx writes them: no image to run.
 *
 * @see {@link https://docs.docker.com/build/metadata/attestations/attestation-storage/}
 */
export function isAttestationEntry({ annotations }: Pick<Descriptor, "annotations">): boolean {
  return annotations?.[REFERENCE_TYPE] !== undefined;
}

/**
 * What is asked of a place that profile artifacts are written to; every store of `lading/oci` is one.
 *
 * @module
 */
import type { ByteStream } from "../core/bytes.ts";
import { type Digest, digestOf } from "../core/digest.ts";
import type { SignalOptions } from "../core/signal.ts";

/** What content is, how long it is, and what it hashes to. */
export interface ArtifactDescriptor {
  mediaType: string;
  digest: Digest;
  /** Length in bytes. */
  size: number;
  annotations?: Record<string, string>;
  artifactType?: string;
}

/** Takes content and names it. */
export interface ArtifactTarget {
  /** Stores content under its descriptor. */
  push(descriptor: ArtifactDescriptor, content: Uint8Array, options?: SignalOptions): Promise<void>;
  /** Lets a tag stand for a manifest that is stored. */
  tag(descriptor: ArtifactDescriptor, tag: string, options?: SignalOptions): Promise<void>;
}

/** Also gives content back. */
export interface ArtifactStore extends ArtifactTarget {
  /** The descriptor of the manifest or index that a tag, or a digest as text, names. */
  resolve(tagOrDigest: string, options?: SignalOptions): Promise<ArtifactDescriptor>;
  /** The content of a descriptor. */
  fetch(descriptor: ArtifactDescriptor, options?: SignalOptions): ByteStream;
}

/** Content with its descriptor. */
export interface DescribedBytes {
  descriptor: ArtifactDescriptor;
  bytes: Uint8Array;
}

/** Content with its descriptor, hashed with SHA-256. */
export function describeBytes(
  mediaType: string,
  bytes: Uint8Array,
  more: Pick<ArtifactDescriptor, "annotations" | "artifactType"> = {},
): DescribedBytes {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength, ...more }, bytes };
}

/**
 * Descriptors: what content is, how long it is, and what it hashes to.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md}
 * @module
 */
import type { Digest } from "../core/digest.ts";

/** The platform that an entry of an index is for, as written there. */
export interface DescriptorPlatform {
  architecture: string;
  os: string;
  "os.version"?: string;
  "os.features"?: string[];
  variant?: string;
  features?: string[];
}

/** A checked reference to content. */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  /** Exact length of the content in bytes, 0 to 2^53-1. */
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  /** The content itself in base64, as written; not checked against digest and size. */
  data?: string;
  artifactType?: string;
  platform?: DescriptorPlatform;
}

/**
 * What a place that holds content can do: one small interface for each ability.
 *
 * A registry repository, a layout directory and memory are the same to a function that asks only for the
 * abilities it needs.
 *
 * @module
 */
import type { ByteStream } from "../core/bytes.ts";
import type { SignalOptions } from "../core/signal.ts";
import type { Descriptor } from "./descriptor.ts";

/** Reads content. */
export interface Fetcher {
  /**
   * The content of a descriptor, as a lazy, single-use stream.
   *
   * Size and digest are checked before the end of the stream is reported. Leaving early releases the source.
   *
   * Rejects, or the iteration fails, with an `OciError` `ERR_OCI_NOT_FOUND` when it is not there, and with a
   * `CoreError` `ERR_SIZE_MISMATCH` or `ERR_DIGEST_MISMATCH` when it is something else.
   */
  fetch(descriptor: Descriptor, options?: SignalOptions): ByteStream;
}

/** Reads parts of content. */
export interface RangeFetcher {
  /**
   * The bytes of a blob from `start` up to, but without, `end`, as a lazy, single-use stream. They cannot be compared
   * with the blob's digest, and are not verified.
   *
   * The iteration fails with an `OciError` `ERR_OCI_NOT_FOUND`, `ERR_OCI_UNSUPPORTED` where the place gives no parts, a
   * `CoreError` `ERR_SIZE_MISMATCH`, and a `RangeError` for what is no part of the descriptor's content.
   */
  fetchRange(descriptor: Descriptor, start: number, end: number, options?: SignalOptions): ByteStream;
}

/** Finds what a tag or a digest stands for. */
export interface Resolver {
  /**
   * The descriptor of the manifest or index that a tag, or a digest as text, names.
   *
   * Rejects with an `OciError` `ERR_OCI_NOT_FOUND` when there is none.
   */
  resolve(tagOrDigest: string, options?: SignalOptions): Promise<Descriptor>;
}

/** A manifest or index with its bytes. */
export interface ManifestContent {
  descriptor: Descriptor;
  bytes: Uint8Array;
}

/** Options of {@link ManifestReader.readManifest}. */
export interface ReadManifestOptions extends SignalOptions {
  /** Largest manifest accepted, in bytes. Default: the place's own limit. */
  maxBytes?: number | undefined;
}

/** Finds and reads a manifest in one step, where that takes fewer requests than two steps would. */
export interface ManifestReader {
  /**
   * The manifest or index that a tag, or a digest as text, names, with its bytes, verified.
   *
   * Rejects as {@link Resolver.resolve} and {@link Fetcher.fetch} do.
   */
  readManifest(tagOrDigest: string, options?: ReadManifestOptions): Promise<ManifestContent>;
}

/** Writes content. */
export interface Pusher {
  /**
   * Stores content under its descriptor; nothing is sent when it is there already.
   *
   * Size and digest are checked on the way, and content that differs is not stored. A stream is released on
   * every way out, also when nothing of it is needed; an error that it throws comes out unchanged.
   */
  push(descriptor: Descriptor, content: Uint8Array | ByteStream, options?: SignalOptions): Promise<void>;
}

/** Names content. */
export interface Tagger {
  /** Lets a tag stand for a manifest or index that is already stored. */
  tag(descriptor: Descriptor, tag: string, options?: SignalOptions): Promise<void>;
}

/** Tells what is there. */
export interface ExistenceChecker {
  /** Whether the content of a descriptor is there; its bytes are not read. */
  exists(descriptor: Descriptor, options?: SignalOptions): Promise<boolean>;
}

/** Lists tags. */
export interface TagLister {
  /** The tags, in the store's own order; lazy, asking for more as they are read. */
  tags(options?: SignalOptions): AsyncIterable<string>;
}

/** Options of {@link ReferrerLister.referrers}. */
export interface ReferrersOptions extends SignalOptions {
  /** Only referrers of this artifact type. */
  artifactType?: string | undefined;
}

/** Lists what refers to content. */
export interface ReferrerLister {
  /**
   * Descriptors of the manifests whose `subject` is a manifest or index, with their artifact type and annotations;
   * lazy. None for content that is not there.
   */
  referrers(subject: Descriptor, options?: ReferrersOptions): AsyncIterable<Descriptor>;
}

/** Removes content. */
export interface Deleter {
  /**
   * Removes a manifest, index or blob. What names it, and what it names, stays.
   *
   * Rejects with an `OciError` `ERR_OCI_NOT_FOUND` when it is not there, and `ERR_OCI_UNSUPPORTED` where removing is
   * not allowed.
   */
  delete(descriptor: Descriptor, options?: SignalOptions): Promise<void>;
}

/** Takes blobs from a neighbour. */
export interface Mounter {
  /**
   * Makes a blob of another repository of the same registry a blob of this one, without sending it: true if that was
   * possible, false if it has to be pushed.
   */
  mount(descriptor: Descriptor, fromRepository: string, options?: SignalOptions): Promise<boolean>;
}

/** What reading an image needs. */
export type ReadStore = Fetcher & Resolver;

/** What holds a repository's content, for reading and writing. */
export type Store = Fetcher & Resolver & Pusher & Tagger;

/**
 * Where repositories are found by name: a registry client, or a test double.
 *
 * The name is in full form, with its domain: `docker.io/library/busybox`.
 */
export interface RepositorySource<T = ReadStore> {
  /**
   * The repository of a name. Whether it exists shows when it is used.
   *
   * @throws {CoreError} `ERR_REFERENCE_INVALID` for a text that is no name in full form.
   */
  repository(name: string): T;
}

/**
 * Registries: repositories found by name, over HTTP.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md}
 * @module
 */
import { assertLimit, type ByteStream } from "../core/bytes.ts";
import { parseDigest } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import {
  parseReference,
  parseReferenceName,
  type Reference,
  referenceName,
  withDefaultTag,
  withDigest,
} from "../core/reference.ts";
import type { SignalOptions } from "../core/signal.ts";
import { fetchRangeFromRepository } from "./blob-range.ts";
import { type ClientOptions, createClient } from "./client.ts";
import { type DeleteOptions, deleteFromRepository, deleteTagInRepository } from "./delete.ts";
import type { Descriptor } from "./descriptor.ts";
import { assertCapability, type Endpoint } from "./endpoint.ts";
import { assertListOptions, type ListOptions, repositoriesOf, tagsOfRepository } from "./list-tags.ts";
import { MAX_MANIFEST_BYTES } from "./manifest.ts";
import { mountableName } from "./mount.ts";
import {
  existsInRepository,
  type FetchOptions,
  fetchFromRepository,
  type RepositoryPlace,
  type RepositoryState,
  readManifestInRepository,
  resolveInRepository,
} from "./pull.ts";
import { type PushOptions, pushToRepository, tagInRepository, tryMount } from "./push.ts";
import type { PushContent } from "./push-content.ts";
import { type PushStreamOptions, pushStreamToRepository } from "./push-stream.ts";
import { type RepositoryReferrersOptions, referrersInRepository } from "./referrers.ts";
import { resolveRetryPolicy } from "./retry.ts";
import { type ExtensionSignatures, signaturesOfExtension } from "./signature-extension.ts";
import type {
  Deleter,
  ExistenceChecker,
  ManifestReader,
  Mounter,
  RangeFetcher,
  ReferrerLister,
  RepositorySource,
  Store,
  TagLister,
} from "./store.ts";
import { isRepositoryPath } from "./tag.ts";
import { cancelUpload } from "./upload.ts";

export type { DeleteOptions } from "./delete.ts";
export type { ListOptions } from "./list-tags.ts";
export type { FetchOptions } from "./pull.ts";
export type { PushOptions } from "./push.ts";
export type { PushContent, SeekableContent } from "./push-content.ts";
export type { PushStreamOptions } from "./push-stream.ts";
export type { RangeOptions } from "./ranged-blob.ts";
export { parseRateLimit, type RateLimit } from "./rate-limit.ts";
export type { RepositoryReferrersOptions } from "./referrers.ts";
export type { ExtensionSignatures } from "./signature-extension.ts";

/** Options of {@link createRegistry}. */
export interface CreateRegistryOptions extends ClientOptions {
  /** Largest manifest accepted, in bytes. Default 4 MiB (4194304). */
  maxManifestBytes?: number | undefined;
}

/** One repository of a registry. */
export interface Repository
  extends Store,
    ManifestReader,
    RangeFetcher,
    ExistenceChecker,
    TagLister,
    ReferrerLister,
    Deleter,
    Mounter,
    ExtensionSignatures {
  /** Full name, with the domain: `docker.io/library/busybox`. */
  readonly name: string;
  /**
   * The content of a descriptor; see `Fetcher`. A connection that breaks is taken up again where it broke, and nothing is ever
   * decoded: a blob with a `Content-Encoding` fails with `ERR_OCI_PROTOCOL`.
   *
   * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pull}
   */
  fetch(descriptor: Descriptor, options?: FetchOptions): ByteStream;
  /**
   * Stores content under its descriptor; see `Pusher`. Content that can be read again is sent again after a failure that may
   * pass; of a stream, only chunks are.
   *
   * A manifest with a `subject` is listed with what refers to that subject also where the registry has no referrers API: the
   * index under the subject's tag is changed then, also if the manifest itself was there already and is given as bytes.
   *
   * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push}
   */
  push(descriptor: Descriptor, content: PushContent, options?: PushOptions): Promise<void>;
  /**
   * Stores a blob whose digest is not known yet, and gives its descriptor. The stream is read once, hashed as it is sent, and
   * released on every way out; nothing is repeated.
   *
   * Rejects with `ERR_TOO_LARGE` beyond `maxBytes`.
   */
  pushStream(content: ByteStream, options: PushStreamOptions): Promise<Descriptor>;
  /**
   * Descriptors of the manifests that refer to a subject; see `ReferrerLister`. They are what the registry claims: nothing of
   * them is fetched or compared.
   *
   * The artifact type is compared here, whether or not the registry filters. The iteration fails with
   * `ERR_OCI_LIST_TOO_LONG`, `ERR_OCI_LINK_REFUSED`, and `ERR_OCI_PROTOCOL` where the subject's tag stands for no index.
   *
   * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers}
   */
  referrers(
    subject: Pick<Descriptor, "digest">,
    options?: RepositoryReferrersOptions,
  ): AsyncIterable<Descriptor>;
  /**
   * Removes a manifest, index or blob; see `Deleter`. Tags that stand for a manifest go with it in most registries. Where there
   * is no referrers API a manifest with a `subject` is taken out of the index under the subject's tag.
   *
   * Rejects with `ERR_OCI_UNSUPPORTED` where the registry answers 405, or 400 for a manifest.
   */
  delete(descriptor: Descriptor, options?: DeleteOptions): Promise<void>;
  /**
   * Removes a tag. What it stands for stays, except in registries that take a tag for the manifest itself.
   *
   * Rejects with `ERR_OCI_NOT_FOUND`, and `ERR_OCI_UNSUPPORTED` where tags are not removed.
   */
  deleteTag(tag: string, options?: SignalOptions): Promise<void>;
  /**
   * Makes a blob of another repository of the same registry, by path or full name, a blob of this one; see `Mounter`. With
   * null the registry may take it from any.
   */
  mount(descriptor: Descriptor, fromRepository: string | null, options?: SignalOptions): Promise<boolean>;
  /**
   * The tags, as the registry sorts them; lazy, page by page.
   *
   * The iteration fails with `ERR_OCI_LINK_REFUSED` for a page on another origin, `ERR_OCI_LIST_TOO_LONG` for pages in a
   * circle or beyond the limit, `ERR_OCI_PROTOCOL` for what is no list of tags.
   *
   * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags}
   */
  tags(options?: ListOptions): AsyncIterable<string>;
}

/** What a reference stood for when it was asked. */
export interface ResolvedImage {
  /** With tag and digest. */
  reference: Reference & { digest: Descriptor["digest"] };
  /** Of the manifest or index. */
  descriptor: Descriptor;
  /** Where it is. */
  repository: Repository;
}

/** A client for any number of registries. */
export interface Registry extends RepositorySource<Repository> {
  /**
   * What a reference stands for, such as `busybox` or `quay.io/a/b:1.0@sha256:…`: a single request in most
   * cases. Familiar names are completed; without tag and digest it is `latest`; a digest decides over a tag.
   *
   * @throws {CoreError} `ERR_REFERENCE_INVALID`.
   * @throws {OciError} `ERR_OCI_NOT_FOUND`, with the registry's own codes in `errors`.
   */
  resolve(reference: string, options?: SignalOptions): Promise<ResolvedImage>;
  /**
   * Paths of the repositories of a registry such as `quay.io`, without its domain; lazy, page by page.
   *
   * Fails with `ERR_OCI_UNSUPPORTED` where the registry has no catalog, else as {@link Repository.tags} does. Not part of
   * the specification: large public registries refuse it.
   *
   * @throws {CoreError} `ERR_REFERENCE_INVALID` for a text that is no host.
   * @see {@link https://distribution.github.io/distribution/spec/api/#listing-repositories}
   */
  catalog(domain: string, options?: ListOptions): AsyncIterable<string>;
  /**
   * The repository of a path at an endpoint, such as a mirror's: every request goes below the endpoint's URL, and only
   * what the endpoint is for is asked there; the rest fails with `ERR_OCI_UNSUPPORTED`. Nothing falls back by itself.
   *
   * Credentials are those of the endpoint's `domain`. Agents and tokens are kept as long as the registry client, so an
   * endpoint should be made once; see {@link resolveEndpoint}.
   *
   * @throws {CoreError} `ERR_REFERENCE_INVALID` for a path that is none.
   */
  repositoryAt(endpoint: Endpoint, path: string): Repository;
  /** Breaks what is under way, and closes every connection. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A client for registries. Nothing is sent before a repository is used.
 *
 * Every content is verified. Credentials go only to the registry that they are for and to its token server;
 * see {@link CreateRegistryOptions.trustOrigin} for what a registry's answers may name.
 *
 * @throws {RangeError} for a limit that is none.
 */
export function createRegistry(options: CreateRegistryOptions = {}): Registry {
  const { maxManifestBytes = MAX_MANIFEST_BYTES, ...clientOptions } = options;
  assertLimit(maxManifestBytes, "maxManifestBytes");
  const policy = resolveRetryPolicy(options.retry);
  const client = createClient(clientOptions);

  const state: RepositoryState = {
    referrersApi: new Map(),
    changes: new Map(),
    signatureExtension: new Map(),
  };

  const open = (name: { domain: string; path: string }): Repository => {
    const { domain, path } = name;
    if (domain === "" || !isRepositoryPath(path)) {
      throw new CoreError("ERR_REFERENCE_INVALID", `${JSON.stringify(referenceName(name))} is no repository`);
    }
    const registry = client.urlOf(domain);
    return repositoryAt({ client, domain, path, registry, maxManifestBytes, policy, state });
  };
  return {
    repository: (name) => open(parseReferenceName(name)),
    repositoryAt(endpoint, path) {
      if (!isRepositoryPath(path)) {
        throw new CoreError(
          "ERR_REFERENCE_INVALID",
          `${JSON.stringify(path.slice(0, 255))} is no repository`,
        );
      }
      const { domain, root: registry } = endpoint;
      return repositoryAt({ client, domain, path, registry, endpoint, maxManifestBytes, policy, state });
    },
    catalog(domain, options = {}) {
      client.urlOf(domain);
      assertListOptions(options);
      return repositoriesOf(client, domain, options);
    },
    async resolve(text, { signal } = {}) {
      signal?.throwIfAborted();
      const reference = withDefaultTag(parseReference(text));
      const repository = open(reference);
      const descriptor = await repository.resolve(reference.digest ?? reference.tag ?? "", { signal });
      return { reference: withDigest(reference, descriptor.digest), descriptor, repository };
    },
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function repositoryAt(place: RepositoryPlace): Repository {
  return {
    name: referenceName({ domain: place.endpoint?.namespace ?? place.domain, path: place.path }),
    fetch: (descriptor, options = {}) => fetchFromRepository(place, descriptor, options),
    fetchRange: (descriptor, start, end, { signal } = {}) =>
      fetchRangeFromRepository(place, descriptor, { start, end, signal }),
    resolve: (tagOrDigest, options = {}) => resolveInRepository(place, tagOrDigest, options),
    readManifest: (tagOrDigest, options = {}) => readManifestInRepository(place, tagOrDigest, options),
    extensionSignatures: (digest, options = {}) => signaturesOfExtension(place, digest, options),
    exists: (descriptor, options = {}) => existsInRepository(place, descriptor, options),
    tags: (options = {}) => tagsOfRepository(place, options),
    referrers: (subject, options = {}) => referrersInRepository(place, subject, options),
    delete: (descriptor, options = {}) => deleteFromRepository(place, descriptor, options),
    deleteTag: (tag, options = {}) => deleteTagInRepository(place, tag, options),
    async mount(descriptor, fromRepository, { signal } = {}) {
      signal?.throwIfAborted();
      assertCapability(place.endpoint, "push");
      parseDigest(descriptor.digest);
      const from = fromRepository === null ? null : mountableName(place, fromRepository);
      const mounted = await tryMount(place, descriptor, from, signal);
      if (typeof mounted === "boolean") return mounted;
      await cancelUpload(mounted);
      return false;
    },
    pushStream: (content, options) => pushStreamToRepository(place, content, options),
    push: (descriptor, content, options = {}) => pushToRepository(place, descriptor, content, options),
    tag: (descriptor, tag, options = {}) => tagInRepository(place, descriptor, tag, options),
  };
}

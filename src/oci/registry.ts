/**
 * Registries: repositories found by name, over HTTP.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md}
 * @module
 */
import { assertLimit } from "../core/bytes.ts";
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
import { type ClientOptions, createClient } from "./client.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Endpoint } from "./endpoint.ts";
import { assertListOptions, type ListOptions, repositoriesOf, tagsOfRepository } from "./list-tags.ts";
import { MAX_MANIFEST_BYTES } from "./manifest.ts";
import {
  existsInRepository,
  fetchFromRepository,
  type RepositoryPlace,
  resolveInRepository,
} from "./pull.ts";
import { pushToRepository, tagInRepository } from "./push.ts";
import { resolveRetryPolicy } from "./retry.ts";
import type { ExistenceChecker, RepositorySource, Store, TagLister } from "./store.ts";
import { isRepositoryPath } from "./tag.ts";

export type { ListOptions } from "./list-tags.ts";

/** Options of {@link createRegistry}. */
export interface CreateRegistryOptions extends ClientOptions {
  /** Largest manifest accepted, in bytes. Default 4 MiB (4194304). */
  maxManifestBytes?: number | undefined;
}

/** One repository of a registry. */
export interface Repository extends Store, ExistenceChecker, TagLister {
  /** Full name, with the domain: `docker.io/library/busybox`. */
  readonly name: string;
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

  const open = (name: { domain: string; path: string }): Repository => {
    const { domain, path } = name;
    if (domain === "" || !isRepositoryPath(path)) {
      throw new CoreError("ERR_REFERENCE_INVALID", `${JSON.stringify(referenceName(name))} is no repository`);
    }
    const registry = client.urlOf(domain);
    return repositoryAt({ client, domain, path, registry, maxManifestBytes, policy });
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
      return repositoryAt({ client, domain, path, registry, endpoint, maxManifestBytes, policy });
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
    resolve: (tagOrDigest, options = {}) => resolveInRepository(place, tagOrDigest, options),
    exists: (descriptor, options = {}) => existsInRepository(place, descriptor, options),
    tags: (options = {}) => tagsOfRepository(place, options),
    push: (descriptor, content, options = {}) => pushToRepository(place, descriptor, content, options),
    tag: (descriptor, tag, options = {}) => tagInRepository(place, descriptor, tag, options),
  };
}

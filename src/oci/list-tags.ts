/**
 * The tags of a repository, and the repositories of a registry.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags}
 * @see {@link https://distribution.github.io/distribution/spec/api/#listing-repositories}
 * @module
 */
import { matchesDigestGrammar } from "../core/digest.ts";
import { isTag } from "../core/reference.ts";
import type { SignalOptions } from "../core/signal.ts";
import type { Client, ClientRequest } from "./client.ts";
import { assertCapability } from "./endpoint.ts";
import { OciError } from "./errors.ts";
import { readPages, readTextList, tooLong } from "./pages.ts";
import { type RepositoryPlace, repositoryAccess, repositoryUrl } from "./pull.ts";
import { assertTag, isRepositoryPath } from "./tag.ts";
import { displayUrl } from "./url.ts";

/** Options of lists that come in pages. */
export interface ListOptions extends SignalOptions {
  /** Entries to ask for at a time, 1 to 1000: some registries refuse more. Default 1000. */
  pageSize?: number | undefined;
  /** Only entries after this one, in the registry's order. */
  last?: string | undefined;
  /** Most entries; one more fails with `ERR_OCI_LIST_TOO_LONG`. Default 1000000. */
  maxEntries?: number | undefined;
}

/**
 * The tags of a repository, as the registry sorts them; see `TagLister`.
 *
 * Empty entries and whole digests, which some registries put into the list, are left out.
 *
 * @throws {OciError} `ERR_OCI_PROTOCOL` for any other text that is no tag.
 */
export function tagsOfRepository(place: RepositoryPlace, options: ListOptions): AsyncGenerator<string, void> {
  if (options.last !== undefined) assertTag(options.last);
  assertListOptions(options);
  return listNames("tags", options, {
    client: place.client,
    request: {
      ...repositoryAccess(place, ["pull"], options.signal),
      url: repositoryUrl(place, "tags/list"),
      accept: [200],
    },
    check: () => assertCapability(place.endpoint, "resolve"),
    isName: isTag,
    isSkipped: (text) => text === "" || matchesDigestGrammar(text),
  });
}

/**
 * The repositories of a registry, by path.
 *
 * @throws {OciError} `ERR_OCI_UNSUPPORTED` where the registry has no catalog.
 */
export async function* repositoriesOf(
  client: Client,
  domain: string,
  options: ListOptions,
): AsyncGenerator<string, void> {
  const registry = client.urlOf(domain);
  const url = new URL("/v2/_catalog", registry);
  try {
    yield* listNames("repositories", options, {
      client,
      request: {
        domain,
        registry,
        repository: "",
        scopes: ["registry:catalog:*"],
        signal: options.signal,
        url,
        accept: [200],
      },
      check: () => {},
      isName: isRepositoryPath,
      isSkipped: (text) => text === "",
    });
  } catch (error) {
    if (error instanceof OciError && error.url === displayUrl(url) && isAbsent(error)) {
      throw new OciError("ERR_OCI_UNSUPPORTED", `${registry.origin} has no catalog`, {
        cause: error,
        statusCode: error.statusCode,
        errors: [...error.errors],
        method: error.method,
        url: error.url,
      });
    }
    throw error;
  }
}

function isAbsent({ statusCode }: OciError): boolean {
  return statusCode === 404 || statusCode === 405 || statusCode === 501;
}

/** Fails for a size of pages, or a limit, that is none. */
export function assertListOptions({ pageSize = 1000, maxEntries = 1_000_000 }: ListOptions): void {
  if (!Number.isSafeInteger(pageSize) || pageSize < 1 || pageSize > 1000) {
    throw new RangeError(`pageSize must be a whole number from 1 to 1000, got ${pageSize}`);
  }
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 0) {
    throw new RangeError(`maxEntries must be a whole number, got ${maxEntries}`);
  }
}

/** Most pages in a row that bring nothing: no limit of entries would ever end them. */
const MAX_EMPTY_PAGES = 100;

interface NameList {
  client: Client;
  request: Omit<ClientRequest, "method">;
  /** Fails where the list must not be asked for. */
  check: () => void;
  isName: (text: string) => boolean;
  isSkipped: (text: string) => boolean;
}

async function* listNames(
  key: string,
  { pageSize = 1000, last, maxEntries = 1_000_000, signal }: ListOptions,
  { client, request, check, isName, isSkipped }: NameList,
): AsyncGenerator<string, void> {
  signal?.throwIfAborted();
  check();
  const url = new URL(request.url);
  url.searchParams.append("n", String(pageSize));
  if (last !== undefined) url.searchParams.append("last", last);
  let count = 0;
  let emptyPages = 0;
  for await (const { answer } of readPages({ ...request, client, url })) {
    const before = count;
    for (const text of await readTextList(answer, key, signal)) {
      if (isSkipped(text)) continue;
      if (!isName(text)) {
        const shown = displayUrl(answer.url);
        throw new OciError(
          "ERR_OCI_PROTOCOL",
          `GET ${shown}: ${JSON.stringify(text.slice(0, 160))} in ${key}`,
          {
            method: "GET",
            url: shown,
          },
        );
      }
      if (++count > maxEntries) throw tooLong(url, `more than ${maxEntries} ${key}`);
      yield text;
      signal?.throwIfAborted();
    }
    emptyPages = count > before ? 0 : emptyPages + 1;
    if (emptyPages > MAX_EMPTY_PAGES) throw tooLong(url, `${emptyPages} pages without any of the ${key}`);
  }
}

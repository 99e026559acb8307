/**
 * Lists that a registry gives page by page.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags}
 * @module
 */
import { collectBytes } from "../core/bytes.ts";
import { CoreError } from "../core/errors.ts";
import { type JsonNode, members, parseJson } from "../core/strict-json.ts";
import type { Client, ClientRequest } from "./client.ts";
import { OciError } from "./errors.ts";
import { type HttpAnswer, headerLines, readBody } from "./http.ts";
import { nextPage } from "./link.ts";
import { displayUrl } from "./url.ts";

/** One page. Its body is not read yet. */
export interface Page {
  answer: HttpAnswer;
}

/** What {@link readPages} needs. */
export interface PagesRequest extends Omit<ClientRequest, "method"> {
  client: Client;
}

/** Most pages of one list. */
const MAX_PAGES = 10_000;
/** Longest body of one page, in bytes. */
export const MAX_PAGE_BYTES: number = 8 * 1024 * 1024;

/**
 * The pages of a list, each asked for when it is wanted. Links are followed on the registry's own origin only.
 *
 * The body of each page must be read before the next one is asked for.
 *
 * @throws {OciError} `ERR_OCI_LINK_REFUSED` for a page elsewhere, `ERR_OCI_LIST_TOO_LONG` for pages that go in a circle
 * or on and on.
 */
export async function* readPages({ client, ...request }: PagesRequest): AsyncGenerator<Page, void> {
  const seen = new Set<string>();
  for (let url: URL | undefined = request.url; url; ) {
    const asked: URL = url;
    if (seen.has(asked.href)) throw tooLong(asked, "the pages go in a circle");
    if (seen.size >= MAX_PAGES) throw tooLong(asked, `more than ${MAX_PAGES} pages`);
    seen.add(asked.href);
    const answer = await client.request({ ...request, method: "GET", url: asked });
    yield { answer };
    // Against the URL that was asked: where that was redirected to has no say in what is asked next.
    url = nextPage(headerLines(answer, "link"), asked);
  }
}

/** The texts of an array in a page's JSON body, such as `tags`; null entries and a null array count for nothing. */
export async function readTextList(
  answer: HttpAnswer,
  key: string,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const body = await collectBytes(readBody(answer, signal), { maxBytes: MAX_PAGE_BYTES, signal });
  const list = readList(body, key);
  if (!list) {
    const url = displayUrl(answer.url);
    const { method, status: statusCode } = answer;
    throw new OciError("ERR_OCI_PROTOCOL", `${method} ${url}: no list of ${key}`, {
      statusCode,
      method,
      url,
    });
  }
  return list;
}

function readList(body: Uint8Array, key: string): string[] | undefined {
  let list: JsonNode | undefined;
  try {
    const tree = parseJson(body, { maxBytes: MAX_PAGE_BYTES, maxDepth: 8 });
    list = members(tree).find((member) => member.key === key)?.value;
  } catch (error) {
    if (error instanceof CoreError) return undefined;
    throw error;
  }
  if (list?.kind === "null") return [];
  if (list?.kind !== "array") return undefined;
  const texts: string[] = [];
  for (const item of list.items) {
    if (item.kind === "string") texts.push(item.value);
    else if (item.kind !== "null") return undefined;
  }
  return texts;
}

/** The error for a list that has no end in sight. */
export function tooLong(url: URL, why: string): OciError {
  return new OciError("ERR_OCI_LIST_TOO_LONG", `GET ${displayUrl(url)}: ${why}`, {
    method: "GET",
    url: displayUrl(url),
  });
}

/**
 * Answers that are no success, as errors.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes}
 * @module
 */
import { collectBytes } from "../core/bytes.ts";
import { isLadingError } from "../core/errors.ts";
import { type JsonNode, parseJson, toPlain } from "../core/strict-json.ts";
import { OciError, type OciErrorCode, type RegistryErrorEntry } from "./errors.ts";
import { discardBody, type HttpAnswer, headerOf, readBody } from "./http.ts";
import { parseRetryAfter } from "./retry.ts";
import { displayUrl } from "./url.ts";

const MAX_ERROR_BODY_BYTES = 1024 * 1024;
const MAX_ERROR_ENTRIES = 100;

/** What an answer that is no success is to the caller; reads its body, of at most 1 MiB. */
export async function answerError(
  answer: HttpAnswer,
  { signal, now = Date.now }: { signal?: AbortSignal | undefined; now?: () => number } = {},
): Promise<OciError> {
  const { method, status } = answer;
  const entries = method === "HEAD" ? [] : await readErrorEntries(answer, signal);
  if (method === "HEAD") await discardBody(answer);
  const url = displayUrl(answer.url);
  const said = entries.slice(0, 3).map(({ code, message }) => `${code}${message ? `: ${message}` : ""}`);
  const hint = status === 404 ? " (not there, or not visible with these credentials)" : "";
  const text = printable(
    `${method} ${url}: status ${status}${hint}${said.length > 0 ? `: ${said.join("; ")}` : ""}`,
  );
  const retryAfterMs = parseRetryAfter(headerOf(answer, "retry-after"), now());
  return new OciError(codeFor(status), text, {
    statusCode: status,
    errors: entries,
    method,
    url,
    retryAfterMs,
  });
}

function codeFor(status: number): OciErrorCode {
  switch (status) {
    case 401:
      return "ERR_OCI_UNAUTHORIZED";
    case 403:
      return "ERR_OCI_DENIED";
    case 404:
      return "ERR_OCI_NOT_FOUND";
    case 429:
      return "ERR_OCI_RATE_LIMITED";
    default:
      return "ERR_OCI_STATUS";
  }
}

async function readErrorEntries(
  answer: HttpAnswer,
  signal: AbortSignal | undefined,
): Promise<RegistryErrorEntry[]> {
  try {
    const body = await collectBytes(readBody(answer, signal), { maxBytes: MAX_ERROR_BODY_BYTES, signal });
    return parseErrorBody(body);
  } catch {
    signal?.throwIfAborted();
    // The status is the news; a body that cannot be read adds nothing to it.
    return [];
  }
}

/**
 * The entries of a registry's error body; none for any other text.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes}
 */
export function parseErrorBody(body: Uint8Array): RegistryErrorEntry[] {
  let tree: JsonNode;
  try {
    tree = parseJson(body, { maxBytes: MAX_ERROR_BODY_BYTES, maxDepth: 32, duplicateKeys: "keep" });
  } catch (error) {
    if (isLadingError(error)) return [];
    throw error;
  }
  const list = tree.kind === "object" ? tree.members.find(({ key }) => key === "errors")?.value : undefined;
  if (list?.kind !== "array") return [];
  const entries: RegistryErrorEntry[] = [];
  for (const item of list.items.slice(0, MAX_ERROR_ENTRIES)) {
    if (item.kind !== "object") continue;
    const fields = new Map(item.members.map(({ key, value }) => [key, value]));
    const code = fields.get("code");
    if (code?.kind !== "string") continue;
    const entry: RegistryErrorEntry = { code: code.value };
    const message = fields.get("message");
    const detail = fields.get("detail");
    if (message?.kind === "string") entry.message = message.value;
    if (detail && detail.kind !== "null") entry.detail = toPlain(detail);
    entries.push(entry);
  }
  return entries;
}

/** A server's text without control characters, cut to a length that a log bears. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").slice(0, 2000);
}

/**
 * The body of a request as JSON, read strictly, and about as fast as `JSON.parse` reads it.
 *
 * @module
 */
import { isUtf8 } from "node:buffer";
import { CoreError } from "../core/errors.ts";
import { parseJson } from "../core/json-parse.ts";
import { toPlain } from "../core/json-plain.ts";
import { mayBeMisread } from "../core/native-json.ts";
import { AdmissionError, type AdmissionErrorCode } from "./errors.ts";

/** Options of {@link parseAdmissionReview}. */
export interface ParseAdmissionReviewOptions {
  /**
   * Longest body, in bytes. Default 7 MiB (7340032): an object and the one before it, of 3 MiB each as the API server
   * takes them, and what is around them.
   */
  maxBytes?: number | undefined;
}

const MAX_REVIEW_BYTES = 7 * 1024 * 1024;
/** The API server's own decoder refuses deeper ones. */
const MAX_DEPTH = 1000;

const CODES: Readonly<Partial<Record<string, AdmissionErrorCode>>> = {
  ERR_JSON_DUPLICATE_KEY: "ERR_ADMISSION_DUPLICATE_KEY",
  ERR_TOO_LARGE: "ERR_ADMISSION_TOO_LARGE",
};

/**
 * The JSON value of a request's body: what `JSON.parse` gives for it, if no object names a member twice, once for this
 * reader and once for another one. Halves of surrogate pairs are U+FFFD, as the API server reads them.
 *
 * Whether it is an AdmissionReview is for {@link reviewAdmission} to say.
 *
 * @throws {AdmissionError} `ERR_ADMISSION_SYNTAX`, `ERR_ADMISSION_DUPLICATE_KEY`, `ERR_ADMISSION_TOO_LARGE`.
 */
export function parseAdmissionReview(
  body: Uint8Array | string,
  { maxBytes = MAX_REVIEW_BYTES }: ParseAdmissionReviewOptions = {},
): unknown {
  const bytes =
    typeof body === "string" && body.length <= maxBytes ? Buffer.from(body, "utf8") : (body as Uint8Array);
  const quick = bytes.length <= maxBytes ? tryPlainText(bytes) : undefined;
  if (quick) return quick.value;
  try {
    // Says what is wrong, and where; or that nothing is.
    return toPlain(parseJson(bytes, { maxBytes, maxDepth: MAX_DEPTH }), Number);
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new AdmissionError(CODES[cause.code] ?? "ERR_ADMISSION_SYNTAX", cause.message, { cause });
  }
}

/**
 * The value of a text of which it is easy to see that it says everything once; nothing for another one, whatever it is.
 *
 * There is one colon outside of texts for each member of an object. So an object names a member twice if, and only if,
 * there are more of these colons than there are members in the value.
 */
function tryPlainText(bytes: Uint8Array): { value: unknown } | undefined {
  if (!isUtf8(bytes)) return undefined;
  // What all objects inherit would count as members of each.
  for (const _inherited in {}) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  // Halves of surrogate pairs: names that differ in them only are the same name to Go.
  if (text.includes("\\ud") || text.includes("\\uD")) return undefined;
  const colons = colonsOutside(bytes);
  if (colons === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return membersIn(value) === colons && !mayBeMisread(text, value) ? { value } : undefined;
  } catch {
    return undefined;
  }
}

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** How many colons stand outside of strings; nothing for what is nested too deep. */
function colonsOutside(bytes: Uint8Array): number | undefined {
  let colons = 0;
  let depth = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      // To the quotation mark that ends the string.
      for (at++; at < bytes.length && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++;
    } else if (byte === COLON) {
      colons++;
    } else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > MAX_DEPTH) return undefined;
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--;
    }
  }
  return colons;
}

/**
 * How many members all objects of a value have; it is no deeper than the limit.
 *
 * Lists of members or values would take as long as the rest of the reading does.
 */
function membersIn(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const part of value) members += membersIn(part);
    return members;
  }
  for (const name in value) members += 1 + membersIn(value[name as keyof typeof value]);
  return members;
}

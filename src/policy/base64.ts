/**
 * Standard base64 as policies, annotations and log entries use it.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc4648#section-4}
 * @module
 */

/**
 * The bytes of a base64 text, or nothing if it is not one.
 *
 * Padding is required. CR and LF are ignored wherever they stand, and unused bits of the last character may
 * be anything: both as the reference implementation's decoder does. Other white space, the URL alphabet and
 * text after the padding are refused.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  // Written as an encoder writes it: nothing to ignore, nothing to refuse.
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") === text) return bytes;
  return decode(text.replaceAll(/[\r\n]/g, ""), /[^A-Za-z0-9+/]/);
}

/**
 * The bytes of a base64url text of a JWS, or nothing if it is not one.
 *
 * Padding may be left out; line breaks and spaces are ignored.
 */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  const compact = text.replaceAll(/[\r\n ]/g, "");
  const padded = compact.includes("=") ? compact : compact + "=".repeat((4 - (compact.length % 4)) % 4);
  return decode(padded, /[^A-Za-z0-9_-]/);
}

function decode(text: string, foreign: RegExp): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.slice(0, text.length - padding);
  if (foreign.test(digits)) return undefined;
  return Buffer.from(digits, "base64");
}

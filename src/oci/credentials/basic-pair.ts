/**
 * A user name and a password in the form in which files keep them: base64 of `user:password`.
 *
 * @module
 */

/** What {@link parseBasicPair} finds. */
export type BasicPair =
  | { kind: "pair"; username: string; password: string }
  /** There is no text, or none that has a colon. */
  | { kind: "none"; reason: "empty" | "no-colon" }
  /** It is not base64, or not of UTF-8. The reason repeats nothing of it. */
  | { kind: "invalid"; reason: "illegal base64" | "not UTF-8" };

/** Options of {@link parseBasicPair}. */
export interface ParseBasicPairOptions {
  /** `"required"` (the default) wants base64 with its padding; `"optional"` takes it without, too. */
  padding?: "required" | "optional" | undefined;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The user name up to the first colon, and the password behind it, without the NUL characters at its end.
 *
 * Line breaks within the base64 are ignored, and the URL alphabet is refused, as Go's decoder does. Either part
 * may be empty; the password may hold colons and line breaks, as a key file of a cloud provider does.
 */
export function parseBasicPair(
  text: string,
  { padding = "required" }: ParseBasicPairOptions = {},
): BasicPair {
  let digits = text.replaceAll(/[\r\n]/g, "");
  if (digits === "") return { kind: "none", reason: "empty" };
  if (padding === "optional") digits = padded(digits.trim());
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) {
    return { kind: "invalid", reason: "illegal base64" };
  }
  let pair: string;
  try {
    pair = UTF8.decode(Buffer.from(digits, "base64"));
  } catch {
    return { kind: "invalid", reason: "not UTF-8" };
  }
  const colon = pair.indexOf(":");
  if (colon < 0) return { kind: "none", reason: pair === "" ? "empty" : "no-colon" };
  return {
    kind: "pair",
    username: pair.slice(0, colon),
    password: withoutTrailingNuls(pair.slice(colon + 1)),
  };
}

/**
 * The base64 of a user name and a password.
 *
 * @throws {TypeError} for a user name with a colon, which would be read as a part of the password.
 */
export function formatBasicPair(username: string, password: string): string {
  if (username.includes(":")) throw new TypeError("a user name with a colon cannot be written");
  return Buffer.from(`${username}:${password}`, "utf8").toString("base64");
}

function padded(digits: string): string {
  return digits.endsWith("=") ? digits : digits + "=".repeat((4 - (digits.length % 4)) % 4);
}

function withoutTrailingNuls(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0) end--;
  return text.slice(0, end);
}

/**
 * References as people handle them: any text to what it stands for, patterns over short names, and lists.
 *
 * @see {@link https://github.com/distribution/reference/blob/v0.6.0/helpers.go}
 * @module
 */
import { type Digest, isDigest } from "./digest.ts";
import { isLadingError } from "./errors.ts";
import { matchPathPattern } from "./path-pattern.ts";
import {
  familiarName,
  familiarReference,
  formatReference,
  isIdentifier,
  type LexicalReference,
  type ParseReferenceOptions,
  parseReference,
  type Reference,
} from "./reference.ts";

/** What a text can stand for where both an image's id and its name are accepted. */
export type AnyReference = { kind: "digest"; digest: Digest } | { kind: "named"; reference: Reference };

/**
 * What a text stands for: 64 hexadecimal digits or a whole digest stand for a digest, everything else for a
 * name as {@link parseReference} reads it.
 *
 * A shorter identifier is a name, not an abbreviated digest.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for anything else.
 */
export function parseAnyReference(text: string, options: ParseReferenceOptions = {}): AnyReference {
  const digest = isIdentifier(text) ? `sha256:${text}` : text;
  if (isDigest(digest)) return { kind: "digest", digest };
  return { kind: "named", reference: parseReference(text, options) };
}

/** The full text of what {@link parseAnyReference} gives. */
export function formatAnyReference(reference: AnyReference): string {
  return reference.kind === "digest" ? reference.digest : formatReference(reference.reference);
}

/**
 * Whether a shell pattern covers the short form of a reference: with tag and digest, or without.
 *
 * `*` and `**` do not reach over a `/`.
 *
 * @throws {CoreError} `ERR_PATTERN_INVALID` for a malformed pattern.
 */
export function matchFamiliarReference(pattern: string, reference: LexicalReference): boolean {
  return (
    matchPathPattern(pattern, familiarReference(reference)) ||
    matchPathPattern(pattern, familiarName(reference))
  );
}

/**
 * Texts of references in order, each in full form: first those with tag and digest, then tag, digest, name
 * only, a digest alone, and last, unchanged, texts that are no reference; among equals by their bytes.
 */
export function sortReferences(texts: readonly string[]): string[] {
  return texts
    .map((text) => ranked(text))
    .sort((a, b) => a.rank - b.rank || Buffer.compare(Buffer.from(a.text), Buffer.from(b.text)))
    .map(({ text }) => text);
}

const UNREADABLE_RANK = 5;

function ranked(text: string): { rank: number; text: string } {
  try {
    const any = parseAnyReference(text);
    return { rank: rankOf(any), text: formatAnyReference(any) };
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return { rank: UNREADABLE_RANK, text };
  }
}

function rankOf(any: AnyReference): number {
  if (any.kind === "digest") return 4;
  const { tag, digest } = any.reference;
  if (tag !== undefined) return digest === undefined ? 1 : 0;
  return digest === undefined ? 3 : 2;
}

/**
 * Image references: the grammar, the normalised ("familiar") forms, and the way back to text.
 *
 * ```text
 * reference    = name [ ":" tag ] [ "@" digest ]
 * name         = [ domain "/" ] path
 * domain       = host [ ":" 1*DIGIT ]                      ; the port's range is not checked
 * host         = label *( "." label ) / "[" 1*( HEXDIG / ":" ) "]"
 * label        = alnum / alnum *( alnum / "-" ) alnum      ; alnum = ALPHA / DIGIT
 * path         = component *( "/" component )              ; at most 255 characters
 * component    = 1*lower *( separator 1*lower )            ; lower = a-z / DIGIT
 * separator    = "." / "_" / "__" / 1*"-"
 * tag          = ( alnum / "_" ) *127( alnum / "_" / "." / "-" )
 * digest       = algorithm ":" 32*HEXDIG
 * algorithm    = ALPHA *alnum *( ( "-" / "_" / "+" / "." ) ALPHA *alnum )
 * identifier   = 64( DIGIT / a-f )
 * ```
 *
 * {@link parseRawReference} reads just this. {@link parseReference} first completes a familiar name:
 *
 * 1. An identifier is no name.
 * 2. What stands before the first `/` is the domain if it is `localhost`, holds `.` or `:`, or holds an
 *    upper-case letter; otherwise the domain is `docker.io` and the whole text is the path.
 * 3. `index.docker.io` stands for `docker.io`, where a path without `/` gets `library/` in front.
 *
 * The texts of the errors are those of the reference implementation, since users match on them.
 *
 * @see {@link https://github.com/distribution/reference/blob/v0.6.0/reference.go}
 * @module
 */
import { type Digest, parseDigest } from "./digest.ts";
import { CoreError, isLadingError } from "./errors.ts";

/** The name of a repository. */
export interface ReferenceName {
  /**
   * Host with optional port, such as `quay.io` or `[::1]:5000`.
   *
   * Empty where the grammar finds none: always possible in a raw reference; after normalising only for a
   * first part that looks like a host but is outside the grammar, such as `my_host.local/app`.
   */
  domain: string;
  /** Path below the domain, such as `library/busybox`. */
  path: string;
}

/** A reference whose digest, if any, fits the grammar but was not checked against its algorithm. */
export interface LexicalReference extends ReferenceName {
  tag?: string;
  digest?: string;
}

/** An image reference. It may have a tag, a digest, both or neither. */
export interface Reference extends LexicalReference {
  digest?: Digest;
}

/** Options of the functions that parse references. */
export interface ParseReferenceOptions {
  /**
   * What the limit of 255 characters counts: `"path"` (the default, as Docker and containerd do) or `"name"`,
   * domain and slash included (as containers/image, so CRI-O, podman and skopeo do).
   */
  lengthLimit?: "path" | "name" | undefined;
}

const ALNUM = "[a-zA-Z0-9]";
const LABEL = `${ALNUM}+(?:-+${ALNUM}+)*`;
const DOMAIN = `(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const COMPONENT = "[a-z0-9]+(?:(?:\\.|__?|-+)[a-z0-9]+)*";
const PATH = `${COMPONENT}(?:/${COMPONENT})*`;
const TAG = "[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}";
const ALGORITHM = "[a-zA-Z][a-zA-Z0-9]*(?:[-_+.][a-zA-Z][a-zA-Z0-9]*)*";
const DIGEST = `${ALGORITHM}:[0-9a-fA-F]{32,}`;

// No two ways through any of these match the same text, so a mismatch takes linear time.
const DOMAIN_ONLY = new RegExp(`^${DOMAIN}$`);
const NAME_ONLY = new RegExp(`^(?:(${DOMAIN})/)?(${PATH})$`);
const TAG_ONLY = new RegExp(`^${TAG}$`);
const DIGEST_ONLY = new RegExp(`^${DIGEST}$`);
const REFERENCE = new RegExp(`^(?:(${DOMAIN})/)?(${PATH})(?::(${TAG}))?(?:@(${DIGEST}))?$`);
const IDENTIFIER = /^[a-f0-9]{64}$/;

const MAX_NAME_LENGTH = 255;
/** Longer than any reference that names something that exists: a bound on the work, not part of the grammar. */
const MAX_TEXT_LENGTH = 65_536;

const DEFAULT_DOMAIN = "docker.io";
const LEGACY_DEFAULT_DOMAIN = "index.docker.io";
const OFFICIAL_PREFIX = "library/";
const DEFAULT_TAG = "latest";

/**
 * The reference that a text denotes, completed as Docker does: `busybox` is `docker.io/library/busybox`.
 *
 * No tag is added; see {@link withDefaultTag}. Whether anything has that name is not checked, nor that the
 * domain is a host that can be reached: see {@link ReferenceName.domain}.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for anything else; `cause` is the digest's error where that is
 * the reason.
 * @see {@link https://github.com/distribution/reference/blob/v0.6.0/normalize.go}
 */
export function parseReference(text: string, options: ParseReferenceOptions = {}): Reference {
  if (isIdentifier(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`, text);
  }
  if (text.length > MAX_TEXT_LENGTH) throw invalid("invalid reference format", text);
  const [domain, remainder] = splitFamiliarName(text);
  const colon = remainder.indexOf(":");
  const path = colon < 0 ? remainder : remainder.slice(0, colon);
  if (path.toLowerCase() !== path) {
    throw invalid(`invalid reference format: repository name (${path}) must be lowercase`, text);
  }
  return parseByGrammar(`${domain}/${remainder}`, options, text);
}

/**
 * The reference that a text spells out, by the grammar alone: the first part is a domain whenever it could be
 * one and a slash follows.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for anything else; `cause` is the digest's error where that is
 * the reason.
 * @see {@link https://github.com/distribution/reference/blob/v0.6.0/regexp.go}
 */
export function parseRawReference(text: string, options: ParseReferenceOptions = {}): Reference {
  if (text.length > MAX_TEXT_LENGTH) throw invalid("invalid reference format", text);
  return parseByGrammar(text, options, text);
}

/**
 * The name that a text spells out, by the grammar alone: no tag, no digest.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for anything else.
 */
export function parseReferenceName(text: string, options: ParseReferenceOptions = {}): ReferenceName {
  const match = text.length > MAX_TEXT_LENGTH ? null : NAME_ONLY.exec(text);
  if (!match) throw invalid("invalid reference format", text);
  const [, domain = "", path = ""] = match;
  checkLength({ domain, path }, text, options);
  return { domain, path };
}

/**
 * The reference that a text denotes, if that text is the full form already: `docker.io/library/busybox`, not
 * `busybox`.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for anything else.
 */
export function parseFullReference(text: string, options: ParseReferenceOptions = {}): Reference {
  const reference = parseReference(text, options);
  if (formatReference(reference) !== text) throw invalid("repository name must be canonical", text);
  return reference;
}

/**
 * The reference that Docker pulls for a text: with a digest the tag is dropped, and with neither the tag is
 * `latest`.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID` as {@link parseReference}.
 */
export function parseDockerReference(text: string, options: ParseReferenceOptions = {}): Reference {
  const { tag, ...reference } = parseReference(text, options);
  if (reference.digest !== undefined) return reference;
  return { ...reference, tag: tag ?? DEFAULT_TAG };
}

/** The full text of a reference: `domain/path:tag@digest`. {@link parseReference} reads it back. */
export function formatReference(reference: LexicalReference): string {
  return referenceName(reference) + suffix(reference);
}

/** The full name of a repository: `docker.io/library/busybox`. */
export function referenceName({ domain, path }: ReferenceName): string {
  return domain === "" ? path : `${domain}/${path}`;
}

/**
 * The short text that Docker shows for a reference: `busybox:latest` for `docker.io/library/busybox:latest`.
 *
 * It is for people. Rarely it reads back as another reference: `docker.io/localhost/app` is shown as
 * `localhost/app`. To store or compare, take {@link formatReference}.
 */
export function familiarReference(reference: LexicalReference): string {
  return familiarName(reference) + suffix(reference);
}

/** The short name that Docker shows for a repository: `busybox` for `docker.io/library/busybox`. */
export function familiarName({ domain, path }: ReferenceName): string {
  if (domain !== DEFAULT_DOMAIN) return referenceName({ domain, path });
  const short = path.startsWith(OFFICIAL_PREFIX) ? path.slice(OFFICIAL_PREFIX.length) : path;
  return short.includes("/") ? path : short;
}

/** The reference itself, or with the tag `latest` if it has neither tag nor digest. */
export function withDefaultTag<T extends LexicalReference>(reference: T): T {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return { ...reference, tag: DEFAULT_TAG };
}

/**
 * The reference with another tag; a digest is kept.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for a text that is no tag.
 */
export function withTag<T extends LexicalReference>(reference: T, tag: string): T & { tag: string } {
  if (!isTag(tag)) throw invalid("invalid tag format", tag);
  return { ...reference, tag };
}

/**
 * The reference with another digest; a tag is kept.
 *
 * A plain text is only checked against the grammar here, so its length may not be its algorithm's: the result
 * is a {@link Reference} only for a {@link Digest}.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for a text outside the grammar.
 */
export function withDigest<T extends LexicalReference, D extends string>(
  reference: T,
  digest: D,
): Omit<T, "digest"> & { digest: D } {
  if (typeof digest !== "string" || digest.length > MAX_TEXT_LENGTH || !DIGEST_ONLY.test(digest)) {
    throw invalid("invalid digest format", digest);
  }
  return { ...reference, digest };
}

/** The name alone, without tag and digest. */
export function trimReference({ domain, path }: ReferenceName): ReferenceName {
  return { domain, path };
}

/** Whether a text is a domain by the grammar: a host, and a port if there is one. */
export function isReferenceDomain(text: string): boolean {
  return text.length <= MAX_TEXT_LENGTH && DOMAIN_ONLY.test(text);
}

/** Whether a text is a tag by the grammar. */
export function isTag(text: string): boolean {
  return typeof text === "string" && TAG_ONLY.test(text);
}

/** Whether a text is an identifier: 64 lower-case hexadecimal digits, which no name can be. */
export function isIdentifier(text: string): boolean {
  return IDENTIFIER.test(text);
}

function suffix({ tag, digest }: LexicalReference): string {
  return (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}

function splitFamiliarName(text: string): [domain: string, remainder: string] {
  const slash = text.indexOf("/");
  if (slash < 0) return [DEFAULT_DOMAIN, OFFICIAL_PREFIX + text];
  const first = text.slice(0, slash);
  const rest = text.slice(slash + 1);
  if (first === LEGACY_DEFAULT_DOMAIN || first === DEFAULT_DOMAIN) {
    return [DEFAULT_DOMAIN, rest.includes("/") ? rest : OFFICIAL_PREFIX + rest];
  }
  const isDomain = first === "localhost" || /[.:]/.test(first) || first.toLowerCase() !== first;
  return isDomain ? [first, rest] : [DEFAULT_DOMAIN, text];
}

/** `given` is what the caller passed, for errors. */
function parseByGrammar(text: string, options: ParseReferenceOptions, given: string): Reference {
  const match = REFERENCE.exec(text);
  if (!match) {
    if (text === "") throw invalid("repository name must have at least one component", given);
    if (REFERENCE.test(text.toLowerCase())) throw invalid("repository name must be lowercase", given);
    throw invalid("invalid reference format", given);
  }
  const [, domain = "", path = "", tag, digest] = match;
  checkLength({ domain, path }, given, options);
  const reference: Reference = { domain, path };
  if (tag !== undefined) reference.tag = tag;
  if (digest !== undefined) reference.digest = digestIn(digest, given);
  return reference;
}

function checkLength(
  name: ReferenceName,
  text: string,
  { lengthLimit = "path" }: ParseReferenceOptions,
): void {
  const counted = lengthLimit === "name" ? referenceName(name) : name.path;
  if (counted.length <= MAX_NAME_LENGTH) return;
  throw invalid(`repository name must not be more than ${MAX_NAME_LENGTH} characters`, text);
}

function digestIn(digest: string, text: string): Digest {
  try {
    return parseDigest(digest);
  } catch (cause) {
    if (!isLadingError(cause)) throw cause;
    throw new CoreError("ERR_REFERENCE_INVALID", cause.message, { cause, input: text });
  }
}

function invalid(message: string, input: string): CoreError {
  return new CoreError("ERR_REFERENCE_INVALID", message, { input });
}

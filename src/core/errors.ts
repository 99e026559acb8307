/**
 * The errors that lading throws.
 *
 * Every failure that is not a mistake in the calling code is a {@link LadingError} with a stable `code`.
 * Each module has one subclass with a union of its codes, so that a `switch (error.code)` narrows. A mistake
 * of the caller (a wrong argument type, a negative limit) is a `TypeError` or `RangeError`; an abort rejects
 * with `signal.reason` itself.
 *
 * @module
 */

const BRAND: unique symbol = Symbol.for("lading.error");

/** What any {@link LadingError} may be given besides its message. */
export interface LadingErrorOptions {
  /** The error or value that led to this one. */
  cause?: unknown;
}

/**
 * The base of every error that lading throws on purpose.
 *
 * Match on `code`, which is stable; the message is for people and may change between versions, except where
 * a docstring says that it equals the text of a reference implementation.
 */
export abstract class LadingError extends Error {
  /** Stable identifier such as `ERR_DIGEST_MISMATCH`. */
  abstract readonly code: string;

  constructor(message: string, options: LadingErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = new.target.name;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * Whether a value is a {@link LadingError}, from this copy of the package or another one.
 *
 * Two copies of lading in one process have different classes, so `instanceof` alone can miss one.
 */
export function isLadingError(value: unknown): value is LadingError {
  return value instanceof Error && (value as { [BRAND]?: unknown })[BRAND] === true;
}

/** Codes of {@link CoreError}. */
export type CoreErrorCode =
  /** A text is not a digest: bad grammar, or a wrong length for its algorithm. */
  | "ERR_DIGEST_INVALID"
  /** A digest is well formed but its algorithm is not one that lading computes. */
  | "ERR_DIGEST_UNSUPPORTED"
  /** Content does not hash to the expected digest. */
  | "ERR_DIGEST_MISMATCH"
  /** Content has fewer or more bytes than its descriptor says. */
  | "ERR_SIZE_MISMATCH"
  /** Content has more bytes than the caller's limit. */
  | "ERR_TOO_LARGE"
  /** A text is not an image reference. */
  | "ERR_REFERENCE_INVALID"
  /** A pattern for names is malformed. */
  | "ERR_PATTERN_INVALID"
  /** A text is not a platform specifier. */
  | "ERR_PLATFORM_INVALID"
  /** A text is not one complete JSON value (RFC 8259). */
  | "ERR_JSON_SYNTAX"
  /** A JSON value is nested deeper than the limit. */
  | "ERR_JSON_TOO_DEEP"
  /** A JSON object names a member twice. */
  | "ERR_JSON_DUPLICATE_KEY"
  /** A JSON object has a member that its type does not have. */
  | "ERR_JSON_UNKNOWN_KEY"
  /** A JSON object lacks a member that its type requires. */
  | "ERR_JSON_MISSING_KEY"
  /** A JSON value is of another type than the one asked for, or out of range. */
  | "ERR_JSON_TYPE";

/** Where in a JSON text an error lies. */
export interface JsonPosition {
  /** JSONPath of the value (RFC 9535 normalized path), such as `$['transports']['docker'][0]`. */
  path: string;
  /** Bytes before the position in the text as it was given. */
  offset: number;
  /** Line, counted from 1. */
  line: number;
  /** Column in bytes, counted from 1. */
  column: number;
}

/** What a {@link CoreError} may carry. */
export interface CoreErrorOptions extends LadingErrorOptions {
  /** Where in a JSON text the error lies. */
  position?: JsonPosition;
  /** The text that was refused; its first 256 characters are kept. */
  input?: string;
}

/** An error of a digest, a reference, a platform, a JSON text or a bounded read. */
export class CoreError extends LadingError {
  readonly code: CoreErrorCode;
  /** Where in a JSON text the error lies; set for every `ERR_JSON_…` code. */
  declare readonly position?: JsonPosition;
  /** The reference, pattern or platform that was refused; at most its first 256 characters. */
  declare readonly input?: string;

  constructor(code: CoreErrorCode, message: string, options: CoreErrorOptions = {}) {
    super(message, options);
    this.code = code;
    if (options.position) this.position = options.position;
    if (options.input !== undefined) this.input = options.input.slice(0, 256);
  }
}

/**
 * Errors of a node's configuration.
 *
 * @module
 */
import { isLadingError, LadingError, type LadingErrorOptions } from "../core/errors.ts";
import type { Origin } from "./origin.ts";

/** Codes of {@link ConfigError}. */
export type ConfigErrorCode =
  /** A file is no document of its format. */
  | "ERR_CONFIG_SYNTAX"
  /** A value has another type than its key, or a number is out of range. */
  | "ERR_CONFIG_TYPE"
  /** A file has more bytes than the limit, there are more files than it, or imports go deeper. */
  | "ERR_CONFIG_TOO_LARGE"
  /** A file is missing that must be there, or cannot be read. */
  | "ERR_CONFIG_FILE"
  /** A file is written for a version of its format that the daemon does not know. */
  | "ERR_CONFIG_VERSION"
  /** Every value has its type, but the daemon refuses to start with them. */
  | "ERR_CONFIG_INVALID";

/** What a {@link ConfigError} may carry. */
export interface ConfigErrorOptions extends LadingErrorOptions {
  /** Where the value stands that was refused; of a file as a whole, its beginning. */
  origin?: Origin | undefined;
  /** Dotted key of the value that was refused. */
  key?: string | undefined;
}

/**
 * A configuration that the daemon would not start with, or that cannot be read.
 *
 * Where a docstring says so, the message equals what the daemon prints.
 */
export class ConfigError extends LadingError {
  readonly code: ConfigErrorCode;
  /** Where the value stands that was refused; absent where no file holds it. */
  readonly origin?: Origin;
  /** Dotted key of the value that was refused, such as `crio.runtime.log_level`. */
  readonly key?: string;

  constructor(code: ConfigErrorCode, message: string, options: ConfigErrorOptions = {}) {
    super(message, options);
    this.code = code;
    if (options.origin) this.origin = options.origin;
    if (options.key !== undefined) this.key = options.key;
  }
}

/** Whether a value is an error of this module, from this copy of the package or another one. */
export function isConfigError(value: unknown): value is ConfigError {
  return isLadingError(value) && value.code.startsWith("ERR_CONFIG_");
}

/**
 * Errors of images, artifacts and registries.
 *
 * @module
 */
import { LadingError, type LadingErrorOptions } from "../core/errors.ts";

/** Codes of {@link OciError}. */
export type OciErrorCode =
  /** The registry or store has no such manifest, blob, tag or repository, or does not let the caller see it. */
  "ERR_OCI_NOT_FOUND";

/** One entry of a registry's error body, with the code as the registry sent it. */
export interface RegistryErrorEntry {
  /** Such as `MANIFEST_UNKNOWN`; see distribution-spec 1.1 "Error Codes". */
  code: string;
  message?: string;
  detail?: unknown;
}

/** What an {@link OciError} may carry. */
export interface OciErrorOptions extends LadingErrorOptions {
  /** HTTP status, where an answer was the reason. */
  statusCode?: number;
  /** Entries of the registry's error body. */
  errors?: RegistryErrorEntry[];
}

/** An error of `lading/oci`. */
export class OciError extends LadingError {
  readonly code: OciErrorCode;
  /** HTTP status, where an answer was the reason. */
  readonly statusCode?: number;
  /** Entries of the registry's error body; empty where there were none. */
  readonly errors: readonly RegistryErrorEntry[];

  constructor(code: OciErrorCode, message: string, options: OciErrorOptions = {}) {
    super(message, options);
    this.code = code;
    if (options.statusCode !== undefined) this.statusCode = options.statusCode;
    this.errors = options.errors ?? [];
  }
}

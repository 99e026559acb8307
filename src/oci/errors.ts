/**
 * Errors of images, artifacts and registries.
 *
 * Content that is not what its descriptor says fails with the codes of `CoreError`: `ERR_DIGEST_MISMATCH`,
 * `ERR_SIZE_MISMATCH`, `ERR_TOO_LARGE`, and a JSON document that is broken with `ERR_JSON_…` and the position.
 *
 * @module
 */
import { LadingError, type LadingErrorOptions } from "../core/errors.ts";

/** Codes of {@link OciError}. */
export type OciErrorCode =
  /** The registry or store has no such manifest, blob, tag or repository, or does not let the caller see it. */
  | "ERR_OCI_NOT_FOUND"
  /** The registry wants (other) credentials. */
  | "ERR_OCI_UNAUTHORIZED"
  /** The registry knows the caller and refuses the action. */
  | "ERR_OCI_DENIED"
  /** The registry limits the rate of requests, and the retries or the longest wait are used up. */
  | "ERR_OCI_RATE_LIMITED"
  /** The registry answers with another status than the ones that the specification gives for success. */
  | "ERR_OCI_STATUS"
  /** No answer: the connection could not be made, broke, or stayed silent for too long. */
  | "ERR_OCI_NETWORK"
  /** An answer breaks the protocol: a needed header is missing or malformed. */
  | "ERR_OCI_PROTOCOL"
  /** A redirect that must not be followed: too many, to plain HTTP, with user information, or of a write. */
  | "ERR_OCI_REDIRECT_REFUSED"
  /** An upload location on another origin than the registry. */
  | "ERR_OCI_LOCATION_REFUSED"
  /** A next page on another origin than the registry. */
  | "ERR_OCI_LINK_REFUSED"
  /** A token server that credentials must not be sent to, or not be asked at all. */
  | "ERR_OCI_REALM_REFUSED"
  /** A host name stands for an address that requests must not go to. */
  | "ERR_OCI_ADDRESS_REFUSED"
  /** A token server's answer holds no usable token. */
  | "ERR_OCI_TOKEN_INVALID"
  /** A value of a header such as `Warning` or `Link` is outside its grammar. */
  | "ERR_OCI_HEADER_INVALID"
  /** The registry client was closed. */
  | "ERR_OCI_CLOSED"
  /** A document is no image manifest and no index. */
  | "ERR_OCI_MANIFEST_INVALID"
  /** A document can be read as two kinds: such a one is refused, whichever kind was asked for. */
  | "ERR_OCI_MANIFEST_AMBIGUOUS"
  /** A document names another media type than the one it was delivered under. */
  | "ERR_OCI_MEDIA_TYPE_MISMATCH"
  /** A document is of a type that lading does not read. */
  | "ERR_OCI_MEDIA_TYPE_UNSUPPORTED"
  /** A Docker schema 1 manifest: recognised, and refused. */
  | "ERR_OCI_SCHEMA1_UNSUPPORTED"
  /** An index has no entry for the platform. */
  | "ERR_OCI_PLATFORM_NOT_FOUND"
  /** The registry, or this store, does not have the function. */
  | "ERR_OCI_UNSUPPORTED"
  /** A list goes on beyond its limit, or in a circle. */
  | "ERR_OCI_LIST_TOO_LONG"
  /** The same index of referrers was changed by others again and again. */
  | "ERR_OCI_CONFLICT"
  /** A file of credentials that cannot be read as one. */
  | "ERR_OCI_AUTH_FILE_INVALID"
  /** A credential helper failed, or answered with what are no credentials. */
  | "ERR_OCI_CREDENTIAL_HELPER"
  /** A `hosts.toml` or `registries.conf` that cannot be read as one. */
  | "ERR_OCI_CONFIG_INVALID"
  /** The configuration of registries blocks the image. */
  | "ERR_OCI_BLOCKED"
  /** A short name that could mean several images. */
  | "ERR_OCI_SHORT_NAME_AMBIGUOUS"
  /** A directory or archive that is no image layout, or is damaged. */
  | "ERR_OCI_LAYOUT_INVALID"
  /** An archive of `docker save` that cannot be read as one. */
  | "ERR_OCI_ARCHIVE_INVALID"
  /** A file of a layout or an archive could not be read or written; `cause` has the system's own code. */
  | "ERR_OCI_FILE"
  /** One side of a copy failed: `side` tells which one, `cause` why. */
  | "ERR_OCI_COPY_FAILED"
  /** The check of a copy did not allow the image. */
  | "ERR_OCI_COPY_REFUSED"
  /** A layer that is no tar archive, or is damaged. */
  | "ERR_OCI_LAYER_INVALID"
  /** An entry of a layer, or a title of an artifact, that would leave its place, or does what none may do. */
  | "ERR_OCI_ENTRY_REFUSED"
  /** A layer or a list of entries over a limit. */
  | "ERR_OCI_LAYER_TOO_LARGE"
  /** A layer compressed by a method that is not known. */
  | "ERR_OCI_COMPRESSION_UNSUPPORTED"
  /** A layer that unpacks to something else than the configuration says. */
  | "ERR_OCI_DIFF_ID_MISMATCH"
  /** An encrypted layer without a key that opens it. */
  | "ERR_OCI_LAYER_ENCRYPTED"
  /** A document that breaks a rule of the image specification. */
  | "ERR_OCI_DOCUMENT_INVALID";

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
  statusCode?: number | undefined;
  /** Entries of the registry's error body. */
  errors?: RegistryErrorEntry[] | undefined;
  /** Request method, where a request was the reason. */
  method?: string | undefined;
  /** Request URL without user information and query, where a request was the reason. */
  url?: string | undefined;
  /** How long the server asked to wait, in milliseconds. */
  retryAfterMs?: number | undefined;
  /** Which side of a copy failed. */
  side?: "source" | "target" | undefined;
}

/** An error of `lading/oci`. */
export class OciError extends LadingError {
  readonly code: OciErrorCode;
  /** HTTP status, where an answer was the reason. */
  readonly statusCode?: number;
  /** Entries of the registry's error body; empty where there were none. */
  readonly errors: readonly RegistryErrorEntry[];
  /** Request method, where a request was the reason. */
  readonly method?: string;
  /** Request URL without user information and query, where a request was the reason. */
  readonly url?: string;
  /** How long the server asked to wait, in milliseconds, where it did. */
  readonly retryAfterMs?: number;
  /** Which side failed, for `ERR_OCI_COPY_FAILED`. */
  readonly side?: "source" | "target";

  constructor(code: OciErrorCode, message: string, options: OciErrorOptions = {}) {
    super(message, options);
    this.code = code;
    if (options.statusCode !== undefined) this.statusCode = options.statusCode;
    this.errors = options.errors ?? [];
    if (options.method !== undefined) this.method = options.method;
    if (options.url !== undefined) this.url = options.url;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
    if (options.side !== undefined) this.side = options.side;
  }
}

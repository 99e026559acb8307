/**
 * What the in-process registry takes in and gives out.
 *
 * @module
 */
import type { IncomingHttpHeaders } from "node:http";
import type { ByteStream } from "../core/bytes.ts";

/** A request as the registry received it, body included. */
export interface RegistryRequest {
  method: string;
  /** Path as sent, without the query. */
  path: string;
  query: URLSearchParams;
  /** Names in lower case. */
  headers: IncomingHttpHeaders;
  body: Uint8Array;
  /** Number of the connection that it came on, from 1. */
  connection: number;
}

/** An answer of the registry, or of a test in its place. */
export interface RegistryReply {
  status: number;
  headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** A stream may be endless: it is left when the client goes away. */
  body?: Uint8Array | string | ByteStream | undefined;
  /** Breaks the connection after this many bytes of the body. */
  breakAfterBytes?: number | undefined;
}

/** Error codes that the registry answers with; distribution-spec 1.1 "Error Codes". */
export type RegistryErrorCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DENIED"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "SIZE_INVALID"
  | "TOOMANYREQUESTS"
  | "UNAUTHORIZED"
  | "UNSUPPORTED";

/** An answer with a JSON body. */
export function jsonReply(
  status: number,
  value: unknown,
  headers: RegistryReply["headers"] = {},
): RegistryReply {
  return { status, headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(value) };
}

/** An error answer in the form of the distribution specification. */
export function errorReply(
  status: number,
  code: RegistryErrorCode,
  message: string,
  headers: RegistryReply["headers"] = {},
): RegistryReply {
  return jsonReply(status, { errors: [{ code, message }] }, headers);
}

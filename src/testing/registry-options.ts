/**
 * How an in-process registry is to be.
 *
 * @module
 */
import type { RegistryAuth } from "./registry-auth.ts";
import { type ReferrersSupport, type RegistryBehaviour, traitsOf } from "./registry-behaviour.ts";
import type { RegistryTls } from "./registry-listener.ts";
import type { RegistryRateLimit } from "./registry-rate-limit.ts";
import type { RegistryReply, RegistryRequest } from "./registry-reply.ts";
import type { RouteSettings } from "./registry-routes.ts";

/** Options of {@link startRegistry}. */
export interface StartRegistryOptions {
  /** Loopback address to listen on. Default `127.0.0.1`. */
  host?: "127.0.0.1" | "::1" | undefined;
  /** Serve HTTPS with this key and certificate. Default plain HTTP. */
  tls?: RegistryTls | undefined;
  /** Who may do what. Default: everybody everything. */
  auth?: RegistryAuth | undefined;
  /** The registry to behave like. Default `"oci-1.1"`. */
  behaviour?: RegistryBehaviour | undefined;
  /**
   * The referrers API: `"api"`, `"off"` as before version 1.1 of the specification, or `"announced-only"`:
   * `OCI-Subject` is answered to a push, but there is no API, as some registries had it. Default as `behaviour` has it.
   */
  referrers?: ReferrersSupport | undefined;
  /** Form of upload locations. Default as `behaviour` has it. */
  locations?: "relative" | "absolute" | undefined;
  /** Whether manifests and blobs can be deleted, else it is answered 405. Default as `behaviour` has it. */
  deletion?: boolean | undefined;
  /** Whether a manifest may name content that was never pushed. Default no. */
  allowMissing?: boolean | undefined;
  /** Smallest chunk of an upload but for the last one, in bytes; told as `OCI-Chunk-Min-Length`. Default none. */
  minChunkBytes?: number | undefined;
  /** Largest manifest, in bytes. Default 4 MiB (4194304). */
  maxManifestBytes?: number | undefined;
  /** Largest blob and largest request body, in bytes. Default 64 MiB. */
  maxBlobBytes?: number | undefined;
  /** Most bytes kept altogether; a push beyond that is answered 507. Default 1 GiB. */
  maxStoredBytes?: number | undefined;
  /** Texts of `Warning` headers on every answer of a repository. Default none. */
  warnings?: readonly string[] | undefined;
  /** A limit on reads of manifests. Default none. */
  rateLimit?: RegistryRateLimit | undefined;
  /** Most bytes of bodies that each connection gets in a second. Default no limit. */
  bytesPerSecond?: number | undefined;
  /** Answers a request in place of the registry, before any check; nothing lets the registry answer. */
  intercept?:
    | ((request: RegistryRequest) => RegistryReply | undefined | Promise<RegistryReply | undefined>)
    | undefined;
  /** Changes what the registry has answered, before it is sent. */
  alter?:
    | ((request: RegistryRequest, reply: RegistryReply) => RegistryReply | Promise<RegistryReply>)
    | undefined;
}

/** The settings that options stand for; `url` is the scheme, host and port. */
export function routeSettings(options: StartRegistryOptions, url: string): RouteSettings {
  const traits = traitsOf(options.behaviour ?? "oci-1.1", options);
  return {
    traits,
    locationPrefix: traits.locations === "absolute" ? url : "",
    allowMissing: options.allowMissing ?? false,
    minChunkBytes: options.minChunkBytes ?? 0,
    maxManifestBytes: options.maxManifestBytes ?? 4 * 1024 * 1024,
    maxBlobBytes: options.maxBlobBytes ?? 64 * 1024 * 1024,
    maxStoredBytes: options.maxStoredBytes ?? 1024 * 1024 * 1024,
  };
}

/** The headers that every answer to a request has. */
export function commonHeaders(
  { warnings = [] }: StartRegistryOptions,
  { traits }: RouteSettings,
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { ...traits.headers };
  if (warnings.length > 0) {
    headers["Warning"] = warnings.map((text) => `299 - "${text.replaceAll(/["\\]/g, "\\$&")}"`);
  }
  return headers;
}

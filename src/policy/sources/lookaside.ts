/**
 * Reading signatures out of lookaside stores: folders of this machine, and web servers.
 *
 * A store has `signature-1`, `signature-2` and so on, up to the first number that is missing. Missing is what does not
 * exist, or a 404; whatever else comes of asking is an error, since it does not tell that there is no signature.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/signature-protocols.md}
 * @module
 */
import { posix } from "node:path";
import { assertLimit } from "../../core/bytes.ts";
import type { Digest } from "../../core/digest.ts";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import type { ClientOptions } from "../../oci/client.ts";
import { resolveRetryPolicy } from "../../oci/retry.ts";
import type { CollectedSignature } from "../evaluate.ts";
import { MAX_SIGNATURE_BYTES } from "./limits.ts";
import type { LookasideServers } from "./lookaside-http.ts";
import { displayLookasideUrl, type LookasideUrl, signatureUrl } from "./lookaside-url.ts";
import { type ReadSignatureFile, readNumbered, readSignatureFile, tooLarge } from "./numbered.ts";

/** Options of {@link createLookasideReader}. */
export interface LookasideReaderOptions
  extends Pick<
    ClientOptions,
    | "dispatcher"
    | "lookup"
    | "tls"
    | "retry"
    | "trustOrigin"
    | "userAgent"
    | "connectTimeoutMs"
    | "headersTimeoutMs"
    | "bodyTimeoutMs"
    | "maxHeaderBytes"
  > {
  /** Put in front of the paths of `file:` URLs, such as the root of another system. Default none. */
  root?: string | undefined;
  /** Reads files. Default: from disk, regular files only. */
  readFile?: ReadSignatureFile | undefined;
}

/** Reads single signatures. */
export interface LookasideReader {
  /** The content at a URL, of at most 4 MiB (4194304 bytes); nothing if there is none. */
  read(url: LookasideUrl, options: SignalOptions): Promise<Uint8Array | undefined>;
  /** Closes every connection. */
  close(): Promise<void>;
}

/**
 * A reader of `file:`, `http:` and `https:` stores.
 *
 * A web server gets the user information of its URL as basic authentication, and never anything else; a challenge of
 * it is not answered. Redirects are followed up to ten times: not from HTTPS to HTTP, not into networks that the store
 * itself is not in, and without the user information once they leave the store's origin. Nothing is kept between reads.
 *
 * @throws {RangeError} for a limit that is none.
 */
export function createLookasideReader(options: LookasideReaderOptions = {}): LookasideReader {
  const { root = "", readFile = readSignatureFile, ...clientOptions } = options;
  const { connectTimeoutMs = 0, headersTimeoutMs = 0, bodyTimeoutMs = 0, maxHeaderBytes = 0 } = clientOptions;
  for (const [name, value] of Object.entries({
    connectTimeoutMs,
    headersTimeoutMs,
    bodyTimeoutMs,
    maxHeaderBytes,
  })) {
    assertLimit(value, name);
  }
  resolveRetryPolicy(clientOptions.retry);
  let servers: Promise<LookasideServers> | undefined;
  let closed = false;
  return {
    async read(url, { signal }) {
      signal?.throwIfAborted();
      switch (url.scheme) {
        case "file": {
          // The host of the URL counts for nothing, as it does not for podman.
          const path = root === "" ? url.path : posix.join(root, posix.resolve("/", url.path));
          return readIfExists(path, readFile, signal);
        }
        case "http":
        case "https":
          if (closed) throw new TypeError("the reader is closed");
          // Folders are read without what it takes to talk to servers.
          servers ??= import("./lookaside-http.ts").then(({ lookasideServers }) =>
            lookasideServers(clientOptions),
          );
          return (await raceSignal(servers, signal)).read(url, { signal });
        default:
          throw new TypeError("Unsupported scheme when reading signature");
      }
    },
    async close() {
      closed = true;
      await (await servers)?.close();
    },
  };
}

async function readIfExists(
  path: string,
  readFile: ReadSignatureFile,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  try {
    const content: unknown = await raceSignal(readFile(path, { signal }), signal);
    // Nothing at all must not look like a signature that is missing.
    if (!(content instanceof Uint8Array)) throw new TypeError("readFile gave something other than bytes");
    if (content.byteLength > MAX_SIGNATURE_BYTES) throw tooLarge();
    return content;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * The signatures of a manifest in a store, in order.
 *
 * @param repository The URL of the repository's signatures.
 * @throws {PolicyError} `ERR_POLICY_SIGNATURES` for one that cannot be read or is none, for 128 signatures, and for
 * more than 32 MiB of them.
 */
export async function readLookaside(
  reader: Pick<LookasideReader, "read">,
  repository: LookasideUrl,
  digest: Digest,
  { signal }: SignalOptions,
): Promise<CollectedSignature[]> {
  return readNumbered({ signal }, (index) => {
    const url = signatureUrl(repository, digest, index);
    return { name: displayLookasideUrl(url), read: () => reader.read(url, { signal }) };
  });
}

/**
 * Files that a policy names, each read once.
 *
 * @module
 */
import { type Digest, digestOf } from "../core/digest.ts";
import { messageOf } from "../core/message-of.ts";
import type { SignalOptions } from "../core/signal.ts";
import { singleFlight } from "../oci/flight.ts";
import { PolicyError } from "./errors.ts";

/** Reads a file that a policy names. */
export type ReadPolicyFile = (path: string, options: SignalOptions) => Promise<Uint8Array>;

/** A file that was read. */
export interface TrustFile {
  readonly content: Uint8Array;
  readonly digest: Digest;
}

/** Files as they were when each was first needed. */
export interface TrustFiles {
  /**
   * A file, read at the first call. One that could not be read is tried again at the next.
   *
   * The signal ends the caller's wait only: the file is still read while someone else waits for it.
   *
   * Rejects with a {@link PolicyError} `ERR_POLICY_TRUST_ROOT`.
   */
  read(path: string, signal: AbortSignal | undefined): Promise<TrustFile>;
  /** The file if it was read, without reading it. */
  known(path: string): TrustFile | undefined;
}

/** No file read yet. Without `readFile` none can be. */
export function createTrustFiles(readFile: ReadPolicyFile | undefined): TrustFiles {
  const known = new Map<string, TrustFile>();
  const flights = singleFlight<TrustFile>();
  return {
    async read(path, signal) {
      return (
        known.get(path) ??
        flights.run(
          path,
          async (until) => {
            const file = await readOnce(path, readFile, until);
            known.set(path, file);
            return file;
          },
          signal,
        )
      );
    },
    known: (path) => known.get(path),
  };
}

async function readOnce(
  path: string,
  readFile: ReadPolicyFile | undefined,
  signal: AbortSignal,
): Promise<TrustFile> {
  try {
    if (!readFile) throw new TypeError("the verifier was given no way to read files");
    const given: unknown = await readFile(path, { signal });
    if (!(given instanceof Uint8Array)) throw new TypeError("readFile gave something other than bytes");
    // A copy: whoever read it may use the buffer again.
    const content = Uint8Array.from(given);
    return { content, digest: digestOf(content) };
  } catch (cause) {
    signal.throwIfAborted();
    throw new PolicyError("ERR_POLICY_TRUST_ROOT", `reading ${path}: ${messageOf(cause)}`, { cause });
  }
}

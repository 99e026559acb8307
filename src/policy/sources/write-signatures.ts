/**
 * Storing signatures in lookaside folders and beside `dir:` images, as podman and skopeo store them.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { link, mkdir, open, rename, rm } from "node:fs/promises";
import { join, posix } from "node:path";
import type { Digest } from "../../core/digest.ts";
import { messageOf } from "../../core/message-of.ts";
import type { Reference } from "../../core/reference.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { PolicyError } from "../errors.ts";
import { parseSignatureBlob, type StoredSignature } from "../signature-blob.ts";
import { directorySignatureName } from "./directory.ts";
import { MAX_SIGNATURE_BYTES, MAX_SIGNATURES } from "./limits.ts";
import { type LookasideUrl, parseLookasideUrl, repositoryUrl, signatureUrl } from "./lookaside-url.ts";
import { type RegistriesD, signatureSettings } from "./registries-d.ts";

/** Options of {@link writeLookasideSignatures} and {@link writeDirectorySignatures}. */
export interface WriteSignaturesOptions extends SignalOptions {
  /**
   * `"append"` keeps those that are there, also those that others store at the same time. `"replace"` leaves exactly
   * these, as a copy by skopeo does. Default `"append"`.
   */
  mode?: "append" | "replace" | undefined;
}

/** Options of {@link writeLookasideSignatures}. */
export interface WriteLookasideOptions extends WriteSignaturesOptions {
  /** Put in front of the path of the store. Default none. */
  root?: string | undefined;
}

/**
 * The store that an image's signatures are written to: `lookaside-staging` goes before `lookaside`.
 *
 * @throws {PolicyError} `ERR_POLICY_REGISTRIES_D` for what is no URL.
 */
export function lookasideForWriting(
  config: RegistriesD,
  defaultLookaside: string,
  reference: Reference,
): LookasideUrl {
  const { lookasideStaging } = signatureSettings(config, reference);
  const store = parseLookasideUrl(lookasideStaging?.value ?? defaultLookaside);
  return repositoryUrl(store, reference.path);
}

/**
 * Stores signatures of a manifest in a lookaside folder, which is made if it is not there.
 *
 * @param repository The URL of the repository's signatures; only `file:` can be written.
 * @returns The paths of the files, in order.
 * @throws {PolicyError} `ERR_POLICY_SIGNATURES` for another scheme, for a signature that could not be read again, where
 * there would be 128 or more, and where writing fails.
 */
export async function writeLookasideSignatures(
  repository: LookasideUrl,
  digest: Digest,
  signatures: readonly StoredSignature[],
  { root = "", ...options }: WriteLookasideOptions = {},
): Promise<string[]> {
  if (repository.scheme !== "file") {
    throw unwritable(
      `Writing directly to a ${repository.scheme} lookaside is not supported. Configure lookaside-staging with a file: URL`,
    );
  }
  const pathAt = (index: number): string => {
    const { path } = signatureUrl(repository, digest, index);
    return root === "" ? path : posix.join(root, posix.resolve("/", path));
  };
  return writeNumbered(posix.dirname(pathAt(0)), pathAt, signatures, options);
}

/**
 * Stores signatures beside the manifest of a `dir:` image.
 *
 * @param instance The digest of the image of a list that they are for. Default: the image itself.
 * @returns The paths of the files, in order.
 * @throws {PolicyError} `ERR_POLICY_SIGNATURES` as {@link writeLookasideSignatures}.
 */
export async function writeDirectorySignatures(
  directory: string,
  signatures: readonly StoredSignature[],
  { instance, ...options }: WriteSignaturesOptions & { instance?: Digest | undefined } = {},
): Promise<string[]> {
  const pathAt = (index: number): string => join(directory, directorySignatureName(index, instance));
  return writeNumbered(directory, pathAt, signatures, options);
}

/**
 * A signature as a file: an OpenPGP message as it is, another one in JSON behind the name of its format.
 *
 * @throws {PolicyError} `ERR_POLICY_SIGNATURES` for one that would not be read as the same again: an OpenPGP message that
 * does not begin as one, or one longer than 4 MiB (4194304 bytes).
 */
export function formatSignatureBlob(signature: StoredSignature): Uint8Array {
  const blob = signature.format === "simple-signing" ? signature.content : sigstoreBlob(signature);
  if (blob.byteLength > MAX_SIGNATURE_BYTES) {
    throw unwritable(`a signature of ${blob.byteLength} bytes, over ${MAX_SIGNATURE_BYTES}`);
  }
  if (blob[0] === 0 && signature.format === "simple-signing") throw unwritable("not an OpenPGP message");
  parseSignatureBlob(blob);
  return blob;
}

function sigstoreBlob({
  mediaType,
  payload,
  annotations,
}: Exclude<StoredSignature, { format: "simple-signing" }>): Uint8Array {
  const sorted = [...annotations].sort(([a], [b]) => (a < b ? -1 : 1));
  const json = JSON.stringify({
    mimeType: mediaType,
    payload: Buffer.from(payload).toString("base64"),
    annotations: Object.fromEntries(sorted),
  });
  return Buffer.from(`\0sigstore-json\n${json}`);
}

async function writeNumbered(
  folder: string,
  pathAt: (index: number) => string,
  signatures: readonly StoredSignature[],
  { mode = "append", signal }: WriteSignaturesOptions,
): Promise<string[]> {
  signal?.throwIfAborted();
  const blobs = signatures.map(formatSignatureBlob);
  if (blobs.length >= MAX_SIGNATURES) throw tooMany();
  const temporary = join(folder, `.signature-${randomUUID()}`);
  const written: string[] = [];
  try {
    await mkdir(folder, { recursive: true });
    let index = 0;
    for (const blob of blobs) {
      signal?.throwIfAborted();
      await writeFile(temporary, blob);
      if (mode === "append") index = await linkNext(temporary, pathAt, index);
      else await rename(temporary, pathAt(index));
      written.push(pathAt(index));
      index++;
    }
    if (mode === "replace") await removeFrom(pathAt, index);
    return written;
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof PolicyError) throw cause;
    throw unwritable(`writing signatures to ${folder}: ${messageOf(cause)}`, cause);
  } finally {
    // It is there after a failure only; why that came about has been said.
    await rm(temporary, { force: true }).catch(() => {});
  }
}

/** Gives a file the next name that nobody has, and tells which. */
async function linkNext(temporary: string, pathAt: (index: number) => string, from: number): Promise<number> {
  for (let index = from; index < MAX_SIGNATURES - 1; index++) {
    try {
      // Unlike a rename it takes no name that somebody else has taken meanwhile.
      await link(temporary, pathAt(index));
      await rm(temporary);
      return index;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }
  throw tooMany();
}

/** Removes what is left of those that were there before. */
async function removeFrom(pathAt: (index: number) => string, from: number): Promise<void> {
  for (let index = from; ; index++) {
    try {
      await rm(pathAt(index));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
      throw error;
    }
  }
}

/** A new file, complete on disk before it gets its name. */
async function writeFile(path: string, content: Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o644);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

function tooMany(): PolicyError {
  return unwritable(`more than ${MAX_SIGNATURES - 1} signatures, which no reader accepts`);
}

function unwritable(message: string, cause?: unknown): PolicyError {
  return new PolicyError("ERR_POLICY_SIGNATURES", message, cause === undefined ? {} : { cause });
}

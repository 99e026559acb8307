/**
 * Signatures that are numbered from 1, up to the first number that is missing.
 *
 * @module
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { messageOf } from "../../core/message-of.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { PolicyError } from "../errors.ts";
import type { CollectedSignature } from "../evaluate.ts";
import { readToEnd } from "../read-file.ts";
import { parseSignatureBlob } from "../signature-blob.ts";
import { MAX_SIGNATURE_BYTES, MAX_SIGNATURES, MAX_TOTAL_BYTES } from "./limits.ts";

/** Reads a file; must reject with an error of `code` `ENOENT` if there is none. */
export type ReadSignatureFile = (path: string, options: SignalOptions) => Promise<Uint8Array>;

/** The content of a regular file. Neither a pipe nor a device is waited for. */
export async function readSignatureFile(path: string, options: SignalOptions): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new TypeError(`${path} is no regular file`);
    return await readToEnd(file, MAX_SIGNATURE_BYTES, options);
  } finally {
    await file.close();
  }
}

/**
 * Numbered signatures, from the first to the one before that which is missing.
 *
 * @param at The name of a signature's place, and how it is read; by its index, from 0.
 */
export async function readNumbered(
  { signal }: SignalOptions,
  at: (index: number) => { name: string; read: () => Promise<Uint8Array | undefined> },
): Promise<CollectedSignature[]> {
  const signatures: CollectedSignature[] = [];
  let total = 0;
  for (let index = 0; index < MAX_SIGNATURES; index++) {
    const { name, read } = at(index);
    try {
      const blob = await read();
      if (!blob) return signatures;
      total += blob.byteLength;
      if (total > MAX_TOTAL_BYTES) throw new RangeError(`signatures of more than ${MAX_TOTAL_BYTES} bytes`);
      // A copy: whoever gave the bytes may use them again.
      signatures.push({ source: name, signature: parseSignatureBlob(Uint8Array.from(blob)) });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new PolicyError("ERR_POLICY_SIGNATURES", `reading signature from ${name}: ${messageOf(cause)}`, {
        cause,
      });
    }
  }
  throw new PolicyError(
    "ERR_POLICY_SIGNATURES",
    `server provided ${MAX_SIGNATURES} signatures, assuming that's unreasonable and a server error`,
  );
}

/** A signature that is too long to be one. */
export function tooLarge(): RangeError {
  return new RangeError(`longer than ${MAX_SIGNATURE_BYTES} bytes`);
}

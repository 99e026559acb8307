/**
 * The OpenPGP library, loaded when it is first needed: policies without `signedBy` never pay for it.
 *
 * @module
 */
import type * as openpgp from "openpgp";
import { messageOf } from "../../core/message-of.ts";
import { PolicyError } from "../errors.ts";

/** What the library offers. */
export type OpenPgp = typeof openpgp;

let loading: Promise<OpenPgp> | undefined;

/**
 * Loads the library; the second call gives what the first one loaded.
 *
 * @throws {PolicyError} `ERR_POLICY_UNSUPPORTED` if it is not installed or cannot run. No verdict comes out then:
 * that signatures cannot be checked says nothing about them.
 */
export function loadOpenPgp(): Promise<OpenPgp> {
  loading ??= import("openpgp").catch((cause: unknown) => {
    loading = undefined;
    const message = `OpenPGP signatures cannot be checked: the package openpgp does not load: ${messageOf(cause)}`;
    throw new PolicyError("ERR_POLICY_UNSUPPORTED", message, { cause });
  });
  return loading;
}

/** MD5, SHA-1 and RIPEMD-160, by their numbers: no signature over data with them proves anything any more. */
export const WEAK_HASHES: ReadonlySet<number> = new Set([1, 2, 3]);

/**
 * What counts, whatever an application sets for its own use of the library.
 *
 * Signatures that make up a key may use SHA-1, as those of keys from before 2015 do: nobody but the owner of
 * the key could have prepared a collision.
 */
export function strictConfig({ config }: OpenPgp): openpgp.Config {
  return {
    ...config,
    rejectHashAlgorithms: new Set([1, 3]),
    rejectMessageHashAlgorithms: new Set(WEAK_HASHES),
    ignoreUnsupportedPackets: true,
    ignoreMalformedPackets: false,
    knownNotations: [],
    enableParsingV5Entities: false,
  };
}

/** At any time: the library's types leave out that it takes `null` for that. */
export const ANY_TIME: Date = null as unknown as Date;

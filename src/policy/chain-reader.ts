/**
 * Reading chain annotations, each text once as long as it is in use: signatures under one authority bring the same
 * chain along.
 *
 * @module
 */
import type { Certificate } from "./certificate.ts";
import { chainIntermediates } from "./leaf.ts";

/**
 * The intermediates of a chain annotation; see {@link chainIntermediates}. That they were read before says nothing
 * about who signed them.
 */
export type ChainReader = (chainPem: string) => readonly Certificate[];

/** So many texts are kept, of so many characters at most: chains come from whoever writes signatures. */
const MAX_CHAINS = 16;
const MAX_CHAIN_LENGTH = 16 * 1024;

/** A reader that has read nothing yet. */
export function createChainReader(): ChainReader {
  // In order of use, the one that was not used for longest first.
  const known = new Map<string, readonly Certificate[]>();
  return (chainPem) => {
    const certificates = known.get(chainPem) ?? chainIntermediates(chainPem);
    known.delete(chainPem);
    if (chainPem.length <= MAX_CHAIN_LENGTH) known.set(chainPem, certificates);
    for (const oldest of known.keys()) {
      if (known.size <= MAX_CHAINS) break;
      known.delete(oldest);
    }
    return certificates;
  };
}

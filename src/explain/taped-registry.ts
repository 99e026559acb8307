/**
 * Registries on a tape: what is asked of repositories, with what they gave.
 *
 * What credentials, headers and tokens do happens below, and is not on the tape.
 *
 * @module
 */
import { collectBytes } from "../core/bytes.ts";
import { verifyBytes } from "../core/digest.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Endpoint } from "../oci/endpoint.ts";
import type { EndpointRegistry, EndpointRepository } from "../oci/mirrors/mirrored.ts";
import type { ManifestContent } from "../oci/store.ts";
import { ExplainError } from "./errors.ts";
import type { Tape } from "./tape.ts";

/** Larger than anything that decides. */
const MAX_BYTES = 32 * 1024 * 1024;

/** A registry whose answers go through a tape. It reads, and does nothing else. */
export function tapedRegistry(tape: Tape, registry: EndpointRegistry): EndpointRegistry {
  return {
    repositoryAt(endpoint, path) {
      const repository = registry.repositoryAt(endpoint, path);
      return tapedRepository(tape, endpoint, path, repository);
    },
  };
}

/** A registry that nobody is asked through: for a tape that knows every answer. */
export const NO_REGISTRY: EndpointRegistry = {
  repositoryAt() {
    const refuse = (): never => {
      throw new ExplainError("ERR_EXPLAIN_NOT_RECORDED", "a replay asks no registry");
    };
    return {
      resolve: refuse,
      readManifest: refuse,
      fetch: refuse,
      exists: refuse,
      extensionSignatures: refuse,
    };
  },
};

function tapedRepository(
  tape: Tape,
  { root }: Endpoint,
  path: string,
  repository: EndpointRepository,
): EndpointRepository {
  const place = [`${root.href}`, path] as const;
  const taped: EndpointRepository = {
    async resolve(tagOrDigest, options) {
      const asked = tape.ask(["resolve", ...place, tagOrDigest], () =>
        repository.resolve(tagOrDigest, options),
      );
      return (await asked) as Descriptor;
    },
    async readManifest(tagOrDigest, options) {
      const asked = tape.ask(["manifest", ...place, tagOrDigest], () =>
        repository.readManifest(tagOrDigest, options),
      );
      const content = (await asked) as ManifestContent;
      verifyBytes(content.bytes, content.descriptor);
      return content;
    },
    fetch: (descriptor, options) => fetched(descriptor, options?.signal),
    async exists(descriptor, options) {
      const asked = tape.ask(["exists", ...place, descriptor.digest], () =>
        repository.exists(descriptor, options),
      );
      return (await asked) as boolean;
    },
    async extensionSignatures(digest, options) {
      const asked = tape.ask(["signatures", ...place, digest], async () =>
        repository.extensionSignatures(digest, options),
      );
      return (await asked) as readonly Uint8Array[] | undefined;
    },
  };

  async function* fetched(
    descriptor: Descriptor,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void> {
    const question = ["blob", ...place, descriptor.digest, String(descriptor.size)];
    const bytes = (await tape.ask(question, () =>
      collectBytes(repository.fetch(descriptor, { signal }), { maxBytes: MAX_BYTES, signal }),
    )) as Uint8Array;
    verifyBytes(bytes, descriptor);
    yield bytes;
  }

  return taped;
}

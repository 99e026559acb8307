/**
 * Registries with mirrors: each request goes to the places of the configuration in turn.
 *
 * @module
 */
import { verifyStream } from "../../core/digest.ts";
import { isLadingError } from "../../core/errors.ts";
import {
  parseReference,
  parseReferenceName,
  type Reference,
  referenceName,
  withDefaultTag,
  withDigest,
  withTag,
} from "../../core/reference.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { Descriptor } from "../descriptor.ts";
import type { Endpoint } from "../endpoint.ts";
import { OciError } from "../errors.ts";
import { fetchBlob } from "../fetch.ts";
import { MAX_MANIFEST_BYTES } from "../manifest.ts";
import type { ExtensionSignatures } from "../signature-extension.ts";
import type {
  ExistenceChecker,
  ManifestContent,
  ManifestReader,
  ReadManifestOptions,
  ReadStore,
  RepositorySource,
} from "../store.ts";
import { attemptEndpoints, type ReadCertificate } from "./attempt-endpoint.ts";
import { type AttemptFailure, failureOf, mayFallThrough, mayUsePlainHttp } from "./attempt-failures.ts";
import type { PullAttempt, PullSources } from "./pull-sources.ts";

/** Where a reference is pulled from, by whatever configuration; see {@link resolvePullSources}. */
export type PullSourcesFunction = (
  reference: Reference,
  options: SignalOptions,
) => PullSources | Promise<PullSources>;

/** A repository at an endpoint, as far as it is read. */
export type EndpointRepository = ReadStore & ManifestReader & ExistenceChecker & ExtensionSignatures;

/** Finds repositories at endpoints: a registry client, or a test double. */
export interface EndpointRegistry {
  /** The repository of a path at an endpoint; see `Registry.repositoryAt`. */
  repositoryAt(endpoint: Endpoint, path: string): EndpointRepository;
}

/** Options of {@link createMirroredRegistry}. */
export interface CreateMirroredRegistryOptions {
  /** Where references are pulled from. */
  sources: PullSourcesFunction;
  /** Reads the files of certificates that attempts name. Default: from disk, 1 MiB (1048576 bytes) at most. */
  readCertificate?: ReadCertificate | undefined;
}

/** What a tag or digest stood for, and who said so. */
export interface MirrorAnswer {
  descriptor: Descriptor;
  /** The place that answered. */
  attempt: PullAttempt;
  /** Places that were asked before, and how they failed. */
  failures: readonly AttemptFailure[];
  /** The decision behind it. */
  sources: PullSources;
}

/** A repository that is read through its mirrors. */
export interface MirroredRepository extends ReadStore, ManifestReader, ExistenceChecker {
  /** Full name, as in references to the image: not that of a mirror. */
  readonly name: string;
  /**
   * As `resolve`, with who answered. A tag is asked for once: what the first place that knows it says holds for as long
   * as this object, so that two mirrors with different answers do not mix. Content is then taken from the place that
   * answered, and from others only if that one fails.
   */
  resolveFrom(tagOrDigest: string, options?: SignalOptions): Promise<MirrorAnswer>;
  /** The repository of one place, and of no other: what goes with an image is at the place that the image is read from. */
  only(attempt: PullAttempt): MirrorPlace;
}

/** A repository at one place: of a mirror, or of the registry itself. */
export interface MirrorPlace extends ReadStore, ManifestReader, ExtensionSignatures {
  /** Full name as that place has it. */
  readonly name: string;
}

/** What a reference stood for. */
export interface MirroredImage extends MirrorAnswer {
  /** As the image is called, not as a mirror calls it. */
  reference: Reference & { digest: Descriptor["digest"] };
  repository: MirroredRepository;
}

/** Repositories that are read through their mirrors. */
export interface MirroredRegistry extends RepositorySource<MirroredRepository> {
  /**
   * What a reference stands for; as `Registry.resolve`.
   *
   * @throws {CoreError} `ERR_REFERENCE_INVALID`.
   * @throws {OciError} `ERR_OCI_BLOCKED`; else the failure that tells most, with all of them in `cause`.
   */
  resolve(reference: string, options?: SignalOptions): Promise<MirroredImage>;
}

/**
 * Repositories that are read through the mirrors of a configuration, over the connections of a registry client. Closing
 * that is the caller's.
 *
 * A place that fails, in whatever way, is followed by the next one; an abort is not. Credentials are looked up for the
 * host that is asked, so a mirror never gets those of the registry it stands in for; headers, client certificates and
 * what `insecure` allows are for the place that they are set for. Everything read is verified.
 */
export function createMirroredRegistry(
  registry: EndpointRegistry,
  { sources, readCertificate }: CreateMirroredRegistryOptions,
): MirroredRegistry {
  const endpointsOf = attemptEndpoints(readCertificate);

  const repository = (name: string): MirroredRepository => {
    const bare = parseReferenceName(name);
    const answers = new Map<string, MirrorAnswer>();
    let last: MirrorAnswer | undefined;

    const allowed = async (reference: Reference, signal: AbortSignal | undefined): Promise<PullSources> => {
      const found = await sources(reference, { signal });
      signal?.throwIfAborted();
      if (found.kind === "allowed") return found;
      throw new OciError("ERR_OCI_BLOCKED", `registry ${found.prefix} is blocked in ${found.origin}`);
    };

    async function resolveFrom(tagOrDigest: string, { signal }: SignalOptions = {}): Promise<MirrorAnswer> {
      signal?.throwIfAborted();
      const known = answers.get(tagOrDigest);
      if (known) return known;
      const { answer } = await askFirst(tagOrDigest, signal, async (place) => ({
        descriptor: await place.resolve(tagOrDigest, { signal }),
      }));
      return answer;
    }

    /** What the first place says; kept, so that it is the answer from now on. */
    async function askFirst<T extends { descriptor: Descriptor }>(
      tagOrDigest: string,
      signal: AbortSignal | undefined,
      ask: (place: EndpointRepository) => Promise<T>,
    ): Promise<{ answer: MirrorAnswer; value: T }> {
      const reference = tagOrDigest.includes(":")
        ? withDigest(bare, tagOrDigest)
        : withTag(bare, tagOrDigest);
      const decision = await allowed(reference as Reference, signal);
      const { value, attempt, failures } = await firstOf(attemptsOf(decision), signal, ask);
      // Of two that asked at the same time the first answer holds for both.
      const { descriptor } = value;
      const answer = answers.get(tagOrDigest) ?? { descriptor, attempt, failures, sources: decision };
      answers.set(tagOrDigest, answer);
      last = answer;
      return { answer, value };
    }

    async function readManifest(
      tagOrDigest: string,
      { signal, maxBytes = MAX_MANIFEST_BYTES }: ReadManifestOptions = {},
    ): Promise<ManifestContent> {
      signal?.throwIfAborted();
      if (!answers.has(tagOrDigest)) {
        const { answer, value } = await askFirst(tagOrDigest, signal, (place) =>
          place.readManifest(tagOrDigest, { signal, maxBytes }),
        );
        if (answer.descriptor.digest === value.descriptor.digest) return value;
      }
      const { descriptor } = await resolveFrom(tagOrDigest, { signal });
      return { descriptor, bytes: await fetchBlob(opened, descriptor, { maxBytes, signal }) };
    }

    /** The places for content: those of the last decision, the one that answered first, or those of the digest. */
    async function placesFor(
      { digest }: Descriptor,
      signal: AbortSignal | undefined,
    ): Promise<readonly PullAttempt[]> {
      if (!last) return attemptsOf(await allowed(withDigest(bare, digest), signal));
      const { attempt, sources: decision } = last;
      return [attempt, ...attemptsOf(decision).filter((each) => each !== attempt)];
    }

    const opened: MirroredRepository = {
      name: referenceName(bare),
      resolveFrom,
      readManifest,
      only: (attempt) => ({
        name: referenceName(attempt.reference),
        fetch: (descriptor, { signal } = {}) => fetchFrom([attempt], descriptor, signal),
        resolve: (tagOrDigest, { signal } = {}) =>
          atPlaces(attempt, signal, (place) => place.resolve(tagOrDigest, { signal })),
        readManifest: (tagOrDigest, options = {}) =>
          atPlaces(attempt, options.signal, (place) => place.readManifest(tagOrDigest, options)),
        extensionSignatures: (digest, { signal } = {}) =>
          atPlaces(attempt, signal, (place) => place.extensionSignatures(digest, { signal })),
      }),
      resolve: async (tagOrDigest, options) => (await resolveFrom(tagOrDigest, options)).descriptor,
      async *fetch(descriptor, { signal } = {}) {
        const places = await placesFor(descriptor, signal);
        const content = fetchFrom(places, descriptor, signal);
        // Each place's own content is verified; what several gave together has to be, too.
        yield* places.length < 2 ? content : verifyStream(content, descriptor, { signal });
      },
      async exists(descriptor, { signal } = {}) {
        const failures: AttemptFailure[] = [];
        for (const attempt of await placesFor(descriptor, signal)) {
          try {
            const there = await atPlaces(attempt, signal, (place) => place.exists(descriptor, { signal }));
            if (there) return true;
          } catch (error) {
            if (!mayFallThrough(error, signal)) throw error;
            failures.push({ attempt, error });
          }
        }
        // Absent is what every place says; one that did not answer may have it.
        if (failures.length > 0) throw failureOf(failures);
        return false;
      },
    };
    return opened;
  };

  /** The first answer of the places, in order. */
  async function firstOf<T>(
    attempts: readonly PullAttempt[],
    signal: AbortSignal | undefined,
    ask: (place: EndpointRepository) => Promise<T>,
  ): Promise<{ value: T; attempt: PullAttempt; failures: AttemptFailure[] }> {
    const failures: AttemptFailure[] = [];
    for (const attempt of attempts) {
      try {
        return { value: await atPlaces(attempt, signal, ask), attempt, failures };
      } catch (error) {
        if (!mayFallThrough(error, signal)) throw error;
        failures.push({ attempt, error });
      }
    }
    throw failureOf(failures);
  }

  /** Asks over TLS, and over plain HTTP where that may follow. */
  async function atPlaces<T>(
    attempt: PullAttempt,
    signal: AbortSignal | undefined,
    ask: (place: EndpointRepository) => Promise<T>,
  ): Promise<T> {
    const [first, plain] = await endpointsOf(attempt, { signal });
    try {
      return await ask(placeAt(attempt, first));
    } catch (error) {
      if (!plain || signal?.aborted || !mayUsePlainHttp(attempt, error)) throw error;
      return await ask(placeAt(attempt, plain));
    }
  }

  function placeAt(attempt: PullAttempt, endpoint: Endpoint): EndpointRepository {
    return registry.repositoryAt(endpoint, attempt.reference.path);
  }

  /** Content from the first place that gives it to the end; one that breaks off is followed by the rest of the next. */
  async function* fetchFrom(
    places: readonly PullAttempt[],
    descriptor: Descriptor,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void> {
    const failures: AttemptFailure[] = [];
    let given = 0;
    for (const attempt of places) {
      const [first, plain] = await endpointsOf(attempt, { signal });
      for (const endpoint of plain ? [first, plain] : [first]) {
        let skip = given;
        try {
          for await (const chunk of placeAt(attempt, endpoint).fetch(descriptor, { signal })) {
            const fresh = chunk.subarray(Math.min(skip, chunk.byteLength));
            skip -= chunk.byteLength - fresh.byteLength;
            given += fresh.byteLength;
            if (fresh.byteLength > 0) yield fresh;
          }
          return;
        } catch (error) {
          // All bytes were there and were the wrong ones: what has been given cannot be taken back.
          const complete = given > 0 && isLadingError(error) && !(error instanceof OciError);
          if (complete || !mayFallThrough(error, signal)) throw error;
          if (given > 0 || endpoint !== first || !plain || !mayUsePlainHttp(attempt, error)) {
            failures.push({ attempt, error });
            break;
          }
        }
      }
    }
    throw failureOf(failures);
  }

  return {
    repository,
    async resolve(text, { signal } = {}) {
      signal?.throwIfAborted();
      const reference = withDefaultTag(parseReference(text));
      const opened = repository(referenceName(reference));
      const answer = await opened.resolveFrom(reference.digest ?? reference.tag ?? "", { signal });
      return { ...answer, reference: withDigest(reference, answer.descriptor.digest), repository: opened };
    },
  };
}

function attemptsOf(decision: PullSources): readonly PullAttempt[] {
  return decision.kind === "allowed" ? decision.attempts : [];
}

/**
 * How registries differ: what the in-process registry can be told to do as others do.
 *
 * @module
 */

/**
 * A registry to behave like: the distribution specification 1.1, or docker-registry 2.8, which is older than it.
 *
 * The older one has no referrers API and no pages of tags, takes a blob by two requests only, does not check
 * `Content-Range` of chunks, mounts only from a named repository, keeps every blob under its sha256, hides OCI
 * manifests from clients that do not accept them, and deletes nothing unless told to.
 */
export type RegistryBehaviour = "oci-1.1" | "docker-registry-2.8";

/** The referrers API as registries have it. */
export type ReferrersSupport = "api" | "off" | "announced-only";

/** What a registry does, point by point. */
export interface RegistryTraits {
  referrers: ReferrersSupport;
  /** Whether manifests and blobs can be deleted. */
  deletion: boolean;
  /** Whether a tag can be deleted by itself. */
  tagDeletion: boolean;
  /** Whether `POST` with a digest and a body stores the blob. */
  singlePost: boolean;
  /** Whether a chunk must begin where the last one ended. */
  ordersChunks: boolean;
  /** Whether a blob can be mounted without naming where from. */
  anonymousMount: boolean;
  /** Whether lists of tags are sorted and heed `n` and `last`. */
  tagPages: boolean;
  /** Whether the parameters of a next page are sorted by name. */
  sortedQuery: boolean;
  /** Whether `PUT` of a manifest by digest heeds `tag`. */
  tagParameters: boolean;
  /** Whether content is known by sha256 alone, whatever digest it was pushed under. */
  sha256Only: boolean;
  /** Whether a manifest is put only if the conditions of the request hold. */
  conditionalWrites: boolean;
  /** Whether a range that cannot be answered is refused under the length of the blob, as a body that breaks off. */
  brokenRangeRefusal: boolean;
  /** Whether an OCI manifest is hidden from who does not accept its type. */
  negotiates: boolean;
  locations: "relative" | "absolute";
  /** Query parameter of upload locations that makes each good for one request. */
  stateParameter: string;
  /** `Range` of an upload without content; absent: none. */
  emptyUploadRange: string | undefined;
  /** Status for a manifest over the limit. */
  tooLargeStatus: 400 | 413;
  /** Headers of every answer. */
  headers: Readonly<Record<string, string>>;
}

const TRAITS: Readonly<Record<RegistryBehaviour, RegistryTraits>> = {
  "oci-1.1": {
    referrers: "api",
    deletion: true,
    tagDeletion: true,
    singlePost: true,
    ordersChunks: true,
    anonymousMount: true,
    tagPages: true,
    sortedQuery: false,
    tagParameters: true,
    sha256Only: false,
    conditionalWrites: true,
    brokenRangeRefusal: false,
    negotiates: false,
    locations: "relative",
    stateParameter: "state",
    emptyUploadRange: undefined,
    tooLargeStatus: 413,
    headers: {},
  },
  "docker-registry-2.8": {
    referrers: "off",
    deletion: false,
    tagDeletion: false,
    singlePost: false,
    ordersChunks: false,
    anonymousMount: false,
    tagPages: false,
    sortedQuery: true,
    tagParameters: false,
    sha256Only: true,
    conditionalWrites: false,
    brokenRangeRefusal: true,
    negotiates: true,
    locations: "absolute",
    stateParameter: "_state",
    emptyUploadRange: "0-0",
    tooLargeStatus: 400,
    headers: { "Docker-Distribution-Api-Version": "registry/2.0" },
  },
};

/** The traits of a behaviour, with what the caller wants otherwise. */
export function traitsOf(
  behaviour: RegistryBehaviour,
  wanted: { [K in "referrers" | "deletion" | "locations"]?: RegistryTraits[K] | undefined },
): RegistryTraits {
  const traits = TRAITS[behaviour];
  return {
    ...traits,
    referrers: wanted.referrers ?? traits.referrers,
    deletion: wanted.deletion ?? traits.deletion,
    locations: wanted.locations ?? traits.locations,
  };
}

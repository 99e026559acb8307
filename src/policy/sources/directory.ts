/**
 * Images of the `dir:` transport: manifests, and the signatures beside them.
 *
 * ```text
 * manifest  = [ instance "." ] "manifest.json"
 * signature = [ instance "." ] "signature-" number    ; from 1
 * instance  = hex                                      ; of a sha256 digest of an image of the list
 *           / algorithm "-" hex                        ; of another
 * ```
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/directory/directory_transport.go}
 * @module
 */
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestAlgorithm, digestHex, digestOf } from "../../core/digest.ts";
import { DOCKER_LIST, DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED, OCI_INDEX } from "../../core/media-types.ts";
import { messageOf } from "../../core/message-of.ts";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { PolicyError } from "../errors.ts";
import type { Evidence, PolicyImage } from "../evaluate.ts";
import { type InstanceChoice, resolveImage } from "../evidence.ts";
import { guessManifestType, manifestDigest } from "../manifest-digest.ts";
import { pathLookup } from "../scope.ts";
import type { LookedAt } from "../verdict.ts";
import { type ReadSignatureFile, readNumbered, readSignatureFile } from "./numbered.ts";

/** What is known of an image that is no registry's. */
export interface LocalImage {
  /** How a policy knows it. Such an image has no name: only `exactReference` and `exactRepository` can be met. */
  readonly image: PolicyImage;
  /** Digest of the single image's manifest. */
  readonly digest: Digest;
  /** Digest of the list that it was chosen from. */
  readonly indexDigest?: Digest | undefined;
  /** Every place of signatures, as a verdict tells it. */
  readonly lookedAt: readonly LookedAt[];
  /** To be completed with `file` and `now`, for `evaluateRequirements`. */
  readonly evidence: Pick<Evidence, "manifest" | "signatures" | "completeFormats">;
}

/** Options of {@link readDirectoryImage}. */
export interface ReadDirectoryImageOptions extends SignalOptions, InstanceChoice {
  /** Reads files. Default: from disk, regular files only. */
  readFile?: ReadSignatureFile | undefined;
}

/** The name of a signature's file; `index` counts from 0, `instance` is that of a list's image. */
export function directorySignatureName(index: number, instance?: Digest): string {
  return `${instancePrefix(instance)}signature-${index + 1}`;
}

/** The name of a manifest's file: that of the image or list itself, or of an image of the list. */
export function directoryManifestName(instance?: Digest): string {
  return `${instancePrefix(instance)}manifest.json`;
}

function instancePrefix(instance: Digest | undefined): string {
  if (instance === undefined) return "";
  const algorithm = digestAlgorithm(instance);
  return `${algorithm === "sha256" ? "" : `${algorithm}-`}${digestHex(instance)}.`;
}

/**
 * An image of the `dir:` transport, with the signatures beside it.
 *
 * Of a list one image is chosen, and its own signatures count. Layers and config are not read.
 *
 * @throws {PolicyError} `ERR_POLICY_MANIFEST` for a folder or manifest that cannot be had or is none;
 * `ERR_POLICY_INSTANCE` for a list without a choice that fits; `ERR_POLICY_SIGNATURES` for a signature that cannot be
 * read, for 128 of them, and for more than 32 MiB.
 */
export async function readDirectoryImage(
  directory: string,
  options: ReadDirectoryImageOptions = {},
): Promise<LocalImage> {
  const { readFile = readSignatureFile, signal, ...choice } = options;
  signal?.throwIfAborted();
  const path = await orManifestError(signal, () => realpath(directory));
  const manifestAt = (instance?: Digest) =>
    orManifestError(signal, () => readFile(join(path, directoryManifestName(instance)), { signal }));
  const top = await manifestAt();
  const { manifest, digest, indexDigest } = await chooseImage(top, choice, manifestAt, { signal });
  const instance = indexDigest === undefined ? undefined : digest;
  const signatures = await readNumbered({ signal }, (index) => {
    const name = join(path, directorySignatureName(index, instance));
    return { name, read: () => ifExists(() => readFile(name, { signal }), signal) };
  });
  const look = { place: "directory", location: path } as const;
  const found = signatures.length;
  return {
    image: { lookup: pathLookup("dir", path), displayName: `dir:${directory}` },
    digest,
    ...(indexDigest === undefined ? {} : { indexDigest }),
    lookedAt: [found === 0 ? { kind: "absent", ...look } : { kind: "found", ...look, found }],
    evidence: { manifest, signatures, completeFormats: ["simple-signing", "sigstore-json"] },
  };
}

/** The image itself, or the one of the list that is chosen. */
async function chooseImage(
  bytes: Uint8Array,
  choice: InstanceChoice,
  manifestAt: (instance: Digest) => Promise<Uint8Array>,
  { signal }: SignalOptions,
): Promise<{ manifest: Uint8Array; digest: Digest; indexDigest?: Digest | undefined }> {
  const mediaType = guessManifestType(bytes);
  if (mediaType === undefined) throw new PolicyError("ERR_POLICY_MANIFEST", "reading manifest: no manifest");
  // Manifests of before OCI are named by other digests, and are no lists.
  if (mediaType === DOCKER_SCHEMA1 || mediaType === DOCKER_SCHEMA1_SIGNED) {
    return { manifest: bytes, digest: manifestDigest(bytes) };
  }
  const isList = mediaType === OCI_INDEX || mediaType === DOCKER_LIST;
  const top: Descriptor = {
    mediaType,
    digest: digestOf(bytes),
    size: bytes.byteLength,
    data: Buffer.from(bytes).toString("base64"),
  };
  const store = {
    resolve: async () => top,
    async *fetch({ digest }: Descriptor) {
      yield await manifestAt(digest);
    },
  };
  return resolveImage(store, { domain: "", path: "" }, top, isList ? choice : {}, { signal });
}

async function ifExists<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  try {
    return await raceSignal(read(), signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function orManifestError<T>(signal: AbortSignal | undefined, read: () => Promise<T>): Promise<T> {
  try {
    return await raceSignal(read(), signal);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new PolicyError("ERR_POLICY_MANIFEST", `reading manifest: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Every place in which a node looks for an image's signatures, as its registries.d says.
 *
 * ```text
 * 1  the registry itself, where it keeps signatures (X-Registry-Supports-Signatures); else
 *    the lookaside store: the configured one, else the user's own
 * 2  attachments, where use-sigstore-attachments is on
 * ```
 *
 * All of it is looked up at the place that the image is read from: a mirror's, where it comes from a mirror.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docker/docker_image_src.go}
 * @module
 */
import { digestOf } from "../../core/digest.ts";
import { type Reference, referenceName } from "../../core/reference.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { MirroredRepository } from "../../oci/mirrors/mirrored.ts";
import type { ExtensionSignatures } from "../../oci/signature-extension.ts";
import type { ManifestReader, ReadStore } from "../../oci/store.ts";
import { PolicyError } from "../errors.ts";
import type { CollectedSignature } from "../evaluate.ts";
import type { LookedAt } from "../verdict.ts";
import { sigstoreAttachments } from "./attachments.ts";
import { createLookasideReader, type LookasideReaderOptions, readLookaside } from "./lookaside.ts";
import { displayLookasideUrl, type LookasideUrl, parseLookasideUrl, repositoryUrl } from "./lookaside-url.ts";
import { type RegistriesD, type SignatureSettings, signatureSettings } from "./registries-d.ts";
import type { SignatureListing, SignatureSource, SignedImage } from "./signature-source.ts";

/** Options of {@link createNodeSignatures}. */
export interface NodeSignaturesOptions extends LookasideReaderOptions {
  /** What is configured; see {@link loadRegistriesD}. */
  config: RegistriesD;
  /** The store where nothing is configured: a node always looks into one. */
  defaultLookaside: string;
  /**
   * Whether a registry is asked if it keeps signatures itself, as nodes ask it: once for each registry. `"none"` says that
   * none does, and must be given for stores that are no registries. Default `"ask"`.
   */
  registryExtension?: "ask" | "none" | undefined;
  /**
   * Says whose lookaside stores these are, such as the name of a pool of nodes that all have the same files: verdicts can
   * then be shared between verifiers that have this text and this configuration. Default: they are not shared.
   */
  sharedAs?: string | undefined;
}

/** The signatures that a node would see. */
export interface NodeSignatures extends SignatureSource {
  /** Closes the connections to lookaside stores. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A source of signatures that looks where a node with this configuration looks, in its order; for `createVerifier`, alone.
 *
 * What it lists names every place with what came of it, and why one was passed over. Its `list` rejects with a
 * {@link PolicyError}: `ERR_POLICY_SIGNATURES` where a place that the node would ask cannot be asked or read, and
 * `ERR_POLICY_REGISTRIES_D` for a lookaside that is no URL.
 *
 * @throws {PolicyError} `ERR_POLICY_REGISTRIES_D` for a `defaultLookaside` that is no URL.
 */
export function createNodeSignatures(options: NodeSignaturesOptions): NodeSignatures {
  const { config, defaultLookaside, registryExtension = "ask", sharedAs, ...lookaside } = options;
  const byDefault = parseLookasideUrl(defaultLookaside);
  const reader = createLookasideReader(lookaside);
  const attachments = sigstoreAttachments();

  async function list(image: SignedImage, { signal }: SignalOptions): Promise<SignatureListing> {
    signal?.throwIfAborted();
    const place = await placeOf(image, { signal });
    const settings = signatureSettings(config, place.reference);
    const store = lookasideOf(settings, byDefault, place.reference);
    const signatures: CollectedSignature[] = [];
    const lookedAt: LookedAt[] = [];

    const kept = await extensionOf(place, image, registryExtension, { signal });
    lookedAt.push(kept.look);
    const location = `${displayLookasideUrl(store.url)}@${image.digest.replace(":", "=")}`;
    const look = { place: "lookaside", location, origin: store.origin } as const;
    if (kept.signatures) {
      signatures.push(...kept.signatures);
      lookedAt.push({ kind: "skipped", ...look, reason: "the registry keeps signatures itself" });
    } else {
      const found = await readLookaside(reader, store.url, image.digest, { signal });
      signatures.push(...found);
      lookedAt.push(
        found.length === 0 ? { kind: "absent", ...look } : { kind: "found", ...look, found: found.length },
      );
    }

    const attached = await attachmentsOf(place, image, settings, { signal });
    return {
      signatures: [...signatures, ...attached.signatures],
      lookedAt: [...lookedAt, ...attached.lookedAt],
    };
  }

  async function attachmentsOf(
    place: ImagePlace,
    image: SignedImage,
    { useSigstoreAttachments: setting }: SignatureSettings,
    { signal }: SignalOptions,
  ): Promise<SignatureListing> {
    const repository = referenceName(place.reference);
    if (setting?.value !== true) {
      const skipped: LookedAt = {
        kind: "skipped",
        place: "sigstore-attachments",
        location: `${repository}:${image.digest.replace(":", "-")}.sig`,
        reason: setting ? "use-sigstore-attachments is false" : "use-sigstore-attachments is not set",
        ...(setting ? { origin: setting.origin } : {}),
      };
      return { signatures: [], lookedAt: [skipped] };
    }
    const { store } = place;
    const listed = await attachments.list({ ...image, repository, store }, { signal });
    if (!("lookedAt" in listed)) throw new TypeError("attachments without a trace");
    return {
      ...listed,
      lookedAt: listed.lookedAt.map((each) => ({ ...each, origin: setting.origin })),
    };
  }

  return {
    name: "registries.d",
    formats: ["simple-signing", "sigstore-json"],
    ...(sharedAs === undefined
      ? {}
      : {
          identity: identityOf(config, {
            defaultLookaside,
            registryExtension,
            sharedAs,
            root: lookaside.root,
          }),
        }),
    list,
    close: () => reader.close(),
    [Symbol.asyncDispose]: () => reader.close(),
  };
}

/** Where an image is read from. */
interface ImagePlace {
  /** As that place calls it. */
  readonly reference: Reference;
  readonly store: ReadStore & Partial<ManifestReader & ExtensionSignatures>;
}

/** The place that an image comes from: one of its mirrors, if it has any. */
async function placeOf({ reference, store }: SignedImage, { signal }: SignalOptions): Promise<ImagePlace> {
  const mirrored: Partial<MirroredRepository> = store;
  if (!mirrored.resolveFrom || !mirrored.only) return { reference, store };
  const { attempt } = await mirrored.resolveFrom(reference.digest ?? reference.tag ?? "latest", { signal });
  const { tag, digest } = reference;
  const { domain, path } = attempt.reference;
  return {
    reference: {
      domain,
      path,
      ...(tag === undefined ? {} : { tag }),
      ...(digest === undefined ? {} : { digest }),
    },
    store: mirrored.only(attempt),
  };
}

/** The store of an image, up to its digest, and what says so. */
function lookasideOf(
  { lookaside }: SignatureSettings,
  byDefault: LookasideUrl,
  { path }: Reference,
): { url: LookasideUrl; origin: string } {
  const store = lookaside ? parseLookasideUrl(lookaside.value) : byDefault;
  const origin = lookaside?.origin ?? "the user's own store, since none is configured";
  return { url: repositoryUrl(store, path), origin };
}

/** What the registry keeps itself; `signatures` is absent where it keeps none for any image. */
async function extensionOf(
  { reference, store }: ImagePlace,
  { digest }: SignedImage,
  registryExtension: "ask" | "none",
  { signal }: SignalOptions,
): Promise<{ look: LookedAt; signatures?: CollectedSignature[] }> {
  const name = "registry-extension";
  const look = { place: name, location: `${referenceName(reference)}@${digest}` } as const;
  if (registryExtension === "none") {
    return { look: { kind: "skipped", ...look, reason: "registries are said to keep no signatures" } };
  }
  if (!store.extensionSignatures) {
    throw new PolicyError(
      "ERR_POLICY_SIGNATURES",
      `${look.location}: the store does not tell whether its registry keeps signatures itself`,
    );
  }
  const kept = await store.extensionSignatures(digest, { signal });
  if (!kept) {
    return { look: { kind: "skipped", ...look, reason: "the registry does not keep signatures" } };
  }
  return {
    look: kept.length === 0 ? { kind: "absent", ...look } : { kind: "found", ...look, found: kept.length },
    signatures: kept.map((content) => ({
      source: name,
      signature: { format: "simple-signing", content: Uint8Array.from(content) },
    })),
  };
}

function identityOf(
  { defaultDocker, docker }: RegistriesD,
  rest: Readonly<Record<string, string | undefined>>,
): string {
  const text = JSON.stringify({
    defaultDocker,
    docker: [...docker].sort(([a], [b]) => (a < b ? -1 : 1)),
    ...rest,
  });
  return `registries.d ${digestOf(text)}`;
}

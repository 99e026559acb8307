/**
 * The manifest that holds the signatures of an image: read, and with more signatures.
 *
 * @module
 */
import { digestOf, isDigest } from "../../core/digest.ts";
import { isLadingError } from "../../core/errors.ts";
import { OCI_CONFIG, OCI_MANIFEST } from "../../core/media-types.ts";
import { parseNativeJson } from "../../core/native-json.ts";
import type { DescribedContent } from "../../oci/artifact.ts";
import { type Descriptor, describeContent } from "../../oci/descriptor.ts";
import { OciError } from "../../oci/errors.ts";
import { fetchBlob } from "../../oci/fetch.ts";
import { MAX_MANIFEST_BYTES, parseManifest } from "../../oci/manifest.ts";
import type { ReadStore } from "../../oci/store.ts";
import { PolicyError } from "../errors.ts";
import type { SigstoreSignature } from "../signature-blob.ts";

/** The manifest of signatures that is stored. */
export interface Attachments {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly layers: readonly Descriptor[];
  /** The config, which tools list the layers in too. */
  readonly config: Uint8Array;
}

/** What is to be stored. */
export interface PackedAttachments {
  readonly manifest: Descriptor;
  readonly bytes: Uint8Array;
  /** Config and payloads. */
  readonly blobs: readonly DescribedContent[];
  /** How many layers are new. */
  readonly added: number;
}

/** Artifact type of signatures that refer to what they sign. */
const SIGNATURE_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json";
/** As many as nodes read. */
const MAX_LAYERS = 128;
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
/** What cosign writes where an image has its time. */
const NO_TIME = "0001-01-01T00:00:00Z";

/**
 * What a tag stands for, or nothing where there is no such tag.
 *
 * @param known Not read again if it is still that.
 * @throws {PolicyError} `ERR_POLICY_SIGNATURES` for something else than an image manifest. Adding to it would lose it.
 */
export async function readAttachments(
  store: ReadStore,
  tag: string,
  signal: AbortSignal | undefined,
  known?: Attachments | undefined,
): Promise<Attachments | undefined> {
  signal?.throwIfAborted();
  const descriptor = await resolveTag(store, tag, signal);
  if (!descriptor) return undefined;
  if (descriptor.digest === known?.descriptor.digest) return known;
  if (descriptor.mediaType !== OCI_MANIFEST) {
    throw unfit(`the tag ${tag} stands for ${descriptor.mediaType}, not for ${OCI_MANIFEST}`);
  }
  const bytes = await fetchBlob(store, descriptor, { maxBytes: MAX_MANIFEST_BYTES, signal });
  const manifest = readManifest(tag, bytes);
  const config = await fetchBlob(store, manifest.config, { maxBytes: MAX_CONFIG_BYTES, signal });
  return { descriptor, bytes, layers: manifest.layers, config };
}

async function resolveTag(
  store: ReadStore,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<Descriptor | undefined> {
  try {
    return await store.resolve(tag, { signal });
  } catch (error) {
    // Nothing but a plain "not found" may be taken for an empty place: what is there would be lost.
    if (error instanceof OciError && error.code === "ERR_OCI_NOT_FOUND") return undefined;
    throw error;
  }
}

function readManifest(tag: string, bytes: Uint8Array): { config: Descriptor; layers: Descriptor[] } {
  try {
    const manifest = parseManifest(bytes, OCI_MANIFEST);
    if (manifest.kind === "manifest") return manifest.value;
  } catch (cause) {
    if (!isLadingError(cause)) throw cause;
    throw unfit(`the tag ${tag} stands for a manifest that cannot be read: ${cause.message}`, cause);
  }
  throw unfit(`the tag ${tag} stands for an index`);
}

/** Whether every signature is there, with its annotations. */
export function holdsAll({ layers }: Attachments, signatures: readonly SigstoreSignature[]): boolean {
  return signatures.every((signature) => layers.some((layer) => isLayerOf(layer, signature)));
}

/** The manifest with signatures at its end. Whatever else it says is kept. */
export function addSignatures(
  current: Attachments | undefined,
  signatures: readonly SigstoreSignature[],
): PackedAttachments {
  const missing: SigstoreSignature[] = [];
  for (const signature of signatures) {
    const layer = layerOf(signature);
    const stored = [...(current?.layers ?? []), ...missing.map(layerOf)];
    if (!stored.some((each) => isSameLayer(each, layer))) missing.push(signature);
  }
  const before = current?.layers ?? [];
  if (before.length + missing.length > MAX_LAYERS) {
    throw unfit(`${before.length} signatures and ${missing.length} more, and nodes read ${MAX_LAYERS}`);
  }
  const value = current ? objectOf(current.bytes) : { schemaVersion: 2, mediaType: OCI_MANIFEST };
  const given = current ? objectOf(current.config) : emptyConfig();
  const config = describe(withDiffIds(given, before, missing), configType(value));
  const oldLayers = Array.isArray(value["layers"]) ? value["layers"] : [];
  const layers = [...oldLayers, ...missing.map(layerOf)];
  const bytes = Buffer.from(JSON.stringify({ ...value, config: config.descriptor, layers }));
  if (bytes.byteLength > MAX_MANIFEST_BYTES) {
    throw unfit(`a manifest of ${bytes.byteLength} bytes, and nodes read ${MAX_MANIFEST_BYTES}`);
  }
  return {
    manifest: describeContent(bytes, OCI_MANIFEST),
    bytes,
    blobs: [config, ...missing.map(payloadOf)],
    added: missing.length,
  };
}

/** A manifest of signatures that refers to what they sign. */
export function packReferrer(
  signatures: readonly SigstoreSignature[],
  subject: Descriptor,
): PackedAttachments {
  const config = describe(withDiffIds(emptyConfig(), [], signatures), SIGNATURE_ARTIFACT);
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType: SIGNATURE_ARTIFACT,
      config: config.descriptor,
      layers: signatures.map(layerOf),
      subject,
    }),
  );
  return {
    manifest: describeContent(bytes, OCI_MANIFEST),
    bytes,
    blobs: [config, ...signatures.map(payloadOf)],
    added: signatures.length,
  };
}

/** The descriptor of a signature as a layer. */
function layerOf({ mediaType, payload, annotations }: SigstoreSignature): Descriptor {
  return { ...describeContent(payload, mediaType), annotations: Object.fromEntries(annotations) };
}

function payloadOf({ mediaType, payload }: SigstoreSignature): DescribedContent {
  return { descriptor: describeContent(payload, mediaType), content: payload };
}

function isLayerOf(layer: Descriptor, signature: SigstoreSignature): boolean {
  return isSameLayer(layer, layerOf(signature));
}

function isSameLayer(stored: Descriptor, layer: Descriptor): boolean {
  if (stored.digest !== layer.digest || stored.mediaType !== layer.mediaType) return false;
  const { annotations = {} } = stored;
  return Object.entries(layer.annotations ?? {}).every(([name, text]) => annotations[name] === text);
}

type JsonMembers = Readonly<Record<string, unknown>>;

/** The members of a document; none for one that is no object, whose place a new one takes. */
function objectOf(bytes: Uint8Array): JsonMembers {
  try {
    const value: unknown = parseNativeJson(Buffer.from(bytes).toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? { ...value }
      : emptyConfig();
  } catch {
    return emptyConfig();
  }
}

/** What the config of a manifest is declared to be; whoever wrote another type than an image's had a reason. */
function configType(manifest: JsonMembers): string {
  const config: unknown = manifest["config"];
  const type =
    typeof config === "object" && config !== null && "mediaType" in config ? config.mediaType : undefined;
  return typeof type === "string" ? type : OCI_CONFIG;
}

function emptyConfig(): JsonMembers {
  return { architecture: "", config: {}, created: NO_TIME, history: [], os: "", rootfs: {} };
}

/** The config with a line for each layer. A signature is its own uncompressed form. */
function withDiffIds(
  config: JsonMembers,
  before: readonly Descriptor[],
  added: readonly SigstoreSignature[],
): Uint8Array {
  const known = diffIdsOf(config);
  // A list that does not fit the layers says nothing about them.
  const kept = known?.length === before.length ? known : before.map(({ digest }) => digest);
  const ids = [...kept, ...added.map(({ payload }) => digestOf(payload))];
  const history = Array.isArray(config["history"]) ? config["history"] : [];
  const lines = added.map(() => ({ created: NO_TIME }));
  return Buffer.from(
    JSON.stringify({
      ...config,
      ...(config["architecture"] === undefined ? { architecture: "" } : {}),
      ...(config["os"] === undefined ? { os: "" } : {}),
      history: [...history, ...lines],
      rootfs: { type: "layers", diff_ids: ids },
    }),
  );
}

function diffIdsOf({ rootfs }: JsonMembers): string[] | undefined {
  if (typeof rootfs !== "object" || rootfs === null || !("diff_ids" in rootfs)) return undefined;
  const ids: unknown = rootfs.diff_ids;
  if (!Array.isArray(ids)) return undefined;
  return ids.every((id) => typeof id === "string" && isDigest(id)) ? ids : undefined;
}

function describe(content: Uint8Array, mediaType: string): DescribedContent {
  return { descriptor: describeContent(content, mediaType), content };
}

function unfit(message: string, cause?: unknown): PolicyError {
  const detail = cause === undefined ? {} : { cause };
  return new PolicyError("ERR_POLICY_SIGNATURES", message, detail);
}

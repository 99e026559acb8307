/**
 * Encrypted layers: whether a node has anything that may open them.
 *
 * @see {@link https://github.com/containers/ocicrypt/blob/v1.2.1/docs/keyprovider.md}
 * @module
 */
import type { Descriptor } from "../oci/descriptor.ts";
import { layerEncryption } from "../oci/layers/encryption.ts";
import { parseManifest } from "../oci/manifest.ts";
import type { ManifestContent } from "../oci/store.ts";
import type { DecryptionAnswer, DecryptionMeans } from "./answers.ts";
import { fails, RUNS, worst } from "./failures.ts";
import type { DecryptionExplanation, EncryptedLayer, Outcome, Undecided } from "./trace.ts";

/** What a node has, or why that could not be found out. */
export interface KnownDecryption extends DecryptionAnswer {
  readonly unknown?: Undecided;
}

/**
 * What opening an image's layers comes to; undefined where there is nothing to tell of it.
 *
 * Never that encrypted layers are opened: keys are not tried, and programs are not asked.
 */
export function explainDecryption(
  { everyPull, unknown, steps, means }: KnownDecryption,
  content: ManifestContent | undefined,
): DecryptionExplanation | undefined {
  const layers = content ? encryptedLayers(content) : [];
  if (layers.length === 0 && !everyPull) return undefined;
  const outcomes = layers.map((layer) => unknown ?? layerOutcome(layer, means));
  return { outcome: worst([everyPull ?? RUNS, ...outcomes]), layers, steps };
}

function encryptedLayers({ bytes, descriptor }: ManifestContent): EncryptedLayer[] {
  const document = parseManifest(bytes, descriptor.mediaType);
  const layers: readonly Descriptor[] = document.kind === "manifest" ? document.value.layers : [];
  return layers.flatMap((layer) => {
    const encryption = layerEncryption(layer);
    if (!encryption) return [];
    return [{ digest: layer.digest, mediaType: layer.mediaType, schemes: encryption.schemes }];
  });
}

function layerOutcome(layer: EncryptedLayer, means: readonly DecryptionMeans[]): Outcome {
  const { digest, mediaType } = layer;
  const found = means.find(({ accepts }) => accepts === "all" || accepts.includes(mediaType));
  if (!found) {
    const what = `layer ${digest} is encrypted, and nothing on the node opens ${mediaType}`;
    return fails("ErrImagePull", what);
  }
  const { name, refuses } = found;
  if (refuses !== undefined) return fails("ErrImagePull", `decrypting layer ${digest}: ${refuses}`);
  if (mayOpen(layer, found)) {
    const what = `layer ${digest} is encrypted, and whether ${name} opens it is not known`;
    return { kind: "undecided", code: "ERR_EXPLAIN_ENCRYPTED", message: what };
  }
  const missing = `decrypting layer ${digest}: missing private key needed for decryption`;
  return fails("ErrImagePull", `${missing}: none of ${name} is for ${layer.schemes.join(", ") || "any"}`);
}

/** Ways of wrapping a layer's key that a private key opens. */
const BY_PRIVATE_KEY: readonly string[] = ["jwe", "pkcs7"];

/** Whether something may open a layer, by the ways in which its key is wrapped. */
function mayOpen({ schemes }: EncryptedLayer, { keys }: DecryptionMeans): boolean {
  return schemes.some((scheme) => {
    // A key provider is asked by a program, and needs no key here.
    if (keys === "unknown" || scheme.startsWith("provider.")) return true;
    return keys === "private" && BY_PRIVATE_KEY.includes(scheme);
  });
}

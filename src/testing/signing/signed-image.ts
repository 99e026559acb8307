/**
 * Images whose signatures are in any state, with a policy that has an opinion on them: one call.
 *
 * @module
 */
import { type KeyObject, randomUUID } from "node:crypto";
import type { Digest } from "../../core/digest.ts";
import { formatReference, parseReference, withDefaultTag } from "../../core/reference.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { packImage, packIndex } from "../../oci/artifact.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { memoryStore } from "../../oci/memory-store.ts";
import { pushImage } from "../../oci/push-image.ts";
import type { Store } from "../../oci/store.ts";
import { type Authorities, createAuthorities, DEFAULT_OIDC_ISSUER } from "../authorities.ts";
import { mintKey, publicKeyPem } from "../certificates.ts";
import { attachSignatures, type SignatureLayer } from "../signatures.ts";
import {
  type ExpectedVerdict,
  type SignatureState,
  STATE_RULES,
  type StateRule,
  type StateTrust,
} from "./signature-states.ts";

/** Options of {@link createSignedImage}. */
export interface CreateSignedImageOptions<S extends SignatureState = SignatureState> extends SignalOptions {
  state: S;
  /** Where the image is put: the repository of the reference. Default: a new one in memory. */
  store?: Store | undefined;
  /** Default `registry.example/team/app:1`. */
  reference?: string | undefined;
  /**
   * Whether the reference names an index with the image, for linux on amd64, as its only one. Default no; always so where
   * the state is about an index.
   */
  inIndex?: boolean | undefined;
  /** Who certifies and logs. Default: new ones. */
  authorities?: Authorities | undefined;
  /** Who signs where a key does. Default: a new one on P-256. */
  key?: KeyObject | undefined;
}

/** An image with its signatures, and what to expect of them. */
export interface SignedTestImage<S extends SignatureState = SignatureState> {
  readonly state: S;
  readonly store: Store;
  /** The reference in full, with its tag. */
  readonly reference: string;
  /** Digest of the image's manifest. */
  readonly digest: Digest;
  readonly descriptor: Descriptor;
  /** Digest of the index that the reference names. */
  readonly indexDigest?: Digest;
  /** What was attached, in order. */
  readonly signatures: readonly SignatureLayer[];
  /** The text of a policy.json that trusts the signer of this state, under the default identity. */
  readonly policy: string;
  /** What a verifier with that policy says. */
  readonly expected: ExpectedVerdict;
  readonly authorities: Authorities;
  readonly key: KeyObject;
  /** PEM of a list with the certificates of the signatures, where the state is that they are revoked. */
  readonly revocationList?: string;
}

const PLATFORM = { os: "linux", architecture: "amd64" };
const EMAIL = "dev@example.com";
const CERTIFICATE = "dev.sigstore.cosign/certificate";

/** Makes a new image, unlike any other, and attaches signatures in the state that is asked for. */
export async function createSignedImage<S extends SignatureState>(
  options: CreateSignedImageOptions<S>,
): Promise<SignedTestImage<S>> {
  const {
    state,
    store = memoryStore(),
    authorities = createAuthorities(),
    key = mintKey(),
    signal,
  } = options;
  if (!Object.hasOwn(STATE_RULES, state)) throw new RangeError(`no state of signatures: ${state}`);
  const rule: StateRule = STATE_RULES[state];
  const named = withDefaultTag(parseReference(options.reference ?? "registry.example/team/app:1"));
  const reference = formatReference(named);
  const graph = packImage({
    platform: PLATFORM,
    layers: [],
    config: { Labels: { "org.example.id": randomUUID() } },
  });
  const { signs = "image" } = rule;
  const { inIndex = false } = options;
  const { descriptor } = graph.manifest;
  const top = inIndex || signs === "index" ? packIndex([{ graph, platform: PLATFORM }]) : graph;
  const { digest: topDigest } = await pushImage(store, top, named.tag, { signal });
  const signed = signs === "index" ? topDigest : descriptor.digest;
  const signatures = rule.make({ authorities, key, reference, digest: signed, email: EMAIL });
  if (signatures.length > 0) await attachSignatures(store, signed, signatures, { signal });
  const certificates = signatures.flatMap(({ annotations }) => annotations[CERTIFICATE] ?? []);
  return {
    state,
    store,
    reference,
    digest: descriptor.digest,
    descriptor,
    ...(top === graph ? {} : { indexDigest: topDigest }),
    signatures,
    policy: policyOf(rule.trust, authorities, key),
    expected: rule.expected,
    authorities,
    key,
    ...(state === "keyless-revoked-certificate"
      ? { revocationList: authorities.revocationList(certificates) }
      : {}),
  };
}

function policyOf(trust: StateTrust, authorities: Authorities, key: KeyObject): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const signer =
    trust === "keyless"
      ? {
          fulcio: {
            caData: base64(authorities.rootPem),
            oidcIssuer: DEFAULT_OIDC_ISSUER,
            subjectEmail: EMAIL,
          },
        }
      : { keyData: base64(publicKeyPem(key)) };
  const log = trust === "key" ? {} : { rekorPublicKeyData: base64(authorities.logPublicKeyPem) };
  return JSON.stringify({ default: [{ type: "sigstoreSigned", ...signer, ...log }] });
}

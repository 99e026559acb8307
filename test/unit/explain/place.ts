/** A node that answers by hand, and registries in memory that count what they are asked. */
import type { KeyObject } from "node:crypto";
import { collectBytes } from "../../../src/core/bytes.ts";
import { digestOf } from "../../../src/core/digest.ts";
import { OCI_CONFIG, OCI_MANIFEST } from "../../../src/core/media-types.ts";
import { parseReference, withDefaultTag } from "../../../src/core/reference.ts";
import type { NodeAnswers } from "../../../src/explain/answers.ts";
import { OciError } from "../../../src/oci/errors.ts";
import { type MemoryStore, memoryStore } from "../../../src/oci/memory-store.ts";
import { resolvePullSources } from "../../../src/oci/mirrors/pull-sources.ts";
import { parseRegistriesConf } from "../../../src/oci/mirrors/registries.ts";
import type { Registry, Repository } from "../../../src/oci/registry.ts";
import type { Store } from "../../../src/oci/store.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";
import { createNodeSignatures } from "../../../src/policy/sources/node-signatures.ts";
import { parseRegistriesD } from "../../../src/policy/sources/registries-d.ts";
import { mintKey, publicKeyPem } from "../../../src/testing/certificates.ts";
import { attachSignatures, signImage } from "../../../src/testing/signatures.ts";

/** Registries in memory. */
export interface FakeRegistries {
  readonly registry: Pick<Registry, "repositoryAt">;
  /** The repository of a full name, made when it is first named. */
  store(name: string): MemoryStore;
  /** Each request: `resolve https://quay.io/v2/a/b 1`. */
  readonly requests: string[];
  /** Hosts that do not answer. */
  readonly down: Set<string>;
}

export function fakeRegistries(): FakeRegistries {
  const stores = new Map<string, MemoryStore>();
  const requests: string[] = [];
  const down = new Set<string>();
  const store = (name: string): MemoryStore => {
    const made = stores.get(name) ?? memoryStore();
    stores.set(name, made);
    return made;
  };
  const repositoryAt: Registry["repositoryAt"] = (endpoint, path) => {
    const place = `${endpoint.root.href}/${path}`;
    const content = store(`${endpoint.root.host}/${path}`);
    const ask = (what: string, which: string): void => {
      requests.push(`${what} ${place} ${which}`);
      if (!down.has(endpoint.root.host)) return;
      throw new OciError("ERR_OCI_NETWORK", `${what} ${place}: connect ECONNREFUSED`);
    };
    const found = async <T>(asked: Promise<T>): Promise<T> => {
      try {
        return await asked;
      } catch (error) {
        if (!(error instanceof OciError) || error.code !== "ERR_OCI_NOT_FOUND") throw error;
        throw new OciError("ERR_OCI_NOT_FOUND", `GET ${place}: 404`, { statusCode: 404 });
      }
    };
    const repository: Partial<Repository> = {
      name: `${endpoint.domain}/${path}`,
      async resolve(tagOrDigest, options) {
        ask("resolve", tagOrDigest);
        return await found(content.resolve(tagOrDigest, options));
      },
      async readManifest(tagOrDigest, options) {
        ask("manifest", tagOrDigest);
        const descriptor = await found(content.resolve(tagOrDigest, options));
        return { descriptor, bytes: await collectBytes(content.fetch(descriptor), { maxBytes: 1e6 }) };
      },
      async *fetch(descriptor, options) {
        ask("blob", descriptor.digest);
        yield* content.fetch(descriptor, options);
      },
      exists: async (descriptor) => content.exists(descriptor),
      async extensionSignatures() {
        ask("extension", "");
        return undefined;
      },
    };
    return repository as Repository;
  };
  return { registry: { repositoryAt }, store, requests, down };
}

export const key: KeyObject = mintKey();
export const otherKey: KeyObject = mintKey();

/** An image in a store, signed if a name to claim is given. */
export async function pushImage(
  store: Store,
  tag: string,
  { content = tag, annotations, signedAs }: PushedImage = {},
): Promise<string> {
  const config = { mediaType: OCI_CONFIG, digest: digestOf(content), size: content.length };
  const value = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config,
    layers: [],
    ...(annotations ? { annotations } : {}),
  };
  const bytes = Buffer.from(JSON.stringify(value));
  const descriptor = { mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.byteLength };
  await store.push(descriptor, bytes);
  await store.tag(descriptor, tag);
  const { digest } = descriptor;
  if (signedAs !== undefined) {
    await attachSignatures(store, digest, [signImage({ reference: signedAs, digest, signer: key })]);
  }
  return digest;
}

export interface PushedImage {
  content?: string;
  annotations?: Record<string, string>;
  signedAs?: string;
}

/** A policy that demands the key's signature for a scope, and rejects all else. */
export function signedPolicy(scope: string, signer: KeyObject = key): object {
  return {
    default: [{ type: "reject" }],
    transports: { docker: { [scope]: [signedRequirement(signer)] } },
  };
}

export function signedRequirement(signer: KeyObject = key): object {
  const keyData = Buffer.from(publicKeyPem(signer)).toString("base64");
  return { type: "sigstoreSigned", keyData, signedIdentity: { type: "matchRepository" } };
}

/** What a node answers: what is not given is that of a CRI-O without anything configured. */
export interface NodeByHand {
  registriesConf?: string;
  policy?: object;
  /** Whether the policy has a path of its own. */
  checkedAtCreate?: boolean;
  registriesD?: string;
  version?: string;
  files?: Record<string, string>;
  change?: Partial<NodeAnswers>;
}

export async function crioAnswers(given: NodeByHand = {}): Promise<NodeAnswers> {
  const { version = "1.36.0", files = {}, checkedAtCreate = false } = given;
  const config = parseRegistriesConf([
    { name: "/etc/containers/registries.conf", text: given.registriesConf ?? "" },
  ]);
  const registriesD = given.registriesD ?? "default-docker:\n  use-sigstore-attachments: true\n";
  const signatures = createNodeSignatures({
    config: await parseRegistriesD([
      { path: "/etc/containers/registries.d/default.yaml", text: registriesD },
    ]),
    defaultLookaside: "file:///var/lib/containers/sigstore",
    readFile: async () => {
      throw Object.assign(new Error("no such file"), { code: "ENOENT" });
    },
  });
  return {
    runtime: "cri-o",
    version,
    separatePulls: false,
    doubts: [],
    featureGates: new Map(),
    handler: async () => ({ kind: "handler", name: "crun", isDefault: true, steps: [] }),
    names: async (image) => ({ by: "full-name", candidates: [withDefaultTag(parseReference(image))] }),
    sources: async (reference) => resolvePullSources(reference, { kind: "registries-conf", config }),
    credentials: async ({ repository }) => ({
      steps: [{ what: "/var/lib/kubelet/config.json", outcome: "none", why: `no entry for ${repository}` }],
    }),
    certificates: async () => new Uint8Array(0),
    policy: async () => ({
      kind: "policy",
      file: "/etc/containers/policy.json",
      policy: parsePolicy(JSON.stringify(given.policy ?? { default: [{ type: "insecureAcceptAnything" }] })),
      checkedAtCreate,
      steps: [{ what: "/etc/containers/policy.json", outcome: "chosen", why: "system" }],
    }),
    signatureSources: [signatures],
    decryption: async () => ({ steps: [], means: [] }),
    seccomp: async () => ({
      runtime: { kind: "cri-o", version },
      kubelet: {},
      defaultCapabilities: ["CHOWN", "KILL"],
    }),
    file: async (path) => (path in files ? Buffer.from(files[path] ?? "") : undefined),
    close: () => signatures.close(),
    ...given.change,
  };
}

/** A Pod of containers with these images. */
export function podOf(...images: string[]): { metadata: object; spec: Record<string, unknown> } {
  return {
    metadata: { name: "web", namespace: "shop" },
    spec: { containers: images.map((image, at) => ({ name: `c${at}`, image })) },
  };
}

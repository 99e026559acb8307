/**
 * ClusterImagePolicy objects of sigstore's policy-controller as containers-policy.json and registries.d.
 *
 * The controller demands that an image meets every policy with a pattern for it; on a node the most specific scope
 * counts alone. So each scope gets the requirements of every policy with a scope that covers it.
 *
 * @see {@link https://docs.sigstore.dev/policy-controller/overview/}
 * @module
 */
import { formatPolicy } from "../format.ts";
import { withPolicyErrors } from "../members.ts";
import { parsePolicy } from "../parse.ts";
import { quote } from "../quote.ts";
import { scopeCovers } from "../scope-cover.ts";
import type { Policy, PolicyRequirement } from "../types.ts";
import { attachmentsDocument, type RegistriesDDocument } from "./attachments-text.ts";
import { type AcceptableLoss, type ImportLoss, type LossRecord, lossRecord } from "./loss.ts";
import { readObjects } from "./objects.ts";
import {
  type AuthorityMaterial,
  type ImportedTrustRoot,
  requirementOf,
} from "./policy-controller-authority.ts";
import { scopeOfGlob } from "./policy-controller-globs.ts";
import { type ControllerPolicy, readControllerSpec } from "./policy-controller-object.ts";

/** A key that a policy refers to. */
export interface ExternalKey {
  /** The secret that holds it. */
  readonly secret?: { readonly name: string; readonly namespace: string };
  /** URL in a key management system. */
  readonly kms?: string;
}

/** Options of {@link importPolicyController}. */
export interface ImportPolicyControllerOptions {
  /** The controller's `no-match-policy`, which is `deny` unless configured: what becomes of other images. */
  noMatchPolicy: "deny" | "warn" | "allow";
  /**
   * Certificates and log keys by name of the TrustRoot, and under `""` those of sigstore's public instance, which the
   * controller fetches by itself.
   */
  trustRoots?: Readonly<Record<string, ImportedTrustRoot>> | undefined;
  /** Gives the public key, in PEM, that a secret or key management system holds. Default: none is known. */
  keyOf?: ((key: ExternalKey) => string | Uint8Array | undefined) | undefined;
  /** Losses that make the result accept more than the source, taken knowingly. Default: none. */
  accept?: readonly AcceptableLoss[] | undefined;
  /** Longest text accepted, in bytes. Default 4 MiB (4194304). */
  maxBytes?: number | undefined;
}

/** What came of an import. */
export interface PolicyControllerImport {
  readonly policy: Policy;
  /** Files below `/etc/containers/registries.d`. */
  readonly registriesD: readonly RegistriesDDocument[];
  /** In the order of the text. */
  readonly losses: readonly ImportLoss[];
}

const ACCEPTABLE: readonly AcceptableLoss[] = ["sct", "glob-same-name", "glob-depth", "glob-port", "match"];

/**
 * What ClusterImagePolicy objects of `policy.sigstore.dev`, `v1alpha1` and `v1beta1`, say, as a node can say it.
 *
 * The result never accepts an image that the source refuses, except by losses that `accept` names; where it would, or
 * where nothing can stand for a part of the source, the import fails and lists every such loss. The controller checks
 * namespaces that opted in; a node checks every image that it pulls. The controller does not compare the name that a
 * signature claims; the result demands the image's repository.
 *
 * @param input YAML with one or more documents, or JSON; lists of such objects are read too.
 * @throws {PolicyError} `ERR_POLICY_SYNTAX`, `ERR_POLICY_TOO_LARGE`, and the codes of reading a policy, with
 * `position`; `ERR_POLICY_IMPORT` for an object that the controller would refuse and, with `losses`, for losses.
 */
export async function importPolicyController(
  input: string | Uint8Array,
  options: ImportPolicyControllerOptions,
): Promise<PolicyControllerImport> {
  const { noMatchPolicy, trustRoots = {}, keyOf = () => undefined, accept = [], maxBytes } = options;
  if (!["deny", "warn", "allow"].includes(noMatchPolicy)) {
    throw new TypeError(`noMatchPolicy must be deny, warn or allow, not ${quote(String(noMatchPolicy))}`);
  }
  for (const code of accept) {
    if (!ACCEPTABLE.includes(code)) throw new TypeError(`the loss ${quote(String(code))} cannot be accepted`);
  }
  const apiVersions = ["policy.sigstore.dev/v1beta1", "policy.sigstore.dev/v1alpha1"];
  const objects = await readObjects(input, { apiVersions, kinds: ["ClusterImagePolicy"] }, maxBytes);
  const record = lossRecord(new Set(accept));
  const material: AuthorityMaterial = {
    trustRoots: new Map(Object.entries(trustRoots)),
    keyOf: ({ secret, kms }) =>
      keyOf({ ...(secret ? { secret } : {}), ...(kms === undefined ? {} : { kms }) }),
  };
  const imported: ImportedPolicy[] = [];
  for (const { kind, name, spec } of objects) {
    withPolicyErrors(() => {
      const losses = record.of(`${kind}/${name}`);
      const policy = readControllerSpec(spec);
      const requirement = requirementOf(policy.authorities, material, losses);
      const widening = wideningOf(noMatchPolicy, requirement);
      recordSpec(policy, widening, losses);
      const scopes = scopesOf(policy, widening, losses);
      if (requirement?.type === "sigstoreSigned") {
        const message = "the controller does not compare names: the result asks for the image's repository";
        losses.add(spec, "signed-identity", "accepts-less", message);
      }
      if (requirement) imported.push({ scopes, requirement });
    });
  }
  record.assertNoneWidens();
  const docker = flatten(imported);
  const byDefault: PolicyRequirement = {
    type: noMatchPolicy === "deny" ? "reject" : "insecureAcceptAnything",
  };
  const transports: Policy["transports"] = new Map(docker.size > 0 ? [["docker", docker]] : []);
  const signed = [...docker].filter(([, list]) => list.some(({ type }) => type === "sigstoreSigned"));
  const document = attachmentsDocument(signed.map(([scope]) => scope));
  return {
    policy: parsePolicy(formatPolicy({ default: [byDefault], transports })),
    registriesD: document ? [document] : [],
    losses: record.losses,
  };
}

interface ImportedPolicy {
  readonly scopes: readonly string[];
  readonly requirement: PolicyRequirement;
}

/** Every scope with the requirements of every policy that covers it. */
function flatten(policies: readonly ImportedPolicy[]): Map<string, PolicyRequirement[]> {
  const docker = new Map<string, PolicyRequirement[]>();
  for (const scope of new Set(policies.flatMap(({ scopes }) => scopes))) {
    const requirements = new Map<string, PolicyRequirement>();
    for (const { scopes, requirement } of policies) {
      if (!scopes.some((outer) => scopeCovers(outer, scope))) continue;
      requirements.set(formatPolicy({ default: [requirement], transports: new Map() }), requirement);
    }
    docker.set(scope, [...requirements.values()]);
  }
  return docker;
}

/** What it does to the result if a requirement is for more images than its policy names. */
function wideningOf(
  noMatchPolicy: ImportPolicyControllerOptions["noMatchPolicy"],
  requirement: PolicyRequirement | undefined,
): ImportLoss["effect"] {
  // What no policy is for is accepted anyhow, or what one is for is refused anyhow.
  if (noMatchPolicy !== "deny" || requirement?.type === "reject") return "accepts-less";
  // Unsigned images that nobody named: this cannot be taken knowingly.
  return requirement?.type === "insecureAcceptAnything" ? "not-imported" : "accepts-more";
}

function scopesOf({ globs }: ControllerPolicy, widening: ImportLoss["effect"], losses: LossRecord): string[] {
  const scopes: string[] = [];
  for (const { value, node } of globs) {
    const found = scopeOfGlob(value);
    if (found.kind === "none") {
      losses.add(node, "glob", "not-imported", `no scope for the glob ${quote(value)}: ${found.reason}`);
      continue;
    }
    scopes.push(found.scope);
    for (const code of found.wider) {
      const message = `the scope ${quote(found.scope)} covers more than the glob ${quote(value)}`;
      losses.add(node, code, widening, message);
    }
  }
  return scopes;
}

function recordSpec(
  { condition, mode, match }: ControllerPolicy,
  widening: ImportLoss["effect"],
  losses: LossRecord,
): void {
  if (condition) {
    losses.add(condition, "policy-language", "accepts-more", "nodes evaluate no conditions in CUE or Rego");
  }
  if (mode?.value === "warn") {
    losses.add(mode.node, "mode-warn", "accepts-less", "nodes refuse what the controller only warns of");
  }
  if (match) {
    losses.add(match, "match", widening, "nodes do not tell resources apart: the policy is for all of them");
  }
}

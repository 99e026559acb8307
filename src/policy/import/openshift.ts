/**
 * OpenShift's image policies to the files that its machine config operator writes to nodes from them.
 *
 * ```text
 * ClusterImagePolicy   /etc/containers/policy.json
 * ImagePolicy          /etc/crio/policies/NAMESPACE.json: the cluster's policy, and the namespace's scopes added
 * both                 /etc/containers/registries.d/sigstore-registries.yaml
 * ```
 *
 * A scope of a namespace that is one of the cluster's, or lies in one, is left out: the cluster's policy wins. Several
 * policies for one scope are all required. Scopes are written for the transports `docker` and, as far as it has such
 * scopes, `atomic`.
 *
 * @see {@link https://github.com/openshift/machine-config-operator/blob/f8b4f4f2/docs/ClusterImagePolicyDesign.md}
 * @module
 */
import { PolicyError } from "../errors.ts";
import { formatPolicy } from "../format.ts";
import { withPolicyErrors } from "../members.ts";
import { parsePolicy } from "../parse.ts";
import { quote } from "../quote.ts";
import { validateScope } from "../scope-validate.ts";
import type { Policy, PolicyRequirement } from "../types.ts";
import { attachmentsDocument, type RegistriesDDocument } from "./attachments-text.ts";
import { type ImportLoss, lossRecord } from "./loss.ts";
import { readObjects } from "./objects.ts";
import { type OpenShiftPolicy, readOpenShiftSpec } from "./openshift-object.ts";
import { isImageOfScope, isNestedScope, registryProblem } from "./openshift-scopes.ts";

/** Options of {@link importOpenShiftPolicies}. */
export interface ImportOpenShiftOptions {
  /**
   * The policy that scopes are added to: {@link openShiftBasePolicy}, unless the nodes' own differs. It must not have
   * scopes of the transports `docker` and `atomic`, which the operator would throw away.
   */
  base: Policy;
  /** `spec.registrySources.allowedRegistries` of the cluster's Image object: all others are refused. */
  allowedRegistries?: readonly string[] | undefined;
  /** `spec.registrySources.blockedRegistries` of the cluster's Image object. */
  blockedRegistries?: readonly string[] | undefined;
  /** Mirrors of the scopes, which nodes must look for attachments on as well: host, or repository in full. */
  mirrors?: readonly string[] | undefined;
  /** Longest text accepted, in bytes. Default 4 MiB (4194304). */
  maxBytes?: number | undefined;
}

/** The files of a node. */
export interface OpenShiftImport {
  /** `/etc/containers/policy.json`. */
  readonly policy: Policy;
  /** By namespace: `/etc/crio/policies/NAMESPACE.json`, which takes the place of the other policy altogether. */
  readonly namespacePolicies: ReadonlyMap<string, Policy>;
  /** Files below `/etc/containers/registries.d`. */
  readonly registriesD: readonly RegistriesDDocument[];
  /** Scopes that have no effect, since the cluster's policy wins. */
  readonly losses: readonly ImportLoss[];
}

/** The policy that OpenShift's nodes have before any image policy: it accepts everything. */
export function openShiftBasePolicy(): Policy {
  const accept: PolicyRequirement[] = [{ type: "insecureAcceptAnything" }];
  return { default: accept, transports: new Map([["docker-daemon", new Map([["", accept]])]]) };
}

/**
 * What a node of OpenShift is given for ClusterImagePolicy and ImagePolicy objects of `config.openshift.io`, `v1` and
 * `v1alpha1`.
 *
 * Objects are read strictly and checked as the API server checks them. Keys and certificates are not parsed: run
 * {@link lintPolicy} over the result. Policies for one scope come in the order of the text.
 *
 * @param input YAML with one or more documents, or JSON; lists of such objects are read too.
 * @throws {PolicyError} `ERR_POLICY_SYNTAX`, `ERR_POLICY_TOO_LARGE`, and the codes of reading a policy, with
 * `position`; `ERR_POLICY_IMPORT` for an object that the API server would refuse or the operator not render, and, with
 * `losses`, for a tag or digest of a namespace's policy whose repository the cluster's policy covers: the operator
 * writes it, and the namespace's requirements would take the place of the cluster's.
 * @see {@link https://github.com/openshift/api/blob/5886a58a/config/v1/types_cluster_image_policy.go}
 */
export async function importOpenShiftPolicies(
  input: string | Uint8Array,
  options: ImportOpenShiftOptions,
): Promise<OpenShiftImport> {
  const { base, allowedRegistries = [], blockedRegistries = [], mirrors = [], maxBytes } = options;
  for (const registry of [...allowedRegistries, ...blockedRegistries, ...mirrors]) {
    const problem = registryProblem(registry);
    if (problem !== undefined) throw refused(`the registry ${quote(registry)} is not usable: ${problem}`);
  }
  const apiVersions = ["config.openshift.io/v1", "config.openshift.io/v1alpha1"];
  const objects = await readObjects(
    input,
    { apiVersions, kinds: ["ClusterImagePolicy", "ImagePolicy"] },
    maxBytes,
  );
  const record = lossRecord(new Set());
  const cluster: ScopeMap = new Map();
  const namespaces = new Map<string, ScopeMap>();
  const read = objects.map((object) => ({
    object,
    spec: withPolicyErrors(() => readOpenShiftSpec(object.spec)),
  }));
  for (const { object, spec } of read) {
    if (object.kind === "ClusterImagePolicy")
      for (const { scope } of spec.scopes) addTo(cluster, scope, spec);
  }
  for (const { object, spec } of read) {
    if (object.kind !== "ImagePolicy") continue;
    const { namespace, name, kind } = object;
    if (namespace === "") throw refused(`the ${kind} ${quote(name)} has no namespace`);
    const losses = record.of(`${kind}/${namespace}/${name}`);
    for (const { scope, node } of spec.scopes) {
      const wins = [...cluster.keys()].find((outer) => isNestedScope(scope, outer));
      const replaced = [...cluster.keys()].find((outer) => isImageOfScope(scope, outer));
      if (wins !== undefined) {
        const message = `the scope ${quote(scope)} has no effect: the cluster's policy for ${quote(wins)} goes before it`;
        losses.add(node, "cluster-scope-wins", "accepts-less", message);
        continue;
      }
      if (replaced !== undefined) {
        const message = `the scope ${quote(scope)} would take the place of the cluster's policy for ${quote(replaced)}`;
        losses.add(node, "cluster-scope-replaced", "accepts-more", message);
      }
      const scopes: ScopeMap = namespaces.get(namespace) ?? new Map();
      namespaces.set(namespace, scopes);
      addTo(scopes, scope, spec);
    }
  }
  record.assertNoneWidens();
  const registries = { allowed: allowedRegistries, blocked: blockedRegistries };
  const policy = render(base, [cluster], registries);
  const namespacePolicies = new Map<string, Policy>();
  for (const [namespace, scopes] of namespaces) {
    namespacePolicies.set(namespace, render(base, [cluster, scopes], registries));
  }
  const scopes = [cluster, ...namespaces.values()].flatMap((each) => [...each.keys()]);
  const document = attachmentsDocument(scopes.length === 0 ? [] : [...scopes, ...mirrors]);
  return { policy, namespacePolicies, registriesD: document ? [document] : [], losses: record.losses };
}

type ScopeMap = Map<string, PolicyRequirement[]>;

function addTo(scopes: ScopeMap, scope: string, { requirement }: OpenShiftPolicy): void {
  const requirements = scopes.get(scope);
  if (requirements) requirements.push(requirement);
  else scopes.set(scope, [requirement]);
}

/** The policy with all scopes; it went through the strict parser. */
function render(
  base: Policy,
  added: readonly ScopeMap[],
  { allowed, blocked }: { allowed: readonly string[]; blocked: readonly string[] },
): Policy {
  for (const transport of ["docker", "atomic"]) {
    if (base.transports.get(transport)?.size) {
      throw refused(`the base policy has scopes of ${transport}, which the operator replaces`);
    }
  }
  if (allowed.length > 0 && blocked.length > 0) {
    throw refused("only one of allowed and blocked registries may be given");
  }
  let byDefault = base.default;
  const docker: ScopeMap = new Map();
  if (allowed.length > 0) byDefault = [{ type: "reject" }];
  if (blocked.length > 0) byDefault = [{ type: "insecureAcceptAnything" }];
  for (const registry of allowed) docker.set(registry, [{ type: "insecureAcceptAnything" }]);
  for (const registry of blocked) docker.set(registry, [{ type: "reject" }]);
  const signed = new Set<string>();
  for (const scopes of added) {
    for (const [scope, requirements] of scopes) {
      assertReachable(scope, allowed, blocked);
      // What is signed is not accepted unsigned as well.
      docker.set(scope, [...(signed.has(scope) ? (docker.get(scope) ?? []) : []), ...requirements]);
      signed.add(scope);
    }
  }
  const transports = new Map(base.transports);
  if (docker.size > 0) {
    // The other transport has no scopes of more parts.
    const atomic = [...docker].filter(([scope]) => scope.split("/").length <= 3);
    for (const [scope] of atomic) {
      if (validateScope("atomic", scope) === undefined) continue;
      throw refused(
        `the operator writes the scope ${quote(scope)} for the transport atomic too, which refuses it: nodes could not read the policy`,
      );
    }
    transports.set("docker", docker);
    transports.set("atomic", new Map(atomic));
  }
  return parsePolicy(formatPolicy({ default: byDefault, transports }));
}

function assertReachable(scope: string, allowed: readonly string[], blocked: readonly string[]): void {
  if (allowed.length > 0 && !allowed.some((registry) => isNestedScope(scope, registry))) {
    throw refused(`the scope ${quote(scope)} lies in no allowed registry`);
  }
  if (blocked.some((registry) => isNestedScope(scope, registry))) {
    throw refused(`the scope ${quote(scope)} lies in a blocked registry`);
  }
}

function refused(message: string): PolicyError {
  return new PolicyError("ERR_POLICY_IMPORT", message);
}

/**
 * Scopes of OpenShift's image policies: which the API server takes, and which lies in which.
 *
 * @see {@link https://github.com/openshift/api/blob/5886a58a/config/v1/types_image_policy.go}
 * @module
 */

const LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const WILDCARD = new RegExp(`^\\*(?:\\.${LABEL})+$`);
const HOST = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})+|localhost)(?::[0-9]+)?$`);
// One way through for every text: no part can be read as two.
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

const LABEL_WITH_PORT = new RegExp(`^${LABEL}:[0-9]+(?=/|$)`);

/** Longest scope, in characters. */
const MAX_SCOPE = 512;

/** Why the API server refuses a scope, or nothing if it takes it. */
export function openShiftScopeProblem(scope: string): string | undefined {
  if (scope.length > MAX_SCOPE) return `longer than ${MAX_SCOPE} characters`;
  if (scope.includes("*")) {
    return WILDCARD.test(scope) ? undefined : "a wildcard stands for the first labels of a host only";
  }
  const at = scope.indexOf("@");
  if (at >= 0 && !DIGEST.test(scope.slice(at + 1))) return "an invalid digest";
  const named = at < 0 ? scope : scope.slice(0, at);
  const slash = named.indexOf("/");
  const colon = named.lastIndexOf(":");
  // After a host alone, what follows the colon is its port if it can be one.
  const hasTag = slash < 0 ? colon >= 0 && !HOST.test(named) : colon > slash;
  if (hasTag && !TAG.test(named.slice(colon + 1))) return "an invalid tag";
  return repositoryProblem(hasTag ? named.slice(0, colon) : named);
}

/** Why a text is no host and no repository in full, or nothing if it is one. */
export function repositoryProblem(name: string): string | undefined {
  if (name.length > MAX_SCOPE) return `longer than ${MAX_SCOPE} characters`;
  const [host = "", ...path] = name.split("/");
  if (!HOST.test(host)) return "does not begin with a fully qualified host name or localhost";
  return path.every((component) => COMPONENT.test(component)) ? undefined : "an invalid repository name";
}

/** Why a registry of the cluster's Image object could never be met, or nothing. */
export function registryProblem(registry: string): string | undefined {
  const problem = openShiftScopeProblem(registry);
  // A host of one label is a host where it has a port.
  if (problem === undefined || !LABEL_WITH_PORT.test(registry)) return problem;
  return openShiftScopeProblem(registry.replace(LABEL_WITH_PORT, "localhost"));
}

/**
 * Whether a scope lies in another one, as the operator tells it: it is the same, or below its path, or its host is below
 * a wildcard. A tag or digest of a repository does not lie in the repository by this.
 */
export function isNestedScope(scope: string, outer: string): boolean {
  if (scope === outer || scope.startsWith(`${outer}/`)) return true;
  if (!outer.startsWith("*.")) return false;
  const [beforeColon = ""] = scope.split(":");
  const host = scope.includes(":") ? beforeColon : scope.slice(0, scope.search(/\/|$/));
  return !host.includes("/") && host.endsWith(outer.slice(1));
}

/** Whether a scope is a tag or digest of what another one covers, which {@link isNestedScope} does not tell. */
export function isImageOfScope(scope: string, outer: string): boolean {
  const repository = scope.replace(/@.*$/s, "").replace(/:[^/:]*$/, "");
  return repository !== scope && repository.includes("/") && isNestedScope(repository, outer);
}

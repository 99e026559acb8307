/**
 * Scopes of registry tokens: `type:name:action,action`.
 *
 * @see {@link https://distribution.github.io/distribution/spec/auth/scope/}
 * @module
 */

/** How {@link mergeScopes} decides what belongs together. */
export interface MergeScopesOptions {
  /**
   * `"meaning"` (the default) gives one scope a resource, with the union of the actions; `"text"` only drops
   * repeated texts, as containerd does.
   */
  by?: "meaning" | "text" | undefined;
}

/** The scope for actions on a repository, or an empty text where there is nothing to ask for. */
export function repositoryScope(repository: string, actions: readonly string[]): string {
  const cleaned = cleanActions(actions);
  return repository === "" || cleaned.length === 0 ? "" : `repository:${repository}:${cleaned.join(",")}`;
}

/** Actions sorted, each once, without empty ones; `*` stands for all. */
export function cleanActions(actions: readonly string[]): string[] {
  const distinct = new Set(actions.filter((action) => action !== ""));
  return distinct.has("*") ? ["*"] : [...distinct].sort();
}

/**
 * Scopes sorted, each resource once.
 *
 * Scopes without actions are dropped; texts that are no `type:name:actions` are kept as they are.
 */
export function mergeScopes(
  scopes: readonly string[],
  { by = "meaning" }: MergeScopesOptions = {},
): string[] {
  if (by === "text") return [...new Set(scopes)].filter((scope) => scope !== "").sort();
  const merged = new Set<string>();
  const resources = new Map<string, string[]>();
  for (const scope of scopes) {
    const first = scope.indexOf(":");
    const last = scope.lastIndexOf(":");
    if (first === last) {
      if (scope !== "") merged.add(scope);
      continue;
    }
    const resource = scope.slice(0, last);
    resources.set(resource, [...(resources.get(resource) ?? []), ...scope.slice(last + 1).split(",")]);
  }
  for (const [resource, actions] of resources) {
    const cleaned = cleanActions(actions);
    if (cleaned.length > 0) merged.add(`${resource}:${cleaned.join(",")}`);
  }
  return [...merged].sort();
}

/** The scopes of a challenge's `scope` parameter. */
export function splitScopes(scope: string | undefined): string[] {
  return (scope ?? "").split(/[ \t]+/).filter((text) => text !== "");
}

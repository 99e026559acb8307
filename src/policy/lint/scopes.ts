/**
 * Which scopes of a policy no image has, and which take the place of stricter ones.
 *
 * Nothing is guessed from how a scope looks: an image that it should cover is made up and looked up.
 *
 * @module
 */
import { formatReference, parseReferenceName, type Reference } from "../../core/reference.ts";
import { nearestWord } from "../hint.ts";
import { quote } from "../quote.ts";
import { LIMIT, tryParseFullImageReference, tryParseImageReference } from "../reference.ts";
import { dockerLookup, storageLookup } from "../scope.ts";
import { scopeCovers } from "../scope-cover.ts";
import type { Policy, PolicyRequirement } from "../types.ts";
import { DEFAULT_PLACE, type Report, scopePlace, transportPlace } from "./findings.ts";

/** Transports that a policy can be about; `ostree` is gone, and its scopes are taken without a check. */
const TRANSPORTS: readonly string[] = [
  "atomic",
  "containers-storage",
  "dir",
  "docker",
  "docker-archive",
  "docker-daemon",
  "oci",
  "oci-archive",
  "sif",
  "tarball",
];

/** Reports what is to be said of the scopes of a policy. */
export function lintScopes(policy: Policy, report: Report): void {
  lintDefault(policy, report);
  for (const [transport, scopes] of policy.transports) {
    if (!TRANSPORTS.includes(transport)) {
      const near = nearestWord(transport, TRANSPORTS);
      const hint = near === undefined ? "" : `: did you mean ${quote(near)}?`;
      const message = `no program has a transport ${quote(transport)}, its scopes have no effect${hint}`;
      report(transportPlace(transport), "transport-unknown", "error", message);
      continue;
    }
    for (const [scope, requirements] of scopes) {
      lintScope(transport, scope, report);
      lintWeaker(transport, scope, requirements, scopes, policy, report);
    }
  }
}

function lintDefault({ default: byDefault, transports }: Policy, report: Report): void {
  const everywhere = transports.get("docker")?.get("");
  if (acceptsAnything(everywhere ?? byDefault)) {
    const place = everywhere ? scopePlace("docker", "") : DEFAULT_PLACE;
    const message = "images of registries that no other scope covers are accepted without any signature";
    report(place, "default-accepts-anything", "warning", message);
  }
  if (!everywhere) return;
  const message = `the scope "" covers every image of the transport: the policy's default never applies to it`;
  report(scopePlace("docker", ""), "default-shadowed", "info", message);
}

/** Whether every image is accepted, signed or not. */
export function acceptsAnything(requirements: readonly PolicyRequirement[]): boolean {
  return requirements.every(({ type }) => type === "insecureAcceptAnything");
}

function lintWeaker(
  transport: string,
  scope: string,
  requirements: readonly PolicyRequirement[],
  scopes: ReadonlyMap<string, readonly PolicyRequirement[]>,
  policy: Policy,
  report: Report,
): void {
  if (!acceptsAnything(requirements)) return;
  const outer = narrowestAround(scope, scopes);
  const around = outer === undefined ? policy.default : scopes.get(outer);
  // The usual way is a default that refuses, and scopes that accept; signatures asked for around are another thing.
  if (!around?.some(({ type }) => type === "signedBy" || type === "sigstoreSigned")) return;
  const name = outer === undefined ? "the policy's default" : `the scope ${quote(outer)}`;
  const message = `accepts images without any signature, which ${name} around it demands: requirements are not inherited`;
  report(scopePlace(transport, scope), "scope-weakens", "warning", message);
}

function narrowestAround(scope: string, scopes: ReadonlyMap<string, unknown>): string | undefined {
  let narrowest: string | undefined;
  for (const outer of scopes.keys()) {
    if (outer === scope || !scopeCovers(outer, scope)) continue;
    if (narrowest === undefined || scopeCovers(narrowest, outer)) narrowest = outer;
  }
  return narrowest;
}

function lintScope(transport: string, scope: string, report: Report): void {
  if (scope === "") return;
  const place = scopePlace(transport, scope);
  if (transport === "containers-storage") {
    lintStorageScope(scope, report);
    return;
  }
  if (transport !== "docker" && transport !== "docker-daemon" && transport !== "atomic") return;
  if (!isReachable(transport, scope)) {
    report(place, "scope-unreachable", "error", `no image has this scope: ${reasonFor(scope)}`);
    return;
  }
  const [host = ""] = scope.split("/");
  if (host !== host.toLowerCase()) {
    const message = `covers only references that spell the host with the same capital letters, ${quote(host)}`;
    report(place, "scope-unlikely", "warning", message);
  } else if (/^docker\.io\/[^/:@]+$/.test(scope) && scope !== "docker.io/library") {
    const inLibrary = scope.replace("/", "/library/");
    const message = `covers names below ${quote(scope)} only: the image is ${quote(inLibrary)} in full`;
    report(place, "scope-unlikely", "info", message);
  }
}

function lintStorageScope(scope: string, report: Report): void {
  const end = scope.indexOf("]") + 1;
  const store = scope.slice(1, end - 1);
  const name = scope.slice(end);
  // An image by its ID is in whichever store has it.
  if (name === "" || name.startsWith("@")) return;
  const place = scopePlace("containers-storage", scope);
  const at = store.indexOf("@");
  if (at < 0) {
    const message = "no image has this scope: without a driver, only the store as a whole is looked up";
    report(place, "scope-unreachable", "error", message);
    return;
  }
  const driver = store.slice(0, at);
  const root = store.slice(at + 1);
  const [, imageId] = /@([0-9a-f]{64})$/.exec(name) ?? [];
  const isReachable = sampleReferences(
    imageId === undefined ? name : name.slice(0, -imageId.length - 1),
  ).some((reference) => {
    const { identity, namespaces } = storageLookup({ driver, root, reference, imageId });
    return identity === scope || namespaces.includes(scope);
  });
  if (isReachable) return;
  report(place, "scope-unreachable", "error", `no image has this scope: ${reasonFor(name)}`);
}

/** Images that a scope may cover, if it covers any. */
function sampleReferences(scope: string): Reference[] {
  const name = scope.startsWith("*.") ? `a${scope.slice(1)}` : scope;
  const texts = [name, `${name}:1`, `${name}/x:1`, `${name}/x/x:1`];
  return texts.flatMap((text) => tryParseImageReference(text) ?? []);
}

/** Whether an image can be found that has the scope. */
function isReachable(transport: string, scope: string): boolean {
  return sampleReferences(scope).some((reference) => {
    const { path, tag, digest } = reference;
    if (tag !== undefined && digest !== undefined) return false;
    // What that transport takes: a namespace and a name, by tag.
    if (transport === "atomic" && (path.split("/").length !== 2 || digest !== undefined)) return false;
    const { identity, namespaces } = dockerLookup(reference, transport);
    return identity === scope || namespaces.includes(scope);
  });
}

function reasonFor(scope: string): string {
  if (scope.includes("*")) {
    return 'a wildcard is "*." and a domain, without path and port, and stands for the names below the domain';
  }
  const reference = tryParseImageReference(scope);
  if (reference?.tag !== undefined && reference.digest !== undefined) {
    return "references with both a tag and a digest are not supported";
  }
  const [host = ""] = scope.split("/");
  if (host === "index.docker.io") return `Docker Hub is ${quote("docker.io")} in full`;
  if (scope !== scope.toLowerCase() && isName(scope.toLowerCase())) return "repository names are lower-case";
  const full = reference && formatReference(reference);
  if (full !== undefined && full !== scope && !tryParseFullImageReference(scope)) {
    return `names are compared in full: ${quote(full)}`;
  }
  return "it is no host, and no repository or image in full";
}

function isName(text: string): boolean {
  try {
    parseReferenceName(text, LIMIT);
    return true;
  } catch {
    return tryParseImageReference(text) !== undefined;
  }
}

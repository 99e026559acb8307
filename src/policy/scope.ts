/**
 * Which of a policy's lists of requirements applies to an image.
 *
 * ```text
 * docker       name:tag or name@digest, then name, each parent of its path, the host with its port, and then,
 *              with the port cut off, "*." + each shorter tail of the host's labels
 * path         the absolute path, then each of its parents (oci, oci-archive: the path a second time first)
 * storage      [driver@root]name… in full, then less and less of it, then [driver@root], then [root]
 * ```
 *
 * The first candidate that is a key of the transport's map wins, then `""`, then the policy's default. The
 * winning list is used alone. Keys are compared as they stand: host names are not lower-cased, and a short
 * name in a policy matches nothing.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-policy.json.5.md#supported-transports-and-their-scopes}
 * @module
 */
import { isDigest } from "../core/digest.ts";
import { formatReference, type Reference, referenceName, withDefaultTag } from "../core/reference.ts";
import { PolicyError } from "./errors.ts";
import type { Policy, PolicyRequirement } from "./types.ts";

/** What an image is looked up by in a policy. */
export interface ScopeLookup {
  /** Such as `docker`. */
  readonly transport: string;
  /** The most specific candidate. */
  readonly identity: string;
  /** The other candidates, most specific first. */
  readonly namespaces: readonly string[];
}

/** The place in a policy that a list of requirements stands at. */
export type PolicyScope =
  | { readonly kind: "scope"; readonly transport: string; readonly scope: string }
  | { readonly kind: "default" };

/** Which list applies, and why. */
export interface SelectedRequirements {
  readonly scope: PolicyScope;
  readonly requirements: readonly PolicyRequirement[];
  /** Every key that was looked for, in order; empty if the policy does not name the transport. */
  readonly candidates: readonly string[];
  /** Keys of the transport that match too but are less specific than the one that won. */
  readonly overridden: readonly string[];
}

/** The list of requirements that applies to an image. */
export function selectRequirements(policy: Policy, lookup: ScopeLookup): SelectedRequirements {
  const scopes = policy.transports.get(lookup.transport);
  const byDefault = { scope: { kind: "default" } as const, requirements: policy.default, overridden: [] };
  if (!scopes) return { ...byDefault, candidates: [] };
  const candidates = [...new Set([lookup.identity, ...lookup.namespaces, ""])];
  const [winner, ...overridden] = candidates.filter((candidate) => scopes.has(candidate));
  const requirements = winner === undefined ? undefined : scopes.get(winner);
  if (winner === undefined || !requirements) return { ...byDefault, candidates };
  const scope = { kind: "scope", transport: lookup.transport, scope: winner } as const;
  return { scope, requirements, candidates, overridden };
}

/**
 * How an image of the docker transport is looked up.
 *
 * A reference with neither tag nor digest gets the tag `latest` first.
 *
 * @throws {PolicyError} `ERR_POLICY_REFERENCE` for a reference with both tag and digest, which the transport
 * does not support.
 */
export function dockerLookup(reference: Reference, transport = "docker"): ScopeLookup {
  if (reference.tag !== undefined && reference.digest !== undefined) {
    throw new PolicyError(
      "ERR_POLICY_REFERENCE",
      "Docker references with both a tag and digest are currently not supported",
    );
  }
  const identity = formatReference(withDefaultTag(reference));
  return { transport, identity, namespaces: repositoryScopes(reference) };
}

/** How the destination of a push by a digest not yet known is looked up: by its name, as the identity. */
export function unknownDigestLookup(reference: Reference): ScopeLookup {
  const [identity = "", ...namespaces] = repositoryScopes(reference);
  return { transport: "docker", identity, namespaces };
}

/**
 * How an image of the local Docker daemon is looked up.
 *
 * @param text An image ID (`sha256:…`), which only the scope `""` covers, or what the reference's own text is
 * once parsed.
 */
export function dockerDaemonLookup(text: string, parse: (text: string) => Reference): ScopeLookup {
  if (isDigest(text)) return { transport: "docker-daemon", identity: "", namespaces: [] };
  return dockerLookup(parse(text), "docker-daemon");
}

/** How an image in a file or directory is looked up, by its absolute path with symbolic links resolved. */
export function pathLookup(transport: "dir" | "sif" | "oci" | "oci-archive", path: string): ScopeLookup {
  const parents: string[] = [];
  let parent = path;
  for (let slash = parent.lastIndexOf("/"); slash > 0; slash = parent.lastIndexOf("/")) {
    parent = parent.slice(0, slash);
    parents.push(parent);
  }
  const again = transport.startsWith("oci") && path !== "/" ? [path] : [];
  return { transport, identity: path, namespaces: [...again, ...parents] };
}

/** An image in containers-storage. */
export interface StorageImage {
  /** Such as `overlay`. */
  readonly driver: string;
  /** Absolute path of the store. */
  readonly root: string;
  readonly reference?: Reference | undefined;
  /** 64 hexadecimal digits. */
  readonly imageId?: string | undefined;
}

/** How an image in containers-storage is looked up. There are no wildcards. */
export function storageLookup({ driver, root, reference, imageId }: StorageImage): ScopeLookup {
  const store = `[${driver}@${root}]`;
  const id = imageId === undefined ? "" : `@${imageId}`;
  const text = reference ? formatReference(reference) : "";
  const namespaces: string[] = [];
  if (reference) {
    if (id !== "") namespaces.push(store + text);
    const { tag, digest, ...name } = reference;
    if (tag !== undefined && digest !== undefined) {
      namespaces.push(store + formatReference({ ...name, tag }));
    }
    namespaces.push(...nameAndParents(referenceName(name)).map((scope) => store + scope));
  }
  namespaces.push(store, `[${root}]`);
  return { transport: "containers-storage", identity: store + text + id, namespaces };
}

/** Name, parents, host, and the wildcards that cover the host. */
function repositoryScopes(reference: Reference): string[] {
  const name = referenceName(reference);
  const colon = reference.domain.indexOf(":");
  let host = colon < 0 ? reference.domain : reference.domain.slice(0, colon);
  const wildcards: string[] = [];
  for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".")) {
    host = host.slice(dot + 1);
    wildcards.push(`*.${host}`);
  }
  return [...nameAndParents(name), ...wildcards];
}

function nameAndParents(name: string): string[] {
  const scopes = [name];
  let parent = name;
  for (let slash = parent.lastIndexOf("/"); slash >= 0; slash = parent.lastIndexOf("/")) {
    parent = parent.slice(0, slash);
    scopes.push(parent);
  }
  return scopes;
}

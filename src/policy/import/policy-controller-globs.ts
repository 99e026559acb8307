/**
 * Patterns of image names of sigstore's policy-controller as scopes.
 *
 * ```text
 * **            every image                         the transport's scope ""
 * HOST/**       every image of a registry           HOST
 * *.DOMAIN/**   of registries below a domain        *.DOMAIN, which covers hosts with a port too
 * HOST/NS/**    below a name                        HOST/NS, which covers the repository of that name too
 * HOST/NS/*     one level below it                  HOST/NS, which covers deeper ones too
 * HOST/REPO:*   (@*, @sha256:*) a repository        HOST/REPO, which covers names below it too
 * HOST/REPO:TAG (@DIGEST) one image                 the same
 * ```
 *
 * `*` is anything but a slash, `**` anything. Docker Hub is `index.docker.io` to the controller. Whatever else there is
 * has no scope.
 *
 * @see {@link https://github.com/sigstore/policy-controller/blob/56d82198/pkg/apis/glob/glob.go}
 * @module
 */
import { tryParseFullImageReference } from "../reference.ts";
import type { ImportLossCode } from "./loss.ts";

/** What a pattern is as a scope. */
export type GlobScope =
  /** `wider` says what the scope covers and the pattern does not. */
  | { readonly kind: "scope"; readonly scope: string; readonly wider: readonly ImportLossCode[] }
  /** No scope stands for it. */
  | { readonly kind: "none"; readonly reason: string };

/** Whether the controller takes a text as a pattern. */
export function isGlob(text: string): boolean {
  return text.length <= 4096 && /^[a-zA-Z0-9_:/*.@-]+$/.test(text);
}

/** The scope of the docker transport for a pattern. */
export function scopeOfGlob(given: string): GlobScope {
  const glob = SHORT[given] ?? given;
  if (glob === "**") return scope("");
  const slash = glob.indexOf("/");
  if (slash < 0) return none("it matches names as they are written only, never in full");
  const host = glob.slice(0, slash);
  const rest = glob.slice(slash + 1);
  if (host === "docker.io") return none("Docker Hub is index.docker.io in patterns");
  if (host.startsWith("*.") && rest === "**" && isHost(host.slice(2))) return scope(host, "glob-port");
  const registry = host === "index.docker.io" ? "docker.io" : host;
  if (!isHost(registry) && !/^localhost$|^[^:*]+:[0-9]+$/.test(registry)) {
    return none("it does not begin with the name of a registry");
  }
  return scopeOfPath(registry, rest);
}

const SHORT: Readonly<Record<string, string>> = {
  "*": "index.docker.io/library/*",
  "*/*": "index.docker.io/*/*",
};

function scopeOfPath(registry: string, rest: string): GlobScope {
  if (rest === "**") return scope(registry);
  if (rest === "*" || rest === "*/*") return scope(registry, "glob-depth");
  const below = /^(?<path>[^*]+)\/(?<stars>\*{1,2})$/.exec(rest)?.groups;
  if (below) {
    const name = `${registry}/${below["path"]}`;
    if (!isReference(`${name}/x:1`)) return none("it names no repositories");
    return below["stars"] === "**"
      ? scope(name, "glob-same-name")
      : scope(name, "glob-depth", "glob-same-name");
  }
  const repository = /^(?<path>[^*@]+)(?::\*{1,2}|@(?:sha256:)?\*{1,2})$/.exec(rest)?.groups;
  if (repository) {
    const name = `${registry}/${repository["path"]}`;
    return isReference(`${name}:1`) ? scope(name, "glob-depth") : none("it names no repository");
  }
  if (rest.includes("*")) return none("a star in the middle of a name has no scope");
  const image = `${registry}/${rest}`;
  if (!isReference(image)) return none("it names no image in full, with a tag or a digest");
  return scope(image);
}

function isHost(text: string): boolean {
  return /^[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*(?:\.[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*)+(?::[0-9]+)?$/.test(text);
}

/** Whether a text is a reference in full, with either a tag or a digest. */
function isReference(text: string): boolean {
  const reference = tryParseFullImageReference(text);
  return reference !== undefined && (reference.tag === undefined) !== (reference.digest === undefined);
}

function scope(text: string, ...wider: ImportLossCode[]): GlobScope {
  return { kind: "scope", scope: text, wider };
}

function none(reason: string): GlobScope {
  return { kind: "none", reason };
}

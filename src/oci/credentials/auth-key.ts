/**
 * Keys of credential files: which ones stand for a repository, and in which order they are looked for.
 *
 * ```text
 * key        = host *( "/" component )      ; as references name it, without tag and digest
 * file-key   = [ "http://" / "https://" ] key
 * ```
 *
 * Text is compared exactly: `docker.io/library` is no part of `docker.io/librarything`, and `docker.io/busybox`
 * is not `docker.io/library/busybox`. The one host with several names is Docker Hub.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-auth.json.5.md}
 * @module
 */

/** Name of Docker Hub in files that `docker login` writes, and towards credential helpers of Docker. */
export const DOCKER_HUB_SERVER = "https://index.docker.io/v1/";

/** What {@link checkAuthKey} finds. */
export type AuthKeyCheck =
  | {
      kind: "valid";
      /** Whether the key is more than a host. */
      namespaced: boolean;
    }
  | {
      kind: "invalid";
      /** The key is a URL, has an `@`, or has a `:` behind the host, as a tag would. */
      reason: "scheme" | "at-sign" | "tag";
    };

/**
 * Whether a text can be a key of a repository, a namespace or a host.
 *
 * Only what would make it a URL, a tagged or a digested reference is refused; the grammar of references is not
 * applied, and an empty text passes.
 */
export function checkAuthKey(key: string): AuthKeyCheck {
  if (/^https?:\/\//.test(key)) return { kind: "invalid", reason: "scheme" };
  if (key.includes("@")) return { kind: "invalid", reason: "at-sign" };
  const slash = key.indexOf("/");
  if (slash >= 0 && key.includes(":", slash)) return { kind: "invalid", reason: "tag" };
  return { kind: "valid", namespaced: slash >= 0 };
}

/** The host that a key begins with. */
export function hostOfKey(key: string): string {
  const slash = key.indexOf("/");
  return slash < 0 ? key : key.slice(0, slash);
}

/** Options of {@link authKeyOrder} and {@link normaliseAuthFileKey}. */
export interface AuthKeyOptions {
  /** For a `.dockercfg` file, which knows hosts only. Default false. */
  legacy?: boolean | undefined;
}

/**
 * The keys under which credentials for a repository, a namespace or a host may stand, the most specific first.
 *
 * Host names by which the same registry is known are not among them: see {@link normaliseAuthFileKey}.
 */
export function authKeyOrder(key: string, { legacy = false }: AuthKeyOptions = {}): string[] {
  if (legacy) return [hostOfKey(key)];
  const keys: string[] = [];
  for (let end = key.length; end >= 0; end = end === 0 ? -1 : key.lastIndexOf("/", end - 1)) {
    keys.push(key.slice(0, end));
  }
  return keys;
}

/**
 * What a key in a file stands for once scheme and path of a URL are taken away; Docker Hub is `index.docker.io`.
 *
 * The path stays where there is no scheme, except in a `.dockercfg` file.
 */
export function normaliseAuthFileKey(key: string, { legacy = false }: AuthKeyOptions = {}): string {
  const stripped = key.replace(/^http:\/\//, "").replace(/^https:\/\//, "");
  return normaliseAuthHost(legacy || stripped !== key ? hostOfKey(stripped) : stripped);
}

/** The host, or `index.docker.io` for the other names of Docker Hub. */
export function normaliseAuthHost(host: string): string {
  return host === "docker.io" || host === "registry-1.docker.io" ? "index.docker.io" : host;
}

/** What Docker calls the registry of a host: Docker Hub has a URL, every other one is its host. */
export function dockerServerAddress(host: string): string {
  return normaliseAuthHost(host) === "index.docker.io" ? DOCKER_HUB_SERVER : host;
}

/**
 * Which scopes each transport accepts in a policy.
 *
 * A scope that a transport does not accept could never match, so the policy that holds it does not say what
 * its author thinks. Transports that are not listed accept any text, as do `docker` and `ostree`.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-policy.json.5.md#supported-transports-and-their-scopes}
 * @module
 */
import { isDigest } from "../core/digest.ts";
import { isIdentifier } from "../core/reference.ts";

/**
 * Why a transport refuses a scope, or nothing if it accepts it.
 *
 * The empty scope, which covers the whole transport, is accepted everywhere.
 */
export function validateScope(transport: string, scope: string): string | undefined {
  if (scope === "") return undefined;
  switch (transport) {
    case "atomic":
      return ATOMIC.test(scope) ? undefined : "not of the form host[/namespace[/stream[:tag]]]";
    case "docker-daemon":
      return isDigest(scope) ? "image IDs have no scope" : undefined;
    case "dir":
    case "sif":
    case "oci":
    case "oci-archive":
      return validatePath(scope);
    case "docker-archive":
    case "tarball":
      return "this transport has no scopes";
    case "containers-storage":
      return validateStorageScope(scope);
    default:
      return undefined;
  }
}

// One way through for every text: each group begins with a character that the one before cannot hold.
const ATOMIC = /^[^/]*(?:\/[^:/]*(?:\/[^:/]*(?::[^:/]*)?)?)?$/;

function validatePath(scope: string): string | undefined {
  if (!scope.startsWith("/")) return "not an absolute path";
  if (scope === "/") return 'the root is the scope ""';
  return isCleanPath(scope) ? undefined : "not a path in its shortest form";
}

/** Whether an absolute path has no empty, `.` or `..` parts and no slash at its end. */
function isCleanPath(path: string): boolean {
  if (path === "/") return true;
  const [before, ...parts] = path.split("/");
  return before === "" && parts.every((part) => part !== "" && part !== "." && part !== "..");
}

function validateStorageScope(scope: string): string | undefined {
  const end = scope.indexOf("]");
  if (!scope.startsWith("[") || end < 2) return "begins with no store in brackets";
  const problem = validateStore(scope.slice(1, end));
  if (problem !== undefined) return problem;
  const fields = scope.slice(end + 1).split("@");
  const [, second, third] = fields;
  if (fields.length > 3) return "more than a name, a digest and an image ID";
  if (third !== undefined) {
    if (!isDigest(second ?? "")) return "an invalid digest";
    return isIdentifier(third) ? undefined : "an invalid image ID";
  }
  if (second === undefined || isIdentifier(second) || isDigest(second)) return undefined;
  return "neither an image ID nor a digest";
}

function validateStore(store: string): string | undefined {
  const at = store.indexOf("@");
  const root = at < 0 ? store : store.slice(at + 1);
  if (at === 0 || root === "") return "a store without driver or root";
  if (!root.startsWith("/")) return "a root that is not an absolute path";
  return undefined;
}

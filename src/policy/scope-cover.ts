/**
 * Which scope of the docker transport lies in which.
 *
 * @module
 */

/**
 * Whether every image that one scope covers is covered by another one too.
 *
 * The scope `""` covers everything; a host with a port does not lie in the host without; a wildcard covers the hosts
 * below its domain, with or without port.
 */
export function scopeCovers(outer: string, inner: string): boolean {
  if (outer === "" || outer === inner) return true;
  if (inner === "") return false;
  if (outer.startsWith("*.")) {
    const [host = ""] = inner.split(/[/:]/);
    return host.endsWith(outer.slice(1));
  }
  if (inner.startsWith(`${outer}/`)) return true;
  // A tag or a digest of a repository; after a host alone it would be a port.
  const next = inner[outer.length];
  return outer.includes("/") && inner.startsWith(outer) && (next === ":" || next === "@");
}

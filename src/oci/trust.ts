/**
 * Whether a registry may send us, or a secret, to another place: token servers, redirects, upload locations.
 *
 * A registry's answer is hostile input. It may name an address inside the caller's network, or a host that
 * collects passwords. Texts are checked here; what a name resolves to is checked where connections are made.
 *
 * @module
 */
import { type AddressKind, addressKind, hostAddress } from "./address.ts";
import { OciError } from "./errors.ts";
import { displayUrl } from "./url.ts";

/** What a URL of a registry's answer is to be used for. */
export interface OriginUse {
  /** A token server, the target of a redirected read, or the location of an upload. */
  use: "token" | "redirect" | "upload";
  /** Scheme, host and port of the registry that named it. */
  registry: string;
}

/**
 * The caller's word on another origin: true trusts it (a private address, an unrelated token server, an upload
 * elsewhere), false refuses it, undefined leaves it to the rules of lading. HTTPS is never given up by it.
 */
export type TrustOrigin = (url: URL, about: OriginUse) => boolean | undefined;

/** Token servers under another domain than their registry's. */
const KNOWN_REALMS: Readonly<Record<string, readonly string[]>> = {
  ".scw.cloud": ["api.scaleway.com"],
};

/** What {@link checkRealm} finds. */
export interface CheckedRealm {
  url: URL;
  /** Whether credentials may go there: the registry's own host, a sibling of it, or one that is trusted. */
  related: boolean;
  /** Whether the caller vouches for it, whatever it resolves to. */
  trusted: boolean;
}

/** What {@link checkRealm} needs to know. */
export interface RealmContext {
  /** Scheme, host and port of the registry. */
  registry: URL;
  /** Whether a host may be talked to over plain HTTP at all. */
  allowsHttp: (host: string) => boolean;
  trustOrigin?: TrustOrigin | undefined;
}

/**
 * The token server that a challenge names, if it may be asked at all.
 *
 * Refused are: plain HTTP, unless the registry itself is reached so and the host may be; user information; a
 * host that the caller refuses; an IP address that is not public, unless the registry's is of the same kind.
 *
 * @throws {OciError} `ERR_OCI_REALM_REFUSED`.
 */
export function checkRealm(realm: string, { registry, allowsHttp, trustOrigin }: RealmContext): CheckedRealm {
  const refuse = (why: string): OciError =>
    new OciError("ERR_OCI_REALM_REFUSED", `${registry.origin} names a token server that is refused: ${why}`);
  if (realm === "" || !URL.canParse(realm, registry.href)) throw refuse("no URL");
  const url = new URL(realm, registry);
  url.hash = "";
  if (url.username !== "" || url.password !== "") throw refuse("user information in the URL");
  if (url.protocol === "http:") {
    // An endpoint may be plain HTTP by its own URL: what is reached so already loses nothing by it.
    const allowed = url.host === registry.host || allowsHttp(url.host);
    if (registry.protocol !== "http:" || !allowed) throw refuse("plain HTTP");
  } else if (url.protocol !== "https:") {
    throw refuse(`scheme ${url.protocol}`);
  }
  const sameHost = url.hostname === registry.hostname;
  const word = trustOrigin?.(new URL(url), { use: "token", registry: registry.origin });
  if (word === false) throw refuse(`${url.host} is not trusted`);
  const trusted = sameHost || word === true;
  if (!trusted) checkLiteralAddress(url, registry, refuse);
  return { url, trusted, related: trusted || isRelatedHost(url.hostname, registry.hostname) };
}

/**
 * The target of a redirected read, if it may be followed.
 *
 * @throws {OciError} `ERR_OCI_REDIRECT_REFUSED`.
 */
export function checkRedirect(
  location: string | undefined,
  from: URL,
  { registry, trustOrigin }: Pick<RealmContext, "registry" | "trustOrigin">,
): { url: URL; trusted: boolean } {
  const refuse = (why: string): OciError =>
    new OciError(
      "ERR_OCI_REDIRECT_REFUSED",
      `${displayUrl(from)} redirects to a place that is refused: ${why}`,
    );
  if (!location || !URL.canParse(location, from.href)) throw refuse("no URL");
  const url = new URL(location, from);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw refuse(`scheme ${url.protocol}`);
  if (url.protocol === "http:" && from.protocol !== "http:") throw refuse("plain HTTP");
  if (url.username !== "" || url.password !== "") throw refuse("user information in the URL");
  if (url.origin === registry.origin) return { url, trusted: true };
  const word = trustOrigin?.(new URL(url), { use: "redirect", registry: registry.origin });
  if (word === false) throw refuse(`${url.host} is not trusted`);
  const trusted = word === true || url.hostname === registry.hostname;
  if (!trusted) checkLiteralAddress(url, registry, refuse);
  return { url, trusted };
}

/**
 * The location of an upload, resolved; only on the registry's own origin, unless the caller trusts another.
 *
 * Its query is kept as it is.
 *
 * @throws {OciError} `ERR_OCI_LOCATION_REFUSED` for another origin, `ERR_OCI_PROTOCOL` for no location.
 */
export function checkLocation(
  location: string | undefined,
  from: URL,
  { registry, trustOrigin }: Pick<RealmContext, "registry" | "trustOrigin">,
): URL {
  if (!location || !URL.canParse(location, from.href)) {
    throw new OciError("ERR_OCI_PROTOCOL", `${displayUrl(from)}: an upload without a location`);
  }
  const url = new URL(location, from);
  const refuse = (): OciError =>
    new OciError("ERR_OCI_LOCATION_REFUSED", `${registry.origin} sends an upload to ${url.origin}`);
  if (url.username !== "" || url.password !== "") throw refuse();
  if (url.origin === registry.origin) return url;
  const secure = url.protocol === "https:" || (url.protocol === "http:" && registry.protocol === "http:");
  if (!secure || trustOrigin?.(new URL(url), { use: "upload", registry: registry.origin }) !== true)
    throw refuse();
  return url;
}

/** Whether an address of this kind may be dialled for a registry whose own addresses are of these kinds. */
export function isAllowedKind(kind: AddressKind, registryKinds: readonly AddressKind[]): boolean {
  return kind === "public" || (kind !== "reserved" && registryKinds.includes(kind));
}

/**
 * Fails for a host that is an address which a registry with a literal address of another kind must not name.
 *
 * A registry known by name is looked up when its connections are made; its kind is unknown here, and counts as
 * public.
 */
function checkLiteralAddress(url: URL, registry: URL, refuse: (why: string) => OciError): void {
  const address = hostAddress(url.hostname);
  const kind = address === undefined ? namedKind(url.hostname) : addressKind(address);
  const own = hostAddress(registry.hostname);
  const registryKind = own === undefined ? namedKind(registry.hostname) : addressKind(own);
  if (!isAllowedKind(kind, [registryKind])) throw refuse(`${url.hostname} is a ${kind} address`);
}

function namedKind(hostname: string): AddressKind {
  const name = hostname.toLowerCase().replace(/\.$/, "");
  return name === "localhost" || name.endsWith(".localhost") ? "loopback" : "public";
}

/** Whether two hosts belong together: one below the other, or both directly below one domain of two labels. */
function isRelatedHost(realm: string, registry: string): boolean {
  if (realm === registry) return true;
  if (hostAddress(realm) !== undefined || hostAddress(registry) !== undefined) return false;
  if (realm.endsWith(`.${registry}`)) return true;
  const parent = registry.slice(registry.indexOf(".") + 1);
  if (parent.includes(".") && (realm === parent || realm.endsWith(`.${parent}`))) return true;
  return Object.entries(KNOWN_REALMS).some(
    ([suffix, realms]) => registry.endsWith(suffix) && realms.includes(realm),
  );
}

/**
 * What kind of network an IP address belongs to: whether a server on the internet may send us there.
 *
 * @see {@link https://www.iana.org/assignments/iana-ipv4-special-registry}
 * @see {@link https://www.iana.org/assignments/iana-ipv6-special-registry}
 * @module
 */
import { BlockList, isIP } from "node:net";

/**
 * Where an address leads: to this machine, to its link (cloud metadata services live there), to a private
 * network, to nothing that can be a server, or to the internet.
 */
export type AddressKind = "public" | "private" | "loopback" | "link-local" | "reserved";

type Subnet = readonly [network: string, prefix: number];

const SUBNETS: Readonly<Record<Exclude<AddressKind, "public">, readonly Subnet[]>> = {
  loopback: [
    ["127.0.0.0", 8],
    ["::1", 128],
  ],
  "link-local": [
    ["169.254.0.0", 16],
    ["fe80::", 10],
    // Metadata services of clouds outside the link-local ranges.
    ["fd00:ec2::254", 128],
    ["100.100.100.200", 32],
    ["192.0.0.192", 32],
    ["168.63.129.16", 32],
  ],
  private: [
    ["10.0.0.0", 8],
    ["172.16.0.0", 12],
    ["192.168.0.0", 16],
    ["100.64.0.0", 10],
    ["fc00::", 7],
    ["fec0::", 10],
  ],
  reserved: [
    ["0.0.0.0", 8],
    ["192.0.0.0", 24],
    ["198.18.0.0", 15],
    ["224.0.0.0", 3],
    ["::", 128],
    ["ff00::", 8],
    // Translation and tunnel prefixes embed an IPv4 address that would escape the other checks.
    ["64:ff9b::", 96],
    ["64:ff9b:1::", 48],
    ["2002::", 16],
    ["2001::", 32],
    ["::ffff:0:0:0", 96],
  ],
};

/** Looked up in this order: a metadata address inside a reserved range is link-local. */
const ORDER = ["loopback", "link-local", "private", "reserved"] as const;

const LISTS = ORDER.map((kind) => {
  const list = new BlockList();
  for (const [network, prefix] of SUBNETS[kind]) {
    list.addSubnet(network, prefix, network.includes(":") ? "ipv6" : "ipv4");
  }
  return [kind, list] as const;
});

/**
 * The kind of an IP address, written without brackets; a text that is none is `"reserved"`.
 *
 * An IPv4 address inside an IPv6 one (`::ffff:127.0.0.1`, `::127.0.0.1`) counts as the IPv4 address. A zone is
 * ignored.
 */
export function addressKind(address: string): AddressKind {
  const bare = address.replace(/%.*$/, "");
  const family = isIP(bare);
  if (family === 0) return "reserved";
  const plain = family === 6 ? (embeddedIpv4(bare) ?? bare) : bare;
  const type = isIP(plain) === 6 ? "ipv6" : "ipv4";
  return LISTS.find(([, list]) => list.check(plain, type))?.[0] ?? "public";
}

/** The IP address that a URL's host is, without brackets, or nothing for a name. */
export function hostAddress(hostname: string): string | undefined {
  const bare = hostname.startsWith("[") && hostname.endsWith("]") ? hostname.slice(1, -1) : hostname;
  return isIP(bare) === 0 ? undefined : bare;
}

/** Whether a URL's host is this machine by its text alone: a loopback address, or `localhost`. */
export function isLoopbackHost(hostname: string): boolean {
  const address = hostAddress(hostname);
  if (address !== undefined) return addressKind(address) === "loopback";
  const name = hostname.toLowerCase();
  return name === "localhost" || name.endsWith(".localhost");
}

/** The IPv4 address of an IPv4-mapped or IPv4-compatible IPv6 address. */
function embeddedIpv4(address: string): string | undefined {
  // The URL parser writes every spelling of an IPv6 address in one way, embedded IPv4 as two groups.
  const compressed = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const match = /^::(?:ffff:)?([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(compressed);
  if (!match?.[1] || !match[2]) return undefined;
  const high = Number.parseInt(match[1], 16);
  const low = Number.parseInt(match[2], 16);
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

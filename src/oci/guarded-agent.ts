/**
 * Connections that go only where they may: the check is made on the addresses that a name resolves to, at the
 * moment of connecting, so that no later answer of the name server can change them.
 *
 * @module
 */
import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import type { SecureContextOptions } from "node:tls";
import { type AddressKind, addressKind, hostAddress } from "./address.ts";
import { OciError } from "./errors.ts";
import { isAllowedKind } from "./trust.ts";
import { Agent } from "./undici/index.ts";

/** How connections are made. */
export interface AgentOptions {
  /** Resolves host names, as `dns.lookup` does. Default `dns.lookup`. */
  lookup?: LookupFunction | undefined;
  /** Certificate authorities and client certificate, in PEM. Default: those of Node, and none. */
  tls?:
    | (Pick<SecureContextOptions, "ca" | "cert" | "key"> & { skipVerify?: boolean | undefined })
    | undefined;
  /** Longest time to connect, TLS included, in milliseconds. */
  connectTimeoutMs: number;
  /** Longest head of an answer, in bytes. */
  maxHeaderBytes: number;
}

/** Connections to the registry itself, wherever it is. */
export function registryAgent({ lookup, tls = {}, connectTimeoutMs, maxHeaderBytes }: AgentOptions): Agent {
  const { skipVerify = false, ...context } = tls;
  return new Agent({
    allowH2: false,
    maxHeaderSize: maxHeaderBytes,
    connect: {
      timeout: connectTimeoutMs,
      ...(lookup ? { lookup } : {}),
      ...context,
      ...(skipVerify ? { rejectUnauthorized: false } : {}),
    },
  });
}

/**
 * Connections to hosts that a registry has named: to public addresses, and to those of the kinds that the
 * registry's own host has. No client certificate is shown there.
 */
export function guardedAgent(
  registry: URL,
  { lookup, tls, connectTimeoutMs, maxHeaderBytes }: AgentOptions,
): Agent {
  return new Agent({
    allowH2: false,
    maxHeaderSize: maxHeaderBytes,
    connect: {
      timeout: connectTimeoutMs,
      lookup: guardedLookup(registry.hostname, lookup ?? (dnsLookup as LookupFunction)),
      ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    },
  });
}

/**
 * A look-up that fails with `ERR_OCI_ADDRESS_REFUSED` if any address of a name must not be dialled for this
 * registry.
 */
export function guardedLookup(registryHostname: string, lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    resolveAll(lookup, hostname)
      .then(async (addresses) => {
        const kinds = new Set(addresses.map(({ address }) => addressKind(address)));
        kinds.delete("public");
        const own = kinds.size === 0 ? [] : await kindsOf(registryHostname, lookup);
        const refused = [...kinds].find((kind) => !isAllowedKind(kind, own));
        if (refused !== undefined) {
          throw new OciError(
            "ERR_OCI_ADDRESS_REFUSED",
            `${hostname}, named by ${registryHostname}, is a ${refused} address`,
          );
        }
        const wanted = addresses.filter(
          ({ family }) => !options.family || familyNumber(options.family) === family,
        );
        const [first] = wanted;
        if (!first) throw Object.assign(new Error(`no address for ${hostname}`), { code: "ENOTFOUND" });
        return { wanted, first };
      })
      .then(
        ({ wanted, first }) => {
          if (options.all) callback(null, wanted);
          else callback(null, first.address, first.family);
        },
        (error: NodeJS.ErrnoException) => callback(error, options.all ? [] : "", 0),
      );
  };
}

async function kindsOf(hostname: string, lookup: LookupFunction): Promise<AddressKind[]> {
  const literal = hostAddress(hostname);
  if (literal !== undefined) return [addressKind(literal)];
  const addresses = await resolveAll(lookup, hostname);
  return addresses.map(({ address }) => addressKind(address));
}

function resolveAll(lookup: LookupFunction, hostname: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(hostname, { all: true }, (error, addresses, family) => {
      if (error) reject(error);
      else if (typeof addresses === "string") resolve([{ address: addresses, family: family ?? 4 }]);
      else resolve(addresses);
    });
  });
}

function familyNumber(family: number | "IPv4" | "IPv6"): number {
  if (family === "IPv4") return 4;
  return family === "IPv6" ? 6 : family;
}

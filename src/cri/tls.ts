/**
 * TLS on the way to a runtime behind a TCP endpoint.
 *
 * The interface itself knows only unix sockets and pipes; TLS is for what stands in front of one, such as a proxy on
 * a node. The server's certificate is always verified: there is no switch for that.
 *
 * @module
 */
import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, type PeerCertificate, type SecureContext } from "node:tls";
import type { CriEndpoint } from "./endpoint.ts";

/** PEM texts. */
export type CriPem = string | Uint8Array | readonly (string | Uint8Array)[];

/** How a connection is secured. */
export interface CriTlsOptions {
  /** Certificates of the authorities to trust, and of no others. Default: those that Node trusts. */
  ca?: CriPem | undefined;
  /** The client's certificate, with those that lead to its authority. Only together with `key`. */
  cert?: CriPem | undefined;
  /** The private key of `cert`. */
  key?: string | Uint8Array | undefined;
  /** What `key` is encrypted with. */
  passphrase?: string | undefined;
  /**
   * The name or address that the server's certificate must be for. Default: the host of the endpoint. It is also
   * what the server is told, if it is a name: a server at an address is told `localhost`. It holds for the image
   * endpoint too.
   */
  servername?: string | undefined;
}

/** What a connection with TLS needs to know. */
export interface CriTls {
  context: SecureContext;
  /** The name that is sent, for TLS as for HTTP. Never an address, since no server may be asked for one. */
  sentName: string;
  /** Why a certificate is not one of the server that is wanted; undefined if it is. */
  checkIdentity: (sentName: string, certificate: PeerCertificate) => Error | undefined;
}

/**
 * The settings for a TCP endpoint.
 *
 * @throws {TypeError} for a certificate without key or the reverse, texts that are not PEM, a key that is not that of
 * the certificate, an empty list of authorities, and a `servername` that can be none.
 */
export function tlsSettings(endpoint: CriEndpoint, tls: CriTlsOptions): CriTls {
  const { ca, cert, key, passphrase, servername = hostOf(endpoint) } = tls;
  if ((cert === undefined) !== (key === undefined)) throw new TypeError("tls needs cert and key together");
  // OpenSSL takes an empty text for no authority at all, and Node an absent one for all that it knows.
  if (
    ca !== undefined &&
    !listOf(ca).some((pem) => /-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/.test(textOf(pem)))
  ) {
    throw new TypeError("tls.ca has no certificate");
  }
  if (typeof servername !== "string" || !(isIP(servername) || /^[A-Za-z0-9._-]+$/.test(servername))) {
    throw new TypeError("tls.servername is neither a host name nor an address");
  }
  return {
    context: secureContext({
      ...(ca === undefined ? {} : { ca: listOf(ca).map(textOf) }),
      ...(cert === undefined ? {} : { cert: listOf(cert).map(textOf).join("\n") }),
      ...(key === undefined ? {} : { key: textOf(key) }),
      ...(passphrase === undefined ? {} : { passphrase }),
    }),
    sentName: isIP(servername) ? "localhost" : servername,
    checkIdentity: (_, certificate) => checkServerIdentity(servername, certificate),
  };
}

/** The host of a TCP endpoint, an IPv6 address without brackets. */
export function hostOf({ address }: CriEndpoint): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}

/** The port of a TCP endpoint. */
export function portOf({ address }: CriEndpoint): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

function secureContext(options: Parameters<typeof createSecureContext>[0]): SecureContext {
  try {
    return createSecureContext({ ...options, minVersion: "TLSv1.2" });
  } catch (cause) {
    throw new TypeError("tls has a certificate or a key that cannot be used", { cause });
  }
}

function listOf(pem: CriPem): readonly (string | Uint8Array)[] {
  return typeof pem === "string" || pem instanceof Uint8Array ? [pem] : pem;
}

function textOf(pem: string | Uint8Array): string {
  return typeof pem === "string" ? pem : Buffer.from(pem).toString("latin1");
}

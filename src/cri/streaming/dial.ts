/**
 * The socket of a streaming session. It goes straight to the host: no proxy setting is read.
 *
 * @module
 */
import { isIP, type LookupFunction, type Socket, connect as tcpConnect } from "node:net";
import { type ConnectionOptions, connect as tlsConnect } from "node:tls";
import { CriError } from "../errors.ts";
import type { StreamUrl } from "./stream-url.ts";

/** How a streaming server is verified, and what it is shown. */
export interface StreamTlsOptions {
  /** Certificate authorities in PEM. Default: those of Node. */
  ca?: string | Uint8Array | undefined;
  /** Client certificate in PEM. */
  cert?: string | Uint8Array | undefined;
  /** Its private key in PEM. */
  key?: string | Uint8Array | undefined;
  /** Name that is asked for and that the certificate must have. Default: the host of the URL. */
  servername?: string | undefined;
  /** Takes any certificate: whoever answers at the address can read and change the session. Default false. */
  insecureSkipVerify?: boolean | undefined;
}

/**
 * Begins to connect.
 *
 * @throws {CriError} `ERR_CRI_STREAM_URL_REFUSED` if TLS was set up and the URL is in plain text.
 */
export function dialStream(url: StreamUrl, tls: StreamTlsOptions | undefined): Socket {
  const { host, port, secure } = url;
  const way = { host, port, ...(host === "localhost" ? { lookup: lookUpLocalhost } : {}) };
  if (!secure) {
    if (tls === undefined) return tcpConnect({ ...way, noDelay: true });
    throw new CriError(
      "ERR_CRI_STREAM_URL_REFUSED",
      "the runtime's streaming URL is not opened: it is in plain text, and TLS was set up",
    );
  }
  const socket = tlsConnect({ ...way, ...tlsOptions(tls, host), ALPNProtocols: ["http/1.1"] });
  socket.setNoDelay(true);
  return socket;
}

function tlsOptions(tls: StreamTlsOptions = {}, host: string): ConnectionOptions {
  const { ca, cert, key, servername = isIP(host) ? undefined : host, insecureSkipVerify = false } = tls;
  return {
    rejectUnauthorized: !insecureSkipVerify,
    ...(ca === undefined ? {} : { ca: pem(ca) }),
    ...(cert === undefined ? {} : { cert: pem(cert) }),
    ...(key === undefined ? {} : { key: pem(key) }),
    ...(servername === undefined ? {} : { servername }),
  };
}

function pem(text: string | Uint8Array): string {
  return typeof text === "string" ? text : Buffer.from(text).toString("latin1");
}

/** `localhost` is this machine, whatever a name server says. */
const lookUpLocalhost: LookupFunction = (_hostname, options, callback) => {
  const all = [
    { address: "127.0.0.1", family: 4 },
    { address: "::1", family: 6 },
  ].filter(({ family }) => !options.family || String(options.family).endsWith(String(family)));
  const [first] = all;
  if (options.all) process.nextTick(callback, null, all);
  else process.nextTick(callback, null, first?.address ?? "127.0.0.1", first?.family ?? 4);
};

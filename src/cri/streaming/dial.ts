/**
 * The socket of a streaming session. It goes straight to the host: no proxy setting is read.
 *
 * @module
 */
import { isIP, type LookupFunction, type Socket, connect as tcpConnect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { CriError } from "../errors.ts";
import { type CriTlsOptions, tlsSettings } from "../tls.ts";
import type { StreamUrl } from "./stream-url.ts";

/** How a streaming server is verified, and what it is shown. It is verified against the host of the URL. */
export interface StreamTlsOptions extends CriTlsOptions {
  /** Takes any certificate: whoever answers at the address can read and change the session. Default false. */
  insecureSkipVerify?: boolean | undefined;
}

/** How long a connection may be silent before TCP asks whether the other machine is there. */
const KEEP_ALIVE_MS = 30_000;

/**
 * Begins to connect.
 *
 * @throws {CriError} `ERR_CRI_STREAM_URL_REFUSED` if TLS was set up and the URL is in plain text.
 * @throws {TypeError} for TLS options that cannot be used.
 */
export function dialStream(url: StreamUrl, tls: StreamTlsOptions | undefined): Socket {
  const { host, port, secure } = url;
  const way = {
    host,
    port,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    ...(host === "localhost" ? { lookup: lookUpLocalhost } : {}),
  };
  if (!secure) {
    if (tls === undefined) return tcpConnect({ ...way, noDelay: true });
    throw new CriError(
      "ERR_CRI_STREAM_URL_REFUSED",
      "the runtime's streaming URL is not opened: it is in plain text, and TLS was set up",
    );
  }
  const { insecureSkipVerify = false, ...trust } = tls ?? {};
  const address = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const { context, sentName, checkIdentity } = tlsSettings(
    { protocol: "tcp", address, deprecated: false },
    trust,
  );
  const socket = tlsConnect({
    ...way,
    secureContext: context,
    servername: sentName,
    checkServerIdentity: checkIdentity,
    rejectUnauthorized: !insecureSkipVerify,
    ALPNProtocols: ["http/1.1"],
  });
  socket.setNoDelay(true);
  return socket;
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

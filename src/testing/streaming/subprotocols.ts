/**
 * The subprotocols of WebSocket sessions: which there are, which one a server takes, how a message looks in it.
 *
 * A message is one byte for the channel and the payload. In the base64 kinds it is text: the channel as a digit,
 * then the payload in base64.
 *
 * @see {@link https://github.com/kubernetes/streaming/blob/v0.36.0/pkg/httpstream/wsstream/conn.go}
 * @module
 */

/** A subprotocol as a server speaks it. */
export interface Subprotocol {
  /** `""` where the client offered none. */
  name: string;
  base64: boolean;
  /** The form of the status. */
  status: "text" | "json";
  /** Whether a client can end a single channel. */
  halfClose: boolean;
}

/** Channels of exec and attach. */
export const STDIN = 0;
export const STDOUT = 1;
export const STDERR = 2;
export const STATUS = 3;
export const RESIZE = 4;
/** In place of a channel: the next byte is the channel that the client ends. Version 5 only. */
export const CLOSE = 255;

const V1_BINARY = { base64: false, status: "text", halfClose: false } as const;
const V4_BINARY = { base64: false, status: "json", halfClose: false } as const;

/** What the standard server takes for exec and attach. */
export const EXEC_SUBPROTOCOLS: readonly Subprotocol[] = [
  { name: "", ...V1_BINARY },
  { name: "channel.k8s.io", ...V1_BINARY },
  { name: "base64.channel.k8s.io", ...V1_BINARY, base64: true },
  { name: "v4.channel.k8s.io", ...V4_BINARY },
  { name: "v4.base64.channel.k8s.io", ...V4_BINARY, base64: true },
];

/** Version 5: version 4 with an end of single channels. */
export const V5_SUBPROTOCOL: Subprotocol = { name: "v5.channel.k8s.io", ...V4_BINARY, halfClose: true };

/** What the standard server takes for port-forward. */
export const PORT_FORWARD_SUBPROTOCOLS: readonly Subprotocol[] = EXEC_SUBPROTOCOLS.filter(
  ({ name, status }) => name === "" || status === "json",
);

/** The first offered subprotocol that is known; no offer is an offer of `""`. */
export function chooseSubprotocol(
  offered: readonly string[],
  known: readonly Subprotocol[],
): Subprotocol | undefined {
  for (const name of offered.length > 0 ? offered : [""]) {
    const found = known.find((each) => each.name === name);
    if (found) return found;
  }
  return undefined;
}

/** A message from the server. */
export function encodeMessage(subprotocol: Subprotocol, channel: number, payload: Uint8Array): Uint8Array {
  if (subprotocol.base64) return Buffer.from(`${channel}${Buffer.from(payload).toString("base64")}`);
  const message = new Uint8Array(1 + payload.byteLength);
  message[0] = channel;
  message.set(payload, 1);
  return message;
}

/** A message from the client; undefined for one that is empty or not base64 where it must be. */
export function decodeMessage(
  { base64 }: Subprotocol,
  message: Uint8Array,
): { channel: number; payload: Uint8Array } | undefined {
  const first = message[0];
  if (first === undefined) return undefined;
  if (!base64) return { channel: first, payload: message.subarray(1) };
  const text = Buffer.from(message.subarray(1))
    .toString("latin1")
    .replaceAll(/[\r\n]/g, "");
  const whole = text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  // A byte before "0" wraps around, to a channel that there is not.
  return whole ? { channel: (first - 0x30) & 0xff, payload: Buffer.from(text, "base64") } : undefined;
}

/**
 * Messages of the channel protocols of Kubernetes over WebSocket.
 *
 * ```text
 * message = channel payload            ; one byte, the rest; as text: one digit, the rest in base64
 * close   = %xFF channel               ; v5 only, from the client
 * ```
 *
 * @see {@link https://github.com/kubernetes/streaming/tree/v0.36.0/pkg/httpstream/wsstream}
 * @module
 */
import { CriError } from "../errors.ts";

/** Channels of exec and attach. Port-forwarding has two for each port: 2i for data and 2i+1 for errors. */
export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, close: 255 } as const;

/** How messages are written: as they are, or as base64 in text messages. */
export type ChannelEncoding = "binary" | "base64";

/** What a name of a channel protocol stands for. */
export interface ChannelProtocol {
  readonly encoding: ChannelEncoding;
  /** How the outcome of a command is told: as a JSON object, or as a text on failure only. */
  readonly status: "json" | "text";
  /** Whether a client can close one channel and go on with the others. */
  readonly canCloseChannel: boolean;
}

/** The channel protocols over WebSocket. */
export type ChannelProtocolName =
  | "v5.channel.k8s.io"
  | "v4.channel.k8s.io"
  | "v4.base64.channel.k8s.io"
  | "channel.k8s.io"
  | "base64.channel.k8s.io";

/** What each protocol is. */
export const CHANNEL_PROTOCOLS: Readonly<Record<ChannelProtocolName, ChannelProtocol>> = {
  "v5.channel.k8s.io": { encoding: "binary", status: "json", canCloseChannel: true },
  "v4.channel.k8s.io": { encoding: "binary", status: "json", canCloseChannel: false },
  "v4.base64.channel.k8s.io": { encoding: "base64", status: "json", canCloseChannel: false },
  "channel.k8s.io": { encoding: "binary", status: "text", canCloseChannel: false },
  "base64.channel.k8s.io": { encoding: "base64", status: "text", canCloseChannel: false },
};

/** Whether a text is the name of a channel protocol. */
export function isChannelProtocolName(name: string): name is ChannelProtocolName {
  return Object.hasOwn(CHANNEL_PROTOCOLS, name);
}

/** A message that was read. */
export interface ChannelMessage {
  channel: number;
  /** May be empty. */
  payload: Uint8Array;
}

/** The message that carries a payload: bytes, or a text for base64, which has room for the channels 0 to 9. */
export function encodeChannelMessage(
  channel: number,
  payload: Uint8Array,
  encoding: ChannelEncoding,
): Uint8Array | string {
  if (encoding === "base64") {
    if (channel > 9) throw new RangeError(`no text message has channel ${channel}`);
    return `${channel}${Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("base64")}`;
  }
  const message = Buffer.allocUnsafe(1 + payload.length);
  message[0] = channel;
  message.set(payload, 1);
  return message;
}

/**
 * What a message says, or undefined for an empty one, which is to be skipped.
 *
 * Whether it came as a text or as bytes makes no difference: the protocol that was agreed on decides. The payload of
 * a binary message is a view of it.
 *
 * @throws {CriError} `ERR_CRI_STREAM_PROTOCOL` for a message in base64 that is none.
 */
export function decodeChannelMessage(
  message: Uint8Array,
  encoding: ChannelEncoding,
): ChannelMessage | undefined {
  const [channel] = message;
  if (channel === undefined) return undefined;
  if (encoding === "binary") return { channel, payload: message.subarray(1) };
  const text = Buffer.from(message.buffer, message.byteOffset + 1, message.byteLength - 1).toString("latin1");
  const digit = channel - 0x30;
  if (digit < 0 || digit > 9 || !isBase64(text)) {
    throw new CriError("ERR_CRI_STREAM_PROTOCOL", "a message is not a digit and base64");
  }
  return { channel: digit, payload: Buffer.from(text, "base64") };
}

/** Whether a text is standard base64 with padding. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

/** The message of v5 that closes a channel. */
export function encodeChannelClose(channel: number): Uint8Array {
  return Uint8Array.of(CHANNEL.close, channel);
}

/** Size of a terminal in characters. */
export interface TerminalSize {
  /** Columns, 1 to 65535. */
  width: number;
  /** Rows, 1 to 65535. */
  height: number;
}

/**
 * What goes over the resize channel or stream.
 *
 * @throws {RangeError} for a size that no terminal has; runtimes ignore one with a zero.
 */
export function encodeTerminalSize({ width, height }: TerminalSize): string {
  for (const [name, value] of Object.entries({ width, height })) {
    if (!Number.isInteger(value) || value < 1 || value > 65_535) {
      throw new RangeError(`${name} must be a whole number from 1 to 65535, got ${value}`);
    }
  }
  return `{"Width":${width},"Height":${height}}`;
}

/** The payload of the first message on both channels of a port: its number, little-endian. */
export function encodeInitialPort(port: number): Uint8Array {
  return Uint8Array.of(port & 0xff, port >> 8);
}

/**
 * The port in the first message on a channel of port-forwarding.
 *
 * @throws {CriError} `ERR_CRI_STREAM_PROTOCOL` if it is not two bytes.
 */
export function decodeInitialPort(payload: Uint8Array): number {
  const [low, high] = payload;
  if (low === undefined || high === undefined || payload.length !== 2) {
    throw new CriError(
      "ERR_CRI_STREAM_PROTOCOL",
      "a channel of port-forwarding does not begin with its port",
    );
  }
  return low | (high << 8);
}

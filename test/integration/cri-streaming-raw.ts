/** Clients of streaming servers that share no code with lading: they write bytes, and write down what comes. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { constants, createDeflate, type Deflate } from "node:zlib";
import { SPDY_DICTIONARY } from "../../src/cri/streaming/spdy-dictionary.ts";

/** A step of a conversation: bytes to send, or milliseconds to wait. */
export type Step = Uint8Array | number;

/** A masked frame. */
export function frame(
  opcode: number,
  payload: string | Uint8Array,
  { fin = true, masked = true }: { fin?: boolean; masked?: boolean } = {},
): Buffer {
  const body = Buffer.from(payload as string, "latin1");
  const length = Buffer.alloc(body.byteLength < 126 ? 1 : body.byteLength < 65536 ? 3 : 9);
  length[0] = body.byteLength < 126 ? body.byteLength : length.byteLength === 3 ? 126 : 127;
  if (length.byteLength === 3) length.writeUInt16BE(body.byteLength, 1);
  if (length.byteLength === 9) length.writeBigUInt64BE(BigInt(body.byteLength), 1);
  const first = Buffer.of((fin ? 0x80 : 0) | opcode);
  if (!masked) return Buffer.concat([first, length, body]);
  length[0] |= 0x80;
  const key = randomBytes(4);
  return Buffer.concat([first, length, key, body.map((byte, at) => byte ^ (key[at % 4] ?? 0))]);
}

/** A binary message. */
export const binary = (payload: string): Buffer => frame(2, payload);
/** A text message. */
export const text = (payload: string): Buffer => frame(1, payload);
/** A close frame with code 1000. */
export const close: Buffer = frame(8, Uint8Array.of(3, 232));

/** What a conversation may set. */
export interface TalkOptions {
  method?: string;
  /** Header fields besides `Host`; by default those of a WebSocket handshake with this subprotocol. */
  fields?: string[];
  /** The offered subprotocols; none if absent. */
  offer?: string | undefined;
  steps?: readonly Step[];
  /** How long to listen at most. */
  limitMs?: number;
}

/** The header fields of a WebSocket handshake: those of the example in RFC 6455. */
export function handshake(offer?: string): string[] {
  return [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...(offer === undefined ? [] : [`Sec-WebSocket-Protocol: ${offer}`]),
  ];
}

/**
 * Holds a conversation over WebSocket: the status line, then each frame as `OPCODE "payload"`, with `+` in front
 * where more is to come, then how it ended: `end`, `reset`, or `silence` when the limit is over.
 */
export async function talk(url: string, options: TalkOptions = {}): Promise<string[]> {
  const { method = "GET", fields = handshake(options.offer), steps = [] } = options;
  return converse(url, `${method} * HTTP/1.1`, fields, { ...options, steps }, (bytes, lines) => {
    let rest = bytes;
    for (;;) {
      const short = (rest[1] ?? 0) & 0x7f;
      const head = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (rest.byteLength < head) return rest;
      const length =
        short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short;
      if (rest.byteLength < head + length) return rest;
      const [first = 0, second = 0] = rest;
      const payload = rest.subarray(head, head + length);
      const shown =
        (first & 15) === 8 ? `close ${payload.readUInt16BE(0)} ${payload.subarray(2)}`.trim() : "";
      const mark = `${first & 0x80 ? "" : "+"}${second & 0x80 ? "masked " : ""}`;
      lines.push(shown || `${mark}${first & 15} ${JSON.stringify(payload.toString("latin1"))}`);
      rest = rest.subarray(head + length);
    }
  });
}

/** A stream to open: its headers; `fin` half-closes it at once. */
export interface RawStream {
  headers: Record<string, string>;
  fin?: boolean;
}

/** A SPDY data frame. */
export function spdyData(streamId: number, payload: string, fin = false): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(streamId, 0);
  head.writeUInt32BE(payload.length, 4);
  head[4] = fin ? 1 : 0;
  return Buffer.concat([head, Buffer.from(payload, "latin1")]);
}

/** A SPDY control frame made of 32-bit numbers: 3 resets a stream, 6 is a ping. */
export function spdyControl(type: number, ...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(8 + 4 * numbers.length);
  bytes.writeUInt16BE(0x8003, 0);
  bytes.writeUInt16BE(type, 2);
  bytes.writeUInt32BE(4 * numbers.length, 4);
  for (const [at, number] of numbers.entries()) bytes.writeUInt32BE(number, 8 + 4 * at);
  return bytes;
}

/**
 * Holds a conversation over SPDY with streams 1, 3, 5…: each frame as `STREAM "data"`, `STREAM fin`, `reply STREAM`,
 * `reset STREAM STATUS`, `ping ID`, `goaway`, and how it ended.
 */
export async function talkSpdy(
  url: string,
  protocols: readonly string[],
  streams: readonly RawStream[],
  options: TalkOptions = {},
): Promise<string[]> {
  const deflate = createDeflate({ dictionary: SPDY_DICTIONARY });
  const opening: Buffer[] = [];
  for (const [index, { headers, fin = false }] of streams.entries()) {
    opening.push(await synStream(deflate, 1 + 2 * index, headers, fin));
  }
  deflate.close();
  const fields = [
    "Connection: Upgrade",
    "Upgrade: SPDY/3.1",
    ...protocols.map((name) => `X-Stream-Protocol-Version: ${name}`),
  ];
  const steps = [...opening, ...(options.steps ?? [])];
  return converse(url, "POST * HTTP/1.1", options.fields ?? fields, { ...options, steps }, (bytes, lines) => {
    let rest = bytes;
    while (rest.byteLength >= 8 && rest.byteLength >= 8 + rest.readUIntBE(5, 3)) {
      const payload = rest.subarray(8, 8 + rest.readUIntBE(5, 3));
      if ((rest[0] ?? 0) & 0x80) lines.push(controlLine(rest.readUInt16BE(2), payload));
      else {
        const id = rest.readUInt32BE(0);
        if (payload.byteLength > 0) lines.push(`${id} ${JSON.stringify(payload.toString("latin1"))}`);
        if ((rest[4] ?? 0) & 1) lines.push(`${id} fin`);
      }
      rest = rest.subarray(8 + payload.byteLength);
    }
    return rest;
  });
}

function controlLine(type: number, payload: Buffer): string {
  if (type === 2) return `reply ${payload.readUInt32BE(0)}`;
  if (type === 3) return `reset ${payload.readUInt32BE(0)} ${payload.readUInt32BE(4)}`;
  if (type === 6) return `ping ${payload.readUInt32BE(0)}`;
  return type === 7 ? "goaway" : `control ${type}`;
}

async function synStream(
  deflate: Deflate,
  streamId: number,
  headers: Record<string, string>,
  fin: boolean,
): Promise<Buffer> {
  const entries = Object.entries(headers);
  const sized = (value: string) => Buffer.concat([number(value.length), Buffer.from(value)]);
  const block = Buffer.concat([number(entries.length), ...entries.flat().map(sized)]);
  const parts: Buffer[] = [];
  const collect = (part: Buffer) => parts.push(part);
  deflate.on("data", collect);
  deflate.write(block);
  await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
  deflate.off("data", collect);
  const payload = Buffer.concat([number(streamId), number(0), Buffer.alloc(2), ...parts]);
  const head = Buffer.from([0x80, 3, 0, 1, fin ? 1 : 0, 0, 0, 0]);
  head.writeUIntBE(payload.byteLength, 5, 3);
  return Buffer.concat([head, payload]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Sends a request and steps, and hands what comes after an upgrade to `read`, which gives back what it left. */
async function converse(
  url: string,
  line: string,
  fields: readonly string[],
  { steps = [], limitMs = 5000 }: TalkOptions,
  read: (bytes: Buffer, lines: string[]) => Buffer,
): Promise<string[]> {
  const { hostname, port, pathname } = new URL(url);
  const socket: Socket = connect(Number(port), hostname.replaceAll(/[[\]]/g, ""));
  const lines: string[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let upgraded: boolean | undefined;
  const timer = setTimeout(() => {
    lines.push("silence");
    socket.destroy();
  }, limitMs);
  const send = async () => {
    for (const step of steps) {
      if (typeof step === "number") await sleep(step);
      else if (!socket.destroyed) socket.write(step);
    }
  };
  let sending = Promise.resolve();
  socket.write(
    `${[line.replace("*", pathname), `Host: ${hostname}:${port}`, ...fields].join("\r\n")}\r\n\r\n`,
  );
  await new Promise<void>((resolve) => {
    socket.on("error", () => lines.push("reset"));
    socket.on("end", () => lines.push("end"));
    socket.on("close", () => resolve());
    socket.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      const end = rest.indexOf("\r\n\r\n");
      if (upgraded === undefined && end >= 0) {
        lines.push(...answerLines(rest.subarray(0, end).toString()));
        upgraded = lines[0] === "101";
        rest = rest.subarray(end + 4);
        if (upgraded) sending = send();
      }
      if (upgraded) rest = read(rest, lines);
    });
  });
  clearTimeout(timer);
  await sending;
  if (upgraded === false && rest.byteLength > 0) lines.splice(1, 0, rest.toString());
  return lines;
}

/** The status, and what the answer says of protocols. */
function answerLines(head: string): string[] {
  const [status = "", ...fields] = head.split("\r\n");
  const told = fields.filter((field) =>
    /^(?:Sec-WebSocket-(?:Protocol|Accept)|X-.*Protocol.*):/i.test(field),
  );
  return [status.split(" ")[1] ?? "", ...told.map((field) => field.trim())];
}

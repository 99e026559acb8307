/** Streaming sessions: messages over WebSocket, the status of a command, and frames of SPDY. */
import { createHash } from "node:crypto";
import type { JsonValue } from "../../../src/core/strict-json.ts";
import { CriError } from "../../../src/cri/errors.ts";
import {
  CHANNEL_PROTOCOLS,
  decodeChannelMessage,
  decodeInitialPort,
  encodeChannelClose,
  encodeChannelMessage,
  encodeInitialPort,
  encodeTerminalSize,
  isChannelProtocolName,
} from "../../../src/cri/streaming/channels.ts";
import { parseExecStatus, parseExecStatusText } from "../../../src/cri/streaming/exec-status.ts";
import { SPDY_DICTIONARY, SPDY_DICTIONARY_ID } from "../../../src/cri/streaming/spdy-dictionary.ts";
import {
  createSpdyFrameDecoder,
  encodeSpdyFrame,
  type SpdyFrame,
} from "../../../src/cri/streaming/spdy-frames.ts";
import {
  createSpdyHeaderDecoder,
  createSpdyHeaderEncoder,
  encodeSpdyHeaderBlock,
} from "../../../src/cri/streaming/spdy-headers.ts";
import type { VectorCase, VectorFields, VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run(vector) {
    const operation = OPERATIONS[String(vector.input["op"])];
    if (!operation) throw new TypeError(`unknown op ${vector.input["op"]}`);
    return operation(vector.input, vector);
  },
};
export default suite;

const OPERATIONS: Readonly<Record<string, (input: VectorFields, vector: VectorCase) => unknown>> = {
  "websocket-message": (input) => {
    if (input["channel"] === undefined) return { binaryHex: closeMessage(input) };
    const channel = Number(input["channel"]);
    const payload = Buffer.from(String(input["payloadUtf8"]));
    const binary = encodeChannelMessage(channel, payload, "binary") as Uint8Array;
    const base64Text = String(encodeChannelMessage(channel, payload, "base64"));
    for (const read of [
      decodeChannelMessage(binary, "binary"),
      decodeChannelMessage(Buffer.from(base64Text), "base64"),
    ]) {
      if (read?.channel !== channel || !payload.equals(read.payload)) throw new Error("not read back");
    }
    return { binaryHex: hex(binary), base64Text };
  },
  "port-forward-initial": (input) => {
    const port = Number(input["port"]);
    const payload = encodeInitialPort(port);
    if (decodeInitialPort(payload) !== port) throw new Error("not read back");
    return {
      binaryHex: hex(encodeChannelMessage(Number(input["channel"]), payload, "binary") as Uint8Array),
    };
  },
  resize: (input) => ({
    json: encodeTerminalSize({ width: Number(input["width"]), height: Number(input["height"]) }),
  }),
  status: (input) => {
    const json = String(input["json"]);
    try {
      // Silence is the success of the versions without JSON.
      const status = json === "" ? parseExecStatusText(json) : parseExecStatus(json);
      return status.kind === "exited"
        ? { ok: status.exitCode === 0, exitCode: status.exitCode }
        : { ok: false };
    } catch (error) {
      if (!(error instanceof CriError) || error.code !== "ERR_CRI_STREAM_PROTOCOL") throw error;
      return { protocolError: PROTOCOL_ERRORS.find((text) => error.message.includes(text)) };
    }
  },
  spdy: (input, { expect }) => {
    const { dictionary } = input["spdy"] as { dictionary: VectorFields };
    const words = (dictionary["entries"] as JsonValue[]).map(String);
    const lengths = words.map((word) =>
      Buffer.from(`${String.fromCharCode(0, 0, 0, word.length)}${word}`, "latin1"),
    );
    const built = Buffer.concat([...lengths, Buffer.from(String(dictionary["tail"]), "latin1")]);
    if (
      !built.equals(SPDY_DICTIONARY) ||
      createHash("sha256").update(SPDY_DICTIONARY).digest("hex") !== dictionary["sha256"] ||
      SPDY_DICTIONARY_ID.toString(16) !== dictionary["adler32"]
    ) {
      throw new Error("another dictionary");
    }
    const encodeHeaders = createSpdyHeaderEncoder();
    const readOwn = createSpdyHeaderDecoder();
    const readTheirs = createSpdyHeaderDecoder();
    const frames = (expect as { frames: VectorFields[] }).frames.map((frame) => {
      const ours = encodeSpdyFrame(frameOf(frame, encodeHeaders));
      const theirs = Buffer.from(String(frame["frameHex"]), "hex");
      // Compressed bytes may differ: theirs are read instead, and ours compared by what they say.
      const read = describe(onlyFrame(theirs), readTheirs);
      const same = JSON.stringify(describe(onlyFrame(ours), readOwn)) === JSON.stringify(read);
      const comparable = frame["kind"] === "SYN_STREAM" ? theirs : ours;
      const { meaning } = frame;
      // What a frame means is a note for people.
      return {
        ...read,
        ...(meaning === undefined ? {} : { meaning }),
        frameHex: same ? hex(comparable) : "differs",
      };
    });
    return { frames };
  },
};

const PROTOCOL_ERRORS = ["no ExitCode cause given", "invalid exit code value", "unknown error"];

function closeMessage(input: VectorFields): string | null {
  const [name] = (input["subprotocols"] as JsonValue[]).map(String);
  const able = name !== undefined && isChannelProtocolName(name) && CHANNEL_PROTOCOLS[name].canCloseChannel;
  return able ? hex(encodeChannelClose(0)) : null;
}

function frameOf(
  frame: VectorFields,
  encodeHeaders: ReturnType<typeof createSpdyHeaderEncoder>,
): Exclude<SpdyFrame, { kind: "OTHER" }> {
  const streamId = Number(frame["streamId"]);
  const status = Number(frame["status"]);
  switch (frame["kind"]) {
    case "SYN_STREAM": {
      const headers = new Map(
        Object.entries(frame["headers"] as VectorFields).map(([name, value]) => [name, String(value)]),
      );
      return { kind: "SYN_STREAM", streamId, priority: 0, fin: false, headerBlock: encodeHeaders(headers) };
    }
    case "DATA":
      return {
        kind: "DATA",
        streamId,
        fin: frame["fin"] === true,
        payload: Buffer.from(String(frame["payloadUtf8"])),
      };
    case "RST_STREAM":
      return { kind: "RST_STREAM", streamId, status };
    case "PING":
      return { kind: "PING", id: Number(frame["id"]) };
    case "GOAWAY":
      return { kind: "GOAWAY", lastGoodStreamId: Number(frame["lastGoodStreamId"]), status };
    default:
      throw new TypeError(`unknown kind of frame ${frame["kind"]}`);
  }
}

function onlyFrame(bytes: Uint8Array): SpdyFrame {
  const frames = [...createSpdyFrameDecoder().push(bytes)];
  const [frame] = frames;
  if (!frame || frames.length !== 1) throw new Error(`${frames.length} frames`);
  return frame;
}

function describe(frame: SpdyFrame, decodeHeaders: ReturnType<typeof createSpdyHeaderDecoder>): object {
  switch (frame.kind) {
    case "SYN_STREAM": {
      const headers = decodeHeaders(frame.headerBlock);
      return {
        kind: frame.kind,
        streamId: frame.streamId,
        flags: frame.fin ? 1 : 0,
        headers: Object.fromEntries(headers),
        nameValueBlockHex: hex(encodeSpdyHeaderBlock(headers)),
      };
    }
    case "DATA":
      return { ...frame, payload: undefined, payloadUtf8: Buffer.from(frame.payload).toString() };
    default:
      return frame;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

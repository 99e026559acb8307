/**
 * One RPC: what both forms of call share, and the unary form.
 *
 * Messages pass through grpc-js as bytes, so that a message that cannot be read is an error of its own and not
 * one of the runtime.
 *
 * @module
 */
import type { DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";
import {
  type Client,
  type ClientReadableStream,
  Metadata,
  type ServiceError,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import type { SignalOptions } from "../core/signal.ts";
import { missingIn } from "./answers.ts";
import { decodeMessage } from "./decode/message.ts";
import { CriError } from "./errors.ts";
import type { EncodedRequest } from "./request.ts";
import { redactSecrets, toCriError } from "./status.ts";

/** Options of every RPC. */
export interface CriCallOptions extends SignalOptions {
  /**
   * Deadline in milliseconds from now, 1 to 2147483647, over the whole call and all answers of a stream. It is
   * sent to the runtime, which may give up the work with it. Default: none, the call waits as long as it takes.
   */
  timeoutMs?: number | undefined;
  /** Header fields to send along. Names are lower case and begin neither with `grpc-` nor end with `-bin`. */
  metadata?: Readonly<Record<string, string>> | undefined;
}

/** A package of the interface: `runtime.v1` or `runtime.v1alpha2`. */
export type CriApiVersion = "v1" | "v1alpha2";

/** The packages, in the order in which they are tried. */
export const API_VERSIONS: readonly CriApiVersion[] = ["v1", "v1alpha2"];

/** What the calls of a connection share. */
export interface CriSession {
  /** Ends each open call with an error. */
  readonly openCalls: Set<(reason: CriError) => void>;
  /** Why no call can be made any more. */
  closed?: CriError;
}

/** The way to one service. */
export interface CriTransport {
  readonly client: Client;
  readonly session: CriSession;
  /** Which package stands in the paths of the calls. The messages are the same. */
  readonly apiVersion: CriApiVersion;
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** `RuntimeService/Version`. */
export function methodName(method: DescMethod): string {
  return `${method.parent.name}/${method.name}`;
}

/** The same memory as a `Buffer`, which is what grpc-js carries. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The same memory as a plain `Uint8Array`, so that `bytes` fields are such and not the `Buffer`s of grpc-js. */
export function asBytes(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Fails for options that no call can have. */
export function assertCallOptions({ timeoutMs, metadata }: CriCallOptions): void {
  if (timeoutMs !== undefined && !(timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new RangeError(`timeoutMs must be from 1 to ${MAX_TIMEOUT_MS}, got ${timeoutMs}`);
  }
  if (metadata) toMetadata(metadata);
}

/** Header fields in the form of grpc-js. Texts of errors name the field and not its value. */
function toMetadata(fields: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(fields)) {
    if (!/^[a-z0-9_.-]+$/.test(name) || name.startsWith("grpc-") || name.endsWith("-bin")) {
      throw new TypeError(`${JSON.stringify(name)} cannot be a header field of a call`);
    }
    if (typeof value !== "string" || !/^[\x20-\x7e]*$/.test(value)) {
      throw new TypeError(`the value of header field ${name} is not printable ASCII`);
    }
    metadata.set(name, value);
  }
  return metadata;
}

/**
 * The message in an answer.
 *
 * @throws {CriError} `ERR_CRI_INVALID_RESPONSE`.
 */
export function decodeAnswer<O extends DescMessage>(
  method: DescMethod & { output: O },
  bytes: Uint8Array,
  secrets: readonly string[],
): MessageShape<O> {
  const name = methodName(method);
  let answer: MessageShape<O>;
  try {
    answer = decodeMessage(method.output, asBytes(bytes));
  } catch (cause) {
    const text = `${name}: the answer is not a ${method.output.name}`;
    const options = secrets.length === 0 ? { method: name, cause } : { method: name };
    throw new CriError("ERR_CRI_INVALID_RESPONSE", text, options);
  }
  const missing = missingIn(answer);
  if (missing !== undefined) {
    const text = `${name}: the answer has no ${redactSecrets(missing, secrets)}`;
    throw new CriError("ERR_CRI_INVALID_RESPONSE", text, { method: name });
  }
  return answer;
}

/**
 * Makes a unary call. Options were checked before.
 *
 * It goes on the channel itself and is read as a stream that must have one message: the unary form of a `Client`
 * waits without end for the status behind a second one, reports an OK status without a message as a missing
 * function, and takes a tenth longer.
 */
export function callUnary<O extends DescMessage>(
  transport: CriTransport,
  method: DescMethod & { output: O },
  { bytes, secrets }: EncodedRequest,
  options: CriCallOptions,
): Promise<MessageShape<O>> {
  const { signal, metadata } = options;
  const { session } = transport;
  const name = methodName(method);
  return new Promise((resolve, reject) => {
    if (session.closed) throw session.closed;
    const path = pathOf(transport, method);
    const call = transport.client.getChannel().createCall(path, deadlineOf(options), null, null, null);
    let answer: Buffer | undefined;
    let settled = false;
    const settle = () => {
      settled = true;
      signal?.removeEventListener("abort", onAbort);
      session.openCalls.delete(end);
    };
    const end = (reason: unknown) => {
      if (settled) return;
      settle();
      reject(reason);
      call.cancelWithStatus(status.CANCELLED, "Cancelled on client");
    };
    const onAbort = () => end(signal?.reason);
    session.openCalls.add(end);
    signal?.addEventListener("abort", onAbort, { once: true });
    call.start(toMetadata(metadata), {
      onReceiveMetadata: () => {},
      onReceiveMessage: (message: Buffer) => {
        if (answer) return end(wrongCount(name, "more than one message"));
        answer = message;
        call.startRead();
      },
      onReceiveStatus: (outcome) => {
        if (settled) return;
        settle();
        try {
          if (outcome.code !== status.OK) throw toCriError(asError(outcome), { method: name, secrets });
          if (!answer) throw wrongCount(name, "no message");
          resolve(decodeAnswer(method, answer, secrets));
        } catch (error) {
          reject(error);
        }
      },
    });
    call.startRead();
    call.sendMessageWithContext({}, asBuffer(bytes));
    call.halfClose();
  });
}

/** A status as the error that a `Client` makes of it. */
function asError({ code, details, metadata }: StatusObject): ServiceError {
  const error = new Error(`${code} ${status[code]}: ${details}`);
  return Object.assign(error, { code, details, metadata });
}

/** Opens a call whose answers are a stream; its messages are bytes. */
export function openCall(
  transport: CriTransport,
  method: DescMethod,
  bytes: Uint8Array,
  options: CriCallOptions,
): ClientReadableStream<Buffer> {
  const path = pathOf(transport, method);
  const metadata = toMetadata(options.metadata);
  const deadline = { deadline: deadlineOf(options) };
  return transport.client.makeServerStreamRequest(path, asBuffer, asBuffer, bytes, metadata, deadline);
}

function pathOf({ apiVersion }: CriTransport, method: DescMethod): string {
  return `/runtime.${apiVersion}.${methodName(method)}`;
}

function deadlineOf({ timeoutMs }: CriCallOptions): number {
  return timeoutMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + timeoutMs;
}

function wrongCount(method: string, count: string): CriError {
  return new CriError("ERR_CRI_INVALID_RESPONSE", `${method}: the answer has ${count}`, { method });
}

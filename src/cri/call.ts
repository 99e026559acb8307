/**
 * One RPC: what both forms of call share, and the unary form.
 *
 * Messages pass through grpc-js as bytes, so that a message that cannot be read is an error of its own and not
 * one of the runtime.
 *
 * @module
 */
import type { DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";
import { type Client, type ClientReadableStream, Metadata } from "@grpc/grpc-js";
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
 * It is read as a stream that must have one message: the unary form of grpc-js waits without end for the status
 * behind a second one, and reports an OK status without a message as a missing function.
 */
export function callUnary<O extends DescMessage>(
  transport: CriTransport,
  method: DescMethod & { output: O },
  { bytes, secrets }: EncodedRequest,
  options: CriCallOptions,
): Promise<MessageShape<O>> {
  const { signal } = options;
  const { session } = transport;
  const name = methodName(method);
  return new Promise((resolve, reject) => {
    if (session.closed) throw session.closed;
    const call = openCall(transport, method, bytes, options);
    const answers: Buffer[] = [];
    let settled = false;
    const settle = (outcome: () => void) => {
      if (settled) return;
      settled = true;
      signal?.removeEventListener("abort", onAbort);
      session.openCalls.delete(end);
      outcome();
    };
    const end = (reason: unknown) =>
      settle(() => {
        reject(reason);
        call.cancel();
      });
    const onAbort = () => end(signal?.reason);
    session.openCalls.add(end);
    signal?.addEventListener("abort", onAbort, { once: true });
    call.on("data", (answer: Buffer) => {
      if (answers.push(answer) > 1) end(wrongCount(name, "more than one message"));
    });
    // A status that is no success comes as an error, before the end.
    call.on("error", (error) => settle(() => reject(toCriError(error, { method: name, secrets }))));
    call.on("end", () => {
      const [answer] = answers;
      if (!answer) return end(wrongCount(name, "no message"));
      settle(() => {
        try {
          resolve(decodeAnswer(method, answer, secrets));
        } catch (error) {
          reject(error);
        }
      });
    });
  });
}

/** Opens a call; its messages are bytes. */
export function openCall(
  transport: CriTransport,
  method: DescMethod,
  bytes: Uint8Array,
  { timeoutMs, metadata }: CriCallOptions,
): ClientReadableStream<Buffer> {
  return transport.client.makeServerStreamRequest(
    `/runtime.${transport.apiVersion}.${methodName(method)}`,
    asBuffer,
    asBuffer,
    bytes,
    toMetadata(metadata),
    timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs },
  );
}

function wrongCount(method: string, count: string): CriError {
  return new CriError("ERR_CRI_INVALID_RESPONSE", `${method}: the answer has ${count}`, { method });
}

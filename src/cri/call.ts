/**
 * One RPC: what both forms of call share, and the unary form.
 *
 * Messages pass through grpc-js as bytes, so that a message that cannot be read is an error of its own and not
 * one of the runtime.
 *
 * @module
 */
import { type DescMessage, type DescMethod, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { type Client, type CallOptions as GrpcCallOptions, Metadata } from "@grpc/grpc-js";
import type { SignalOptions } from "../core/signal.ts";
import { missingIn } from "./answers.ts";
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

/** Packages of the interface, in the order in which they are tried. */
export const API_VERSIONS = ["v1", "v1alpha2"] as const;

/** A package of the interface: `runtime.v1` or `runtime.v1alpha2`. */
export type CriApiVersion = (typeof API_VERSIONS)[number];

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

/** `/runtime.v1.RuntimeService/Version`. */
export function methodPath(transport: CriTransport, method: DescMethod): string {
  return `/runtime.${transport.apiVersion}.${methodName(method)}`;
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
export function toMetadata(fields: Readonly<Record<string, string>> = {}): Metadata {
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

/** The deadline of a call that starts now. */
export function toGrpcOptions({ timeoutMs }: CriCallOptions): GrpcCallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
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
    answer = fromBinary(method.output, asBytes(bytes));
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

/** Makes a unary call. Options were checked before. */
export function callUnary<O extends DescMessage>(
  transport: CriTransport,
  method: DescMethod & { output: O },
  { bytes, secrets }: EncodedRequest,
  options: CriCallOptions,
): Promise<MessageShape<O>> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (transport.session.closed) throw transport.session.closed;
    const call = transport.client.makeUnaryRequest(
      methodPath(transport, method),
      asBuffer,
      asBuffer,
      bytes,
      toMetadata(options.metadata),
      toGrpcOptions(options),
      (error, answer) => {
        release();
        if (error) return reject(toCriError(error, { method: methodName(method), secrets }));
        try {
          resolve(decodeAnswer(method, answer ?? new Uint8Array(), secrets));
        } catch (invalid) {
          reject(invalid);
        }
      },
    );
    const end = (reason: unknown) => {
      reject(reason);
      release();
      call.cancel();
    };
    const onAbort = () => end(signal?.reason);
    const release = () => {
      signal?.removeEventListener("abort", onAbort);
      transport.session.openCalls.delete(end);
    };
    transport.session.openCalls.add(end);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

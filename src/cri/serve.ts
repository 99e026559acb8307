/**
 * The server side of the interface, for runtimes that are made for tests.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type ConnectionInjector,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { messageOf } from "../core/message-of.ts";
import { API_VERSIONS, asBuffer, asBytes, type CriApiVersion, methodName } from "./call.ts";
import type { TypedService } from "./client.ts";
import { CriError } from "./errors.ts";
import { ImageService, RuntimeService } from "./gen/runtime/v1/api_pb.ts";
import { statusNumberOf } from "./status.ts";

export type { MessageInitShape } from "@bufbuild/protobuf";

/** What a handler is told besides the request. */
export interface ServedCall {
  /** The RPC, such as `RuntimeService/Version`. */
  method: string;
  /** The package that the client asked for. */
  apiVersion: CriApiVersion;
  /** Aborts when the client gives the call up, its deadline is over, or its connection is gone. */
  signal: AbortSignal;
  /** Header fields of the call, binary ones left out. */
  metadata: Readonly<Record<string, string>>;
}

/** Handlers for the RPCs of a service, by their names in lowerCamelCase. */
export type ServiceHandlers<S extends TypedService> = {
  readonly [K in keyof S["method"]]?: S["method"][K]["methodKind"] extends "server_streaming"
    ? StreamHandler<S["method"][K]["input"], S["method"][K]["output"]>
    : UnaryHandler<S["method"][K]["input"], S["method"][K]["output"]>;
};

/** Answers a unary RPC. A thrown `CriError` becomes the gRPC status of its code, with its message. */
export type UnaryHandler<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  call: ServedCall,
) => MessageInitShape<O> | Promise<MessageInitShape<O>>;

/** Answers a server-streaming RPC. It is read no faster than the client reads, and left when the client goes. */
export type StreamHandler<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  call: ServedCall,
) => AsyncIterable<MessageInitShape<O>> | Iterable<MessageInitShape<O>>;

/** What goes wrong with a call, in place of the rest of its answer. */
export interface CallFault {
  /** Messages of a stream that go out before; 0 for a unary call. */
  afterMessages: number;
  /**
   * Goes wrong. A rejection ends the call with its status; bytes are sent in place of a message, whatever they are,
   * and a stream goes on after them; with nothing the call is answered as if there were no fault.
   */
  strike(call: ServedCall): Promise<Uint8Array | undefined>;
}

/** Options of {@link serveCri}. */
export interface ServeCriOptions {
  /** `unix:` and an absolute path, or `HOST:PORT` with port 0 for a free one. Default: see {@link ServedCri.accept}. */
  address?: string | undefined;
  runtime: ServiceHandlers<typeof RuntimeService>;
  image: ServiceHandlers<typeof ImageService>;
  /** Packages to serve; calls to the other one are answered as by a server that does not know it. */
  apiVersions: readonly CriApiVersion[];
  /** Largest request and largest answer in bytes. */
  maxMessageBytes: number;
  /** Is told of every call that is served, before its handler, and may say what is to go wrong with it. */
  onCall?: ((call: ServedCall, request: unknown) => CallFault | undefined) | undefined;
}

/** A server that runs. */
export interface ServedCri {
  /** Port for TCP, 0 for a unix socket and without an address. */
  port: number;
  /** Serves a connection that the caller has accepted. */
  accept(connection: Duplex): void;
  /** Ends all calls and connections. */
  close(): void;
}

/** Serves the interface. Rejects if the address cannot be bound. */
export async function serveCri(options: ServeCriOptions): Promise<ServedCri> {
  const server = new Server({
    "grpc.max_receive_message_length": options.maxMessageBytes,
    // Checked before, in the words of the runtimes.
    "grpc.max_send_message_length": -1,
  });
  for (const apiVersion of API_VERSIONS) {
    addService(server, RuntimeService, options.runtime, apiVersion, options);
    addService(server, ImageService, options.image, apiVersion, options);
  }
  const { address } = options;
  const credentials = ServerCredentials.createInsecure();
  const port =
    address === undefined
      ? 0
      : await new Promise<number>((resolve, reject) => {
          server.bindAsync(address, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
        });
  let injector: ConnectionInjector | undefined;
  return {
    port,
    accept(connection) {
      injector ??= server.createConnectionInjector(credentials);
      injector.injectConnection(connection);
    },
    close() {
      injector?.destroy();
      server.forceShutdown();
    },
  };
}

type AnyHandler = (request: unknown, call: ServedCall) => unknown;

function addService(
  server: Server,
  service: TypedService,
  handlers: object,
  apiVersion: CriApiVersion,
  options: ServeCriOptions,
): void {
  const definition: Record<string, ServiceDefinition[string]> = {};
  const implementation: UntypedServiceImplementation = {};
  const served = options.apiVersions.includes(apiVersion);
  for (const method of service.methods) {
    definition[method.localName] = {
      path: `/runtime.${apiVersion}.${methodName(method)}`,
      requestStream: false,
      responseStream: method.methodKind === "server_streaming",
      requestSerialize: asBuffer,
      requestDeserialize: asBuffer,
      responseSerialize: asBuffer,
      responseDeserialize: asBuffer,
    };
    const given = Object.entries(handlers).find(([name]) => name === method.localName)?.[1];
    const handler: AnyHandler = given ?? unknownMethod(method, apiVersion);
    const answer = served ? handler : unknownService(method, apiVersion);
    const told = served ? options.onCall : undefined;
    implementation[method.localName] =
      method.methodKind === "server_streaming"
        ? streamHandler(method, apiVersion, answer, told, options.maxMessageBytes)
        : unaryHandler(method, apiVersion, answer, told, options.maxMessageBytes);
  }
  server.addService(definition, implementation);
}

function unknownService(method: DescMethod, apiVersion: CriApiVersion): AnyHandler {
  const text = `unknown service runtime.${apiVersion}.${method.parent.name}`;
  return () => {
    throw new CriError("ERR_CRI_UNIMPLEMENTED", text);
  };
}

function unknownMethod(method: DescMethod, apiVersion: CriApiVersion): AnyHandler {
  const text = `unknown method ${method.name} for service runtime.${apiVersion}.${method.parent.name}`;
  return () => {
    throw new CriError("ERR_CRI_UNIMPLEMENTED", text);
  };
}

function unaryHandler(
  method: DescMethod,
  apiVersion: CriApiVersion,
  handler: AnyHandler,
  told: ServeCriOptions["onCall"],
  maxBytes: number,
): handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => {
    const { served, abort } = servedCall(method, apiVersion, call.metadata.getMap());
    call.on("cancelled", abort);
    // It may be cancelled before there is a handler, and is not told again.
    if (call.cancelled) abort();
    const answer = async () => {
      const request = fromBinary(method.input, asBytes(call.request));
      const bytes = await told?.(served, request)?.strike(served);
      return bytes ? asBuffer(bytes) : encode(method, await handler(request, served), maxBytes);
    };
    answer().then(
      (bytes) => callback(null, bytes),
      (error: unknown) => callback(toServiceError(error)),
    );
  };
}

function streamHandler(
  method: DescMethod,
  apiVersion: CriApiVersion,
  handler: AnyHandler,
  told: ServeCriOptions["onCall"],
  maxBytes: number,
): handleServerStreamingCall<Buffer, Buffer> {
  return (call) => {
    const { served, abort } = servedCall(method, apiVersion, call.metadata.getMap());
    call.on("cancelled", abort);
    // It may be cancelled before there is a handler, and is not told again.
    if (call.cancelled) abort();
    const answer = async () => {
      const request = fromBinary(method.input, asBytes(call.request));
      const send = async (bytes: Buffer) => {
        if (!served.signal.aborted && !call.write(bytes)) await drained(call, served.signal);
      };
      let fault = told?.(served, request);
      let sent = 0;
      const strike = async () => {
        const bytes = await fault?.strike(served);
        fault = undefined;
        if (bytes) await send(asBuffer(bytes));
      };
      if (fault?.afterMessages === 0) await strike();
      for await (const message of handler(request, served) as AsyncIterable<unknown>) {
        if (served.signal.aborted) return;
        await send(encode(method, message, maxBytes));
        if (++sent === fault?.afterMessages) await strike();
      }
      if (!served.signal.aborted) await strike();
    };
    answer().then(
      () => call.end(),
      (error: unknown) => {
        if (!served.signal.aborted) call.emit("error", toServiceError(error));
      },
    );
  };
}

/** Waits until the client has read on, or is gone. */
function drained(call: ServerWritableStream<Buffer, Buffer>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const settle = () => {
      call.off("drain", settle);
      signal.removeEventListener("abort", settle);
      resolve();
    };
    call.once("drain", settle);
    signal.addEventListener("abort", settle, { once: true });
  });
}

function servedCall(
  method: DescMethod,
  apiVersion: CriApiVersion,
  fields: Record<string, string | Buffer>,
): { served: ServedCall; abort: () => void } {
  const gone = new AbortController();
  const texts = Object.entries(fields).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  const served: ServedCall = {
    method: methodName(method),
    apiVersion,
    signal: gone.signal,
    metadata: Object.fromEntries(texts),
  };
  return { served, abort: () => gone.abort() };
}

function encode(method: DescMethod, init: unknown, maxBytes: number): Buffer {
  const bytes = toBinary(method.output, create(method.output, init as MessageInitShape<DescMessage>));
  if (bytes.length <= maxBytes) return asBuffer(bytes);
  const text = `trying to send message larger than max (${bytes.length} vs. ${maxBytes})`;
  throw new CriError("ERR_CRI_RESOURCE_EXHAUSTED", text);
}

function toServiceError(error: unknown): { code: number; details: string } {
  const details = messageOf(error);
  const code = error instanceof CriError ? (error.status?.number ?? statusNumberOf(error.code)) : 2;
  return { code, details };
}

/**
 * The server side of the interface, for runtimes that are made for tests.
 *
 * @module
 */
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
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { API_VERSIONS, asBuffer, asBytes, type CriApiVersion, methodName } from "./call.ts";
import type { TypedService } from "./client.ts";
import { CriError } from "./errors.ts";
import { ImageService, RuntimeService } from "./gen/runtime/v1/api_pb.ts";
import { statusNumberOf } from "./status.ts";

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

/** Options of {@link serveCri}. */
export interface ServeCriOptions {
  /** `unix:` and an absolute path, or `HOST:PORT` with port 0 for a free one. */
  address: string;
  runtime: ServiceHandlers<typeof RuntimeService>;
  image: ServiceHandlers<typeof ImageService>;
  /** Packages to serve; calls to the other one are answered as by a server that does not know it. */
  apiVersions: readonly CriApiVersion[];
  /** Largest request and largest answer in bytes. */
  maxMessageBytes: number;
  /** Is told of every call that is served, before its handler. */
  onCall?: ((call: ServedCall, request: unknown) => void) | undefined;
}

/** A server that runs. */
export interface ServedCri {
  /** Port for TCP, 0 for a unix socket. */
  port: number;
  /** Ends all calls and connections. */
  close(): void;
}

/** Serves the interface. Rejects if the address cannot be bound. */
export async function serveCri(options: ServeCriOptions): Promise<ServedCri> {
  const server = new Server({
    "grpc.max_receive_message_length": options.maxMessageBytes,
    "grpc.max_send_message_length": options.maxMessageBytes,
  });
  for (const apiVersion of API_VERSIONS) {
    addService(server, RuntimeService, options.runtime, apiVersion, options);
    addService(server, ImageService, options.image, apiVersion, options);
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(options.address, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { port, close: () => server.forceShutdown() };
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
        ? streamHandler(method, apiVersion, answer, told)
        : unaryHandler(method, apiVersion, answer, told);
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
): handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => {
    const { served, abort } = servedCall(method, apiVersion, call.metadata.getMap());
    call.on("cancelled", abort);
    const answer = async () => {
      const request = fromBinary(method.input, asBytes(call.request));
      told?.(served, request);
      return encode(method, await handler(request, served));
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
): handleServerStreamingCall<Buffer, Buffer> {
  return (call) => {
    const { served, abort } = servedCall(method, apiVersion, call.metadata.getMap());
    call.on("cancelled", abort);
    const answer = async () => {
      const request = fromBinary(method.input, asBytes(call.request));
      told?.(served, request);
      for await (const message of handler(request, served) as AsyncIterable<unknown>) {
        if (served.signal.aborted) return;
        if (!call.write(encode(method, message))) await drained(call, served.signal);
      }
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

function encode(method: DescMethod, init: unknown): Buffer {
  return asBuffer(toBinary(method.output, create(method.output, init as MessageInitShape<DescMessage>)));
}

function toServiceError(error: unknown): { code: number; details: string } {
  const details = error instanceof Error ? error.message : String(error);
  return { code: error instanceof CriError ? statusNumberOf(error.code) : 2, details };
}

/**
 * A service as an object of functions, one for each RPC, made from its descriptor.
 *
 * @module
 */
import type {
  DescMessage,
  DescMethod,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { assertCallOptions, type CriCallOptions, type CriTransport, callUnary } from "./call.ts";
import { encodeRequest } from "./request.ts";
import { readStream } from "./stream.ts";

/** One answer to one request. */
export type UnaryFunction<I extends DescMessage, O extends DescMessage> = (
  request: MessageInitShape<I>,
  options?: CriCallOptions,
) => Promise<MessageShape<O>>;

/** Many answers to one request: lazy, single-use, cancelled when left early. */
export type ServerStreamingFunction<I extends DescMessage, O extends DescMessage> = (
  request: MessageInitShape<I>,
  options?: CriCallOptions,
) => AsyncIterableIterator<MessageShape<O>, void>;

/** A service whose methods are known at compile time, such as `RuntimeService`. */
export type TypedService = Omit<DescService, "method"> & {
  method: Record<string, Pick<DescMethod, "methodKind" | "input" | "output">>;
};

/**
 * The functions of a service, named as its RPCs in lowerCamelCase.
 *
 * Each takes the request as plain data, with absent fields at their defaults, and {@link CriCallOptions}. A field
 * that the request does not have is a `TypeError`; so is a value of a wrong type.
 */
export type ServiceFunctions<S extends TypedService> = {
  readonly [K in keyof S["method"]]: S["method"][K]["methodKind"] extends "server_streaming"
    ? ServerStreamingFunction<S["method"][K]["input"], S["method"][K]["output"]>
    : UnaryFunction<S["method"][K]["input"], S["method"][K]["output"]>;
};

/** The functions of a service over a transport. */
export function serviceFunctions<S extends TypedService>(
  service: S,
  transport: CriTransport,
): ServiceFunctions<S> {
  const functions: Record<string, unknown> = {};
  for (const method of service.methods) functions[method.localName] = functionOf(method, transport);
  return functions as ServiceFunctions<S>;
}

function functionOf(method: DescMethod, transport: CriTransport): unknown {
  if (method.methodKind === "server_streaming") {
    return (request: MessageInitShape<DescMessage>, options: CriCallOptions = {}) => {
      assertCallOptions(options);
      return readStream(transport, method, encodeRequest(method.input, request), options);
    };
  }
  return async (request: MessageInitShape<DescMessage>, options: CriCallOptions = {}) => {
    options.signal?.throwIfAborted();
    assertCallOptions(options);
    return callUnary(transport, method, encodeRequest(method.input, request), options);
  };
}

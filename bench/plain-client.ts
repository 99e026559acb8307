/**
 * The client that is written without this library: the contract through @grpc/proto-loader, calls through grpc-js,
 * both with the options of their guides.
 *
 * @module
 */
import { join } from "node:path";
import { Client, credentials, type MethodDefinition } from "@grpc/grpc-js";
import { loadSync, type Options } from "@grpc/proto-loader";

type Method = MethodDefinition<object, object>;

/** ListContainers as proto-loader knows it. */
export function plainMethod(options: Options): Method {
  const contract = loadSync(join(import.meta.dirname, "../proto/runtime/v1/api.proto"), options);
  const service = contract["runtime.v1.RuntimeService"];
  const method = service && Object.entries(service).find(([name]) => name === "ListContainers")?.[1];
  if (typeof method !== "object" || !("responseDeserialize" in method)) {
    throw new Error("proto-loader has no ListContainers");
  }
  return method as Method;
}

/** A client of a socket that lists the containers there. */
export function plainClient(socket: string, options: Options): { list(): Promise<object>; close(): void } {
  const { path, requestSerialize, responseDeserialize } = plainMethod(options);
  const client = new Client(`unix:${socket}`, credentials.createInsecure());
  const list = () =>
    new Promise<object>((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, (error, answer) => {
        if (error || !answer) reject(error ?? new Error("no answer"));
        else resolve(answer);
      });
    });
  return { list, close: () => client.close() };
}

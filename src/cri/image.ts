/**
 * The images that a runtime holds.
 *
 * @module
 */
import type { CriTransport } from "./call.ts";
import { type ServiceFunctions, serviceFunctions } from "./client.ts";
import { ImageService } from "./gen/runtime/v1/api_pb.ts";

/**
 * Every RPC of ImageService.
 *
 * `imageStatus` of an image that is not there answers without `image` and is no error. Give `pullImage` a
 * `signal` or a `timeoutMs`: it has no limit of its own.
 */
export type ImageFunctions = ServiceFunctions<typeof ImageService>;

/** The functions of ImageService over a transport. */
export function imageFunctions(transport: CriTransport): ImageFunctions {
  return serviceFunctions(ImageService, transport);
}

/**
 * Pod sandboxes, containers, streaming sessions, stats and events.
 *
 * @module
 */
import type { CriTransport } from "./call.ts";
import { type ServiceFunctions, serviceFunctions } from "./client.ts";
import { RuntimeService } from "./gen/runtime/v1/api_pb.ts";

/**
 * Every RPC of RuntimeService.
 *
 * A runtime that is older than an RPC answers with `ERR_CRI_UNIMPLEMENTED`; for a stream that comes with the
 * first answer. A command that ends with a non-zero exit code is no error of `execSync`.
 */
export type RuntimeFunctions = ServiceFunctions<typeof RuntimeService>;

/** The functions of RuntimeService over a transport. */
export function runtimeFunctions(transport: CriTransport): RuntimeFunctions {
  return serviceFunctions(RuntimeService, transport);
}

/**
 * Runtime classes of a cluster: which handler of a node's runtime a Pod asks for.
 *
 * @see {@link https://kubernetes.io/docs/reference/kubernetes-api/node/runtime-class-v1/}
 * @module
 */
import type { Origin } from "./origin.ts";

/** A runtime class, without its overhead and scheduling. */
export interface RuntimeClass {
  readonly name: string;
  /** The name that the runtime knows the handler by. */
  readonly handler: string;
  /** Where `handler` stands; absent where no file says it. */
  readonly origin?: Origin;
}

/** Runtime classes by name. */
export type RuntimeClasses = ReadonlyMap<string, RuntimeClass>;

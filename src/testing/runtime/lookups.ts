/**
 * From the ids of requests to sandboxes and containers, or to the errors of the runtimes.
 *
 * @module
 */
import type { CriError } from "../../cri/index.ts";
import { notFound, quote, unknown } from "./refusals.ts";
import { isAtLeast } from "./releases.ts";
import { type ContainerRecord, findById, type Missed, type SandboxRecord } from "./state.ts";
import type { RuntimeWorld } from "./world.ts";

/** The container of an id or of a beginning of one. The context is what containerd writes before the reason. */
export function mustFindContainer(
  world: RuntimeWorld,
  id: string,
  context = `an error occurred when try to find container ${quote(id)}`,
): ContainerRecord {
  const found = findById(world.state.containers, id);
  if (found.kind === "found") return found.record;
  throw missed(world, "container", id, context, found.kind);
}

/** The sandbox of an id or of a beginning of one; see {@link mustFindContainer}. */
export function mustFindSandbox(
  world: RuntimeWorld,
  id: string,
  context = "an error occurred when try to find sandbox",
): SandboxRecord {
  const found = findById(world.state.sandboxes, id);
  if (found.kind === "found") return found.record;
  throw missed(world, "sandbox", id, context, found.kind);
}

/** As {@link mustFindContainer}, but one that is not there is nothing and no error: it is as good as gone. */
export function mayFindContainer(world: RuntimeWorld, id: string): ContainerRecord | undefined {
  const found = findById(world.state.containers, id);
  return found.kind === "absent" ? undefined : mustFindContainer(world, id);
}

/** As {@link mayFindContainer}. */
export function mayFindSandbox(world: RuntimeWorld, id: string): SandboxRecord | undefined {
  const found = findById(world.state.sandboxes, id);
  return found.kind === "absent" ? undefined : mustFindSandbox(world, id, findingSandbox(id));
}

/** The sandbox that is to be stopped: containerd 1.6 refuses to stop one that is not there. */
export function mayFindSandboxToStop(world: RuntimeWorld, id: string): SandboxRecord | undefined {
  const strict = world.flavor === "containerd" && !isAtLeast(world.release, "0.26");
  return strict ? mustFindSandbox(world, id, findingSandbox(id)) : mayFindSandbox(world, id);
}

function findingSandbox(id: string): string {
  return `an error occurred when try to find sandbox ${quote(id)}`;
}

function missed(
  { flavor }: RuntimeWorld,
  kind: "container" | "sandbox",
  id: string,
  context: string,
  why: Missed,
): CriError {
  if (flavor === "cri-o") {
    const reason = { absent: "ID does not exist", empty: "Id can't be empty", ambiguous: "ID is ambiguous" }[
      why
    ];
    const [what, whole] = kind === "container" ? ["container", "container"] : ["pod", "pod sandbox"];
    return notFound(
      `could not find ${what} ${quote(id)}: ${whole} with ID starting with ${id} not found: ${reason}`,
    );
  }
  if (why === "absent") return notFound(`${context}: not found`);
  return unknown(
    `${context}: ${why === "empty" ? "Prefix can't be empty" : `multiple IDs found with provided prefix: ${id}`}`,
  );
}

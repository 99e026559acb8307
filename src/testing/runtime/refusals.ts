/**
 * Errors of the in-process runtime, in the words of the runtime that it stands for.
 *
 * @module
 */
import { CriError } from "../../cri/index.ts";
import type { RuntimeFlavor } from "./options.ts";
import type { Found } from "./state.ts";

/** A failure without a status of its own: UNKNOWN. */
export function unknown(text: string): CriError {
  return new CriError("ERR_CRI_UNKNOWN", text);
}

/** Something that is not there. */
export function notFound(text: string): CriError {
  return new CriError("ERR_CRI_NOT_FOUND", text);
}

/** A container that no id leads to. */
export function noSuchContainer(flavor: RuntimeFlavor, id: string): CriError {
  return notFound(
    flavor === "containerd"
      ? `an error occurred when try to find container ${quote(id)}: not found`
      : `could not find container ${quote(id)}: container with ID starting with ${id} not found: ID does not exist`,
  );
}

/** A sandbox that no id leads to. */
export function noSuchSandbox(flavor: RuntimeFlavor, id: string): CriError {
  return notFound(
    flavor === "containerd"
      ? `an error occurred when try to find sandbox ${quote(id)}: not found`
      : `could not find pod ${quote(id)}: pod sandbox with ID starting with ${id} not found: ID does not exist`,
  );
}

/** A beginning that several ids have. */
export function ambiguousId(flavor: RuntimeFlavor, id: string): CriError {
  const text = `multiple IDs found with provided prefix: ${id}`;
  return flavor === "containerd" ? unknown(text) : notFound(text);
}

/** The record, or the error for a record that must be there. */
export function mustFind<T>(found: Found<T>, flavor: RuntimeFlavor, id: string, absent: CriError): T {
  if (found.kind === "found") return found.record;
  throw found.kind === "ambiguous" ? ambiguousId(flavor, id) : absent;
}

/** The record, or nothing where one that is absent is as good as one that is gone. */
export function mayFind<T>(found: Found<T>, flavor: RuntimeFlavor, id: string): T | undefined {
  if (found.kind === "ambiguous") throw ambiguousId(flavor, id);
  return found.kind === "found" ? found.record : undefined;
}

/** A text in the double quotes of Go. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

/**
 * Errors of the in-process runtime, in the words of the runtime that it stands for.
 *
 * @module
 */
import { CriError } from "../../cri/index.ts";

/** A failure without a status of its own: UNKNOWN. */
export function unknown(text: string): CriError {
  return new CriError("ERR_CRI_UNKNOWN", text);
}

/** Something that is not there. */
export function notFound(text: string): CriError {
  return new CriError("ERR_CRI_NOT_FOUND", text);
}

/** A text in the double quotes of Go. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

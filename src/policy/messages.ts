/**
 * The texts in which pulls report a rejection.
 *
 * @module
 */
import type { PolicyErrorClass } from "./errors.ts";

/** What a pull reports for a rejected image, or for the rejected instance of an index. */
export function pullMessage(reason: string, isInstance: boolean): string {
  const message = `Source image rejected: ${reason}`;
  return isInstance ? `copying system image from manifest list: ${message}` : message;
}

/**
 * A message as CRI-O marks it: the kubelet turns the mark into the waiting reason `SignatureValidationFailed`.
 *
 * Only failures of classes `policy-requirement` and `invalid-signature` are marked: the others mean that the
 * check could not be made.
 */
export function criErrorMessage(message: string, errorClass: PolicyErrorClass): string {
  const isMarked = errorClass === "policy-requirement" || errorClass === "invalid-signature";
  return isMarked ? `SignatureValidationFailed: ${message}` : message;
}

/** What CRI-O answers when it rejects an image at the creation of a container. */
export function createContainerMessage(
  reference: string,
  reason: string,
  errorClass: PolicyErrorClass,
): string {
  return `checking signature of "${reference}": verifying signatures: ${criErrorMessage(reason, errorClass)}`;
}

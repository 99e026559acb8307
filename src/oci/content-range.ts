/**
 * Parts of content, by their first byte and the one behind their last.
 *
 * @module
 */
import type { Descriptor } from "./descriptor.ts";

/** Fails with a `RangeError` for what is no part of a descriptor's content. */
export function assertRange({ size }: Pick<Descriptor, "size">, start: number, end: number): void {
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (whole && start >= 0 && start <= end && end <= size) return;
  throw new RangeError(`no part of a content of ${size} bytes: from ${start} to ${end}`);
}

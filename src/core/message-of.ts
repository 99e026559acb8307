/**
 * The message of whatever was thrown.
 *
 * @module
 */

/** What whatever was thrown says of itself. Never throws. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "a value without a text was thrown";
  }
}

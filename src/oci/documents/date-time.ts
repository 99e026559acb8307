/**
 * Times as the image specification writes them.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc3339#section-5.6}
 * @module
 */

/** Year, month, day, hour, minute, second and offset; as a pattern of JSON Schema too. */
export const DATE_TIME_PATTERN: string =
  "^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])" +
  "[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$";

const DATE_TIME = new RegExp(DATE_TIME_PATTERN);

/** Whether a text is a date and time of RFC 3339 that exists. A leap second does not count as one. */
export function isDateTime(text: string): boolean {
  if (!DATE_TIME.test(text)) return false;
  const [year, month, day] = [text.slice(0, 4), text.slice(5, 7), text.slice(8, 10)].map(Number);
  // Day 0 of the next month is the last of this one. setUTCFullYear takes years below 100 as they are.
  const last = new Date(0);
  last.setUTCFullYear(year ?? 0, month ?? 0, 0);
  return (day ?? 0) <= last.getUTCDate();
}

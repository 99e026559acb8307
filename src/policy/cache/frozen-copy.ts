/**
 * Plain data that nobody can change.
 *
 * @module
 */

/**
 * A copy of plain data, frozen in depth: it can be given to several callers without one seeing what another does
 * to it. What is neither an array nor a plain object stays as it is.
 */
export function frozenCopy<T>(value: T): T {
  return copyOf(value) as T;
}

function copyOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(copyOf));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.freeze(
    Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copyOf(member)])),
  );
}

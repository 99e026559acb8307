/**
 * Keeps the `fetch` of the process what it was.
 *
 * undici, when it is loaded, makes an agent of its own the one that Node's built-in `fetch` uses too, under the name
 * below. Requests that worked before then fail (one with a `Content-Length` of the caller's, on Node 22), and a
 * program that only imports a library has not asked for that.
 *
 * @module
 */

const NAME = Symbol.for("undici.globalDispatcher.1");
const before = current();

/** Puts back what was there when this module was evaluated: call it right after undici was. */
export function restoreFetch(): void {
  // Node's own undici makes its agent on first use, where it finds none.
  if (current() !== before) Reflect.set(globalThis, NAME, before);
}

function current(): unknown {
  return Reflect.get(globalThis, NAME);
}

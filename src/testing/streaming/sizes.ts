/**
 * Terminal sizes out of the stream of JSON objects that clients send: `{"Width":80,"Height":24}`, one after another.
 *
 * @module
 */

/** A size of a terminal in characters. */
export interface TerminalSize {
  width: number;
  height: number;
}

const MAX_PENDING = 64 * 1024;

/**
 * A reader that is given the stream in pieces and gives back the sizes that are complete.
 *
 * A size with a 0 is left out. After something that is not a size, nothing more is read, as in the decoder of
 * the runtimes.
 */
export function createSizeReader(): (piece: Uint8Array) => TerminalSize[] {
  const decoder = new TextDecoder();
  let pending = "";
  let failed = false;
  return (piece) => {
    if (failed) return [];
    pending += decoder.decode(piece, { stream: true });
    const sizes: TerminalSize[] = [];
    for (;;) {
      const end = endOfObject(pending);
      if (end === undefined) break;
      const size = end > 0 ? sizeOf(pending.slice(0, end)) : undefined;
      if (!size) {
        failed = true;
        return sizes;
      }
      pending = pending.slice(end);
      if (size.width > 0 && size.height > 0) sizes.push(size);
    }
    failed = pending.length > MAX_PENDING;
    return sizes;
  };
}

/** Where the first object of a text ends; undefined if it is not complete, 0 if there is something else. */
function endOfObject(text: string): number | undefined {
  const start = text.search(/[^ \t\r\n]/);
  if (start < 0) return undefined;
  if (text[start] !== "{") return 0;
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (quoted) {
      if (character === "\\") at++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "{") depth++;
    else if (character === "}" && --depth === 0) return at + 1;
  }
  return undefined;
}

/** The size that an object gives, keys in any case; what it does not name is 0. */
function sizeOf(text: string): TerminalSize | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const size = { width: 0, height: 0 };
  for (const [key, number] of Object.entries(value as object)) {
    const name = key.toLowerCase();
    if (name !== "width" && name !== "height") continue;
    if (!Number.isInteger(number) || number < 0 || number > 65535) return undefined;
    size[name] = number;
  }
  return size;
}

/**
 * Unit files of systemd, as far as they say how a service is started.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/257/systemd.syntax.html}
 * @module
 */
import { assertLength } from "../data/tree.ts";
import type { Origin } from "../origin.ts";

/** One assignment. */
export interface UnitEntry {
  readonly section: string;
  readonly key: string;
  /** Continued lines are joined by spaces. */
  readonly value: string;
  /** Where something in the value stands, by its index. */
  originAt(index: number): Origin;
}

/**
 * The assignments of a unit in their order. What is none is passed over, as systemd passes over it.
 *
 * @param file What the origins name as the file; it is not read.
 * @throws {ConfigError} `ERR_CONFIG_TOO_LARGE` for more than 1048576 UTF-16 code units.
 */
export function parseUnit(file: string, text: string): UnitEntry[] {
  assertLength(file, text);
  const entries: UnitEntry[] = [];
  let section = "";
  for (const { text: line, parts } of joinedLines(text)) {
    const header = /^\s*\[([^\]]+)\]\s*$/.exec(line);
    if (header) {
      section = header[1] ?? "";
      continue;
    }
    const end = line.indexOf("=");
    const key = line.slice(0, Math.max(end, 0)).trim();
    if (key === "") continue;
    const start = line.length - line.slice(end + 1).trimStart().length;
    const originAt = (index: number): Origin => {
      const at = start + index;
      const part = partAt(parts, at);
      return { file, line: part.line, column: part.column + at - part.from };
    };
    entries.push({ section, key, value: line.slice(start).trimEnd(), originAt });
  }
  return entries;
}

/** Where a part of a joined line comes from. */
interface LinePart {
  from: number;
  line: number;
  column: number;
}

/** The last part that begins at an index or before it. */
function partAt(parts: readonly LinePart[], index: number): LinePart {
  let low = 0;
  let high = parts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((parts[middle]?.from ?? 0) <= index) low = middle;
    else high = middle;
  }
  return parts[low] ?? { from: 0, line: 1, column: 1 };
}

function joinedLines(text: string): { text: string; parts: LinePart[] }[] {
  const joined: { text: string; parts: LinePart[] }[] = [];
  let open: { texts: string[]; length: number; parts: LinePart[] } | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.replace(/\r$/, "");
    // A comment ends no line that goes on behind it.
    if (/^\s*[#;]/.test(line)) continue;
    if (!open && line.trim() === "") continue;
    open ??= { texts: [], length: 0, parts: [] };
    open.parts.push({ from: open.length, line: index + 1, column: 1 });
    const goesOn = line.endsWith("\\");
    const part = goesOn ? `${line.slice(0, -1)} ` : line;
    open.texts.push(part);
    open.length += part.length;
    if (goesOn) continue;
    joined.push({ text: open.texts.join(""), parts: open.parts });
    open = undefined;
  }
  if (open) joined.push({ text: open.texts.join(""), parts: open.parts });
  return joined;
}

/**
 * Trees of lines for a terminal, safe whatever the texts in them are.
 *
 * @module
 */

/** A line with the lines below it. */
export interface TextNode {
  /** Anything; what a terminal would not show as it is gets escaped. */
  readonly text: string;
  /** Written in front, in a colour. */
  readonly mark?: Mark | undefined;
  readonly below?: readonly TextNode[] | undefined;
}

/** What a line says, in short. */
export type Mark = "ok" | "bad" | "unclear" | "plain";

/** Options of {@link renderTree}. */
export interface RenderTreeOptions {
  /** Whether marks are coloured with ANSI sequences. */
  colors: boolean;
}

const COLORS: Readonly<Record<Exclude<Mark, "plain">, string>> = { ok: "32", bad: "31", unclear: "33" };
const SIGNS: Readonly<Record<Exclude<Mark, "plain">, string>> = { ok: "✓", bad: "✗", unclear: "?" };

/** A tree as lines, each ended by a line feed. */
export function renderTree(root: TextNode, { colors }: RenderTreeOptions): string {
  const lines: string[] = [];
  // A stack of its own: the depth of a tree is not the caller's stack.
  const open: { node: TextNode; head: string; indent: string }[] = [{ node: root, head: "", indent: "" }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { node, head, indent } = next;
    lines.push(`${head}${signOf(node.mark, colors)}${printable(node.text)}\n`);
    const below = node.below ?? [];
    for (let at = below.length - 1; at >= 0; at--) {
      const child = below[at];
      const isLast = at === below.length - 1;
      if (!child) continue;
      open.push({
        node: child,
        head: `${indent}${isLast ? "└─ " : "├─ "}`,
        indent: `${indent}${isLast ? "   " : "│  "}`,
      });
    }
  }
  return lines.join("");
}

function signOf(mark: Mark = "plain", colors: boolean): string {
  if (mark === "plain") return "";
  return colors ? `\u001b[${COLORS[mark]}m${SIGNS[mark]}\u001b[0m ` : `${SIGNS[mark]} `;
}

/** Controls, format characters (direction marks, zero widths, tags), what is not assigned, and odd spaces. */
const NOT_PRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/**
 * A text that shows in a terminal as it is: characters that would move the cursor, start a sequence, turn the direction
 * of others or not be seen become `\u{…}`.
 */
export function printable(text: string): string {
  return text.replaceAll(NOT_PRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}

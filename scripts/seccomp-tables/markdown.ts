/** Tables of Markdown, and their places in a text. */

/** A table: first the head, then its rows. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [row(head), row(head.map(() => "---")), ...body.map(row)].join("\n");
}

/**
 * A text with tables put between their markers.
 *
 * Throws for a table without a place, and for a place without a table.
 */
export function withTables(text: string, tables: ReadonlyMap<string, string>): string {
  const left = new Set(tables.keys());
  const filled = text.replace(
    /<!-- table: ([a-z-]+) -->\n[\s\S]*?<!-- end of table -->/g,
    (_, name: string) => {
      const content = tables.get(name);
      if (content === undefined) throw new Error(`there is no table ${name}`);
      left.delete(name);
      return `<!-- table: ${name} -->\n${content}\n<!-- end of table -->`;
    },
  );
  if (left.size > 0) throw new Error(`the text has no place for ${[...left].join(", ")}`);
  return filled;
}

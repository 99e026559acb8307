/** Printing for the demo: a heading, a line with a label, a block. */

/** Starts a part of the story. */
export function title(text: string): void {
  console.log(`\n${text}`);
}

/** One fact. */
export function say(label: string, text: string): void {
  console.log(`  ${label.padEnd(14)} ${text}`);
}

/** Lines as they are, indented. */
export function block(lines: readonly string[]): void {
  for (const line of lines) console.log(`    ${line}`);
}

/** Ends the demo if the story does not go as told: what it prints is checked, not only shown. */
export function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`the demo expected that ${what}`);
}

/** One line of JSON for each thing worth knowing. Values of requests are escaped by JSON. */
export function log(level: "info" | "warn" | "error", message: string, fields: object = {}): void {
  const line = JSON.stringify({ time: new Date().toISOString(), level, message, ...fields });
  process.stdout.write(`${line}\n`);
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Log files on disk, written and rotated as runtimes and the kubelet do. */
import { appendFile, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { formatLogEntry, type LogEntry, type LogLine, type LogStream, logText } from "../../src/cri/index.ts";

/** A log file in a folder of its own. */
export interface LogFixture {
  readonly folder: string;
  readonly path: string;
  /** The lines written so far. */
  readonly written: string[];
  /** Appends full entries. */
  append(...lines: string[]): Promise<void>;
  /** Appends one entry. */
  appendEntry(stream: LogStream, tag: "P" | "F", content: string | Uint8Array): Promise<void>;
  /** Compresses what was rotated before and renames the file; the new one is made by `create`. */
  rename(): Promise<void>;
  /** Makes an empty file. */
  create(): Promise<void>;
  /** The names of the rotated files, the oldest first. */
  readonly rotated: readonly string[];
  remove(): Promise<void>;
}

/** A fixture with an empty file. */
export async function createLogFixture(name = "0.log"): Promise<LogFixture> {
  const folder = await mkdtemp(join(tmpdir(), "lading-logs-"));
  const path = join(folder, name);
  const written: string[] = [];
  const rotated: string[] = [];
  let unixNs = 1_700_000_000_000_000_000n;
  let rotations = 0;
  const entry = (stream: LogStream, tag: "P" | "F", content: string | Uint8Array) =>
    formatLogEntry({ unixNs: unixNs++, stream, tag, content: Buffer.from(content) });
  const create = () => writeFile(path, "");
  await create();
  return {
    folder,
    path,
    written,
    rotated,
    create,
    async append(...lines) {
      written.push(...lines);
      await appendFile(path, Buffer.concat(lines.map((line) => entry("stdout", "F", line))));
    },
    appendEntry: async (stream, tag, content) => appendFile(path, entry(stream, tag, content)),
    async rename() {
      for (const [at, old] of rotated.entries()) {
        if (old.endsWith(".gz")) continue;
        await writeFile(`${old}.gz.tmp`, gzipSync(await readFile(old)));
        await rename(`${old}.gz.tmp`, `${old}.gz`);
        await rm(old);
        rotated[at] = `${old}.gz`;
      }
      const to = `${path}.20240101-${String(rotations++).padStart(6, "0")}`;
      await rename(path, to);
      rotated.push(to);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** All lines, as texts. */
export async function textsOf(lines: AsyncIterable<LogLine>): Promise<string[]> {
  const texts: string[] = [];
  for await (const line of lines) texts.push(logText(line));
  return texts;
}

/** All entries, as texts. */
export async function entryTextsOf(batches: AsyncIterable<readonly LogEntry[]>): Promise<string[]> {
  const texts: string[] = [];
  for await (const batch of batches) texts.push(...batch.map(logText));
  return texts;
}

/** Waits until something is so, and fails after ten seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Entries of container logs, and reading, following and writing them. */
import { appendFile, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isLadingError } from "../../../src/core/errors.ts";
import type { JsonValue } from "../../../src/core/strict-json.ts";
import { readDockerEntry } from "../../../src/cri/logs/docker-entry.ts";
import { type LogStream, parseCriEntry } from "../../../src/cri/logs/entry.ts";
import { type PrintLogOptions, printLog } from "../../../src/cri/logs/print.ts";
import { type ReadLogEntriesOptions, readLogEntries } from "../../../src/cri/logs/read.ts";
import { parseSince } from "../../../src/cri/logs/since.ts";
import { findTail } from "../../../src/cri/logs/tail.ts";
import { createLogSplitter, formatLogEntry } from "../../../src/cri/logs/write.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    const operation = OPERATIONS[String(input["op"])];
    if (!operation) throw new TypeError(`unknown op ${input["op"]}`);
    return operation(input);
  },
};
export default suite;

const OPERATIONS: Readonly<Record<string, (input: VectorFields) => unknown>> = {
  parse: (input) => {
    const line = new TextEncoder().encode(String(input["line"]));
    const entry = parseCriEntry(line, 0, line.byteLength) ?? readDockerEntry(line);
    if (!entry) return { error: true };
    const { format, timestamp, unixNs, stream, tags, partial, content } = entry;
    const log = new TextDecoder().decode(content);
    return { format, timestamp, unixNs: String(unixNs), stream, tags, partial, log };
  },
  read: (input) =>
    inFolder(async (path) => {
      await writeFile(path, String(input["text"]));
      const { since, tailLines, limitBytes, follow, streams, timestamps, ...unknown } = input[
        "options"
      ] as VectorFields;
      if (Object.keys(unknown).length > 0) throw new TypeError(`unknown options ${Object.keys(unknown)}`);
      const read: ReadLogEntriesOptions = {
        pollIntervalMs: 10,
        follow: follow === true,
        isRunning: async () => input["containerState"] === "CONTAINER_RUNNING",
        ...(tailLines === undefined ? {} : { tailLines: Number(tailLines) }),
        ...(since === undefined ? {} : { sinceNs: parseSince(String(since), { nowNs: 0n }) }),
        ...(streams === undefined ? {} : { streams: streams as LogStream[] }),
      };
      const print: PrintLogOptions = {
        timestamps: timestamps === true,
        lineStart: "any",
        ...(limitBytes === undefined ? {} : { limitBytes: Number(limitBytes) }),
      };
      return printed(path, read, print);
    }),
  "tail-offset": async (input) => {
    const { lineLength, fullLines, lastIncompleteLength, fill } = input["file"] as VectorFields;
    const line = `${String(fill).repeat(Number(lineLength))}\n`;
    const text = line.repeat(Number(fullLines)) + String(fill).repeat(Number(lastIncompleteLength));
    const file = new TextEncoder().encode(text);
    const readAt = async (position: number, length: number) => file.subarray(position, position + length);
    return { start: (await findTail(readAt, file.byteLength, Number(input["n"]))).offset };
  },
  rotation: (input) =>
    inFolder(async (path, folder) => {
      let running = true;
      let unixNs = 1_700_000_000_000_000_000n;
      await writeFile(path, "");
      let output: ReturnType<typeof printed> | undefined;
      for (const step of input["steps"] as VectorFields[]) {
        const at = (name: string) => join(folder, String(step[name]));
        if (step["op"] === "follow") {
          output = printed(path, { follow: true, isRunning: async () => running, pollIntervalMs: 20 }, {});
        } else if (step["op"] === "append") {
          const content = new TextEncoder().encode(String(step["log"]).slice(0, -1));
          const stream = String(step["stream"]) as LogStream;
          await appendFile(at("file"), formatLogEntry({ unixNs: unixNs++, stream, tag: "F", content }));
        } else if (step["op"] === "rename") await rename(at("from"), at("to"));
        else if (step["op"] === "create") await writeFile(at("file"), "");
        else if (step["op"] === "containerState") running = step["state"] === "CONTAINER_RUNNING";
        else throw new TypeError(`unknown step ${step["op"]}`);
        await sleep(2);
      }
      const outcome = { ...(await output) };
      return "error" in outcome ? outcome : { ...outcome, end: "the reader returns without error" };
    }),
  write: (input) => {
    const splitter = createLogSplitter({ maxLineBytes: Number(input["maxLineSize"]) });
    const entries = (input["chunks"] as JsonValue[]).flatMap((chunk) =>
      splitter.push(new TextEncoder().encode(textOf(chunk))),
    );
    if (input["eof"] === true) entries.push(...splitter.end());
    return {
      entries: entries.map(({ tag, content }) => [tag, shortened(new TextDecoder().decode(content))]),
    };
  },
};

/** Runs something with the path of a log file in a folder of its own. */
async function inFolder<T>(run: (path: string, folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "lading-vector-"));
  try {
    return await run(join(folder, "logfile"), folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function printed(
  path: string,
  read: ReadLogEntriesOptions,
  print: PrintLogOptions,
): Promise<{ stdout: string; stderr: string } | { error: string }> {
  const output = { stdout: "", stderr: "" };
  try {
    for await (const batch of printLog(readLogEntries(path, read), print)) {
      for (const { stream, bytes } of batch) output[stream] += Buffer.from(bytes).toString("latin1");
    }
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return { error: error.code === "ERR_CRI_LOG_INVALID" ? "unsupported log format" : error.code };
  }
  const text = (latin1: string) => Buffer.from(latin1, "latin1").toString("utf8");
  return { stdout: text(output.stdout), stderr: text(output.stderr) };
}

/** A text, or one given by what it repeats. */
function textOf(value: JsonValue): string {
  if (typeof value === "string") return value;
  const { repeat, times } = value as VectorFields;
  return String(repeat).repeat(Number(times));
}

/** Long texts stand in expectations as what they repeat. */
function shortened(text: string): unknown {
  const [first = ""] = text;
  return text.length > 64 && text === first.repeat(text.length)
    ? { repeat: first, times: text.length }
    : text;
}

/**
 * The log of a container as a file in the format of the interface.
 *
 * @see {@link https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md}
 * @module
 */
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { createLogSplitter, formatLogEntry, type SplitEntry } from "../../cri/index.ts";
import type { OutputStream } from "./processes.ts";

/** A log that is written. Its writes follow each other in the order in which they were asked for. */
export interface ContainerLog {
  /** Adds output; what has no line end yet waits for it, or until there are 16384 bytes of it. */
  write(stream: OutputStream, bytes: Uint8Array): Promise<void>;
  /** Opens the path anew, and makes the file if it is not there. */
  reopen(): Promise<void>;
  /** Writes what waits, as an entry that is not complete, and closes the file. Twice is the same as once. */
  close(): Promise<void>;
}

/** Opens a log for adding to it, with the folders above it. */
export async function openContainerLog(path: string, now: () => bigint): Promise<ContainerLog> {
  const openFile = async () => {
    await mkdir(dirname(path), { recursive: true });
    return open(path, "a", 0o640);
  };
  let file: FileHandle | undefined = await openFile();
  const splitters = { stdout: createLogSplitter(), stderr: createLogSplitter() };
  const format = (stream: OutputStream, entries: readonly SplitEntry[]) =>
    Buffer.concat(entries.map((entry) => formatLogEntry({ ...entry, stream, unixNs: now() })));
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = turn.then(work);
    turn = done.catch(() => {});
    return done;
  };
  return {
    write: (stream, bytes) =>
      inTurn(async () => {
        const entries = splitters[stream].push(bytes);
        if (entries.length > 0) await file?.appendFile(format(stream, entries));
      }),
    reopen: () =>
      inTurn(async () => {
        if (!file) return;
        const next = await openFile();
        await file.close();
        file = next;
      }),
    close: () =>
      inTurn(async () => {
        if (!file) return;
        const last = file;
        file = undefined;
        try {
          for (const stream of ["stdout", "stderr"] as const) {
            const entries = splitters[stream].end();
            if (entries.length > 0) await last.appendFile(format(stream, entries));
          }
        } finally {
          await last.close();
        }
      }),
  };
}

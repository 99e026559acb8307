/**
 * `index.json` on disk: read when it changed, replaced as a whole by one process at a time.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { CoreError } from "../../core/errors.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { OciError } from "../errors.ts";
import { openInside, readAll, syncDirectory, withFileErrors, writeThenRename } from "./files.ts";
import { type LayoutIndex, parseLayoutIndex } from "./layout-index.ts";
import { withLock } from "./layout-lock.ts";

/** The `index.json` of one layout. */
export interface LayoutIndexFile {
  /** What it says now. */
  read(): Promise<LayoutIndex>;
  /**
   * Replaces it by the text that `change` makes of it; false where that gives nothing. If another program writes at
   * the same time `change` is asked again.
   */
  change(change: (index: LayoutIndex) => string | undefined, options: SignalOptions): Promise<boolean>;
}

/** What {@link layoutIndexFile} needs. */
export interface LayoutIndexFileContext {
  maxIndexBytes: number;
  lockTimeoutMs: number;
  sync: boolean;
  /** Called before names of blobs are written. */
  settle: () => Promise<void>;
}

const NAME = "index.json";
const MAX_TRIES = 100;

/** The `index.json` of the layout at a real path. */
export function layoutIndexFile(root: string, context: LayoutIndexFileContext): LayoutIndexFile {
  const { maxIndexBytes, lockTimeoutMs, sync, settle } = context;
  const path = join(root, NAME);
  let known: { state: string; index: LayoutIndex } | undefined;
  let queue: Promise<unknown> = Promise.resolve();

  return {
    read: async () => (await read()).index,
    change(change, { signal }) {
      // Changes of one process wait for each other here, without asking for the lock file again and again.
      const turn = queue.then(() =>
        withLock(root, { timeoutMs: lockTimeoutMs, signal }, () => replace(change, signal)),
      );
      queue = turn.catch(() => {});
      return turn;
    },
  };

  async function read(): Promise<{ state: string; index: LayoutIndex }> {
    const before = await stateOf(path);
    if (known && before !== undefined && known.state === before) return known;
    const handle = await openInside(root, NAME);
    if (!handle) throw new OciError("ERR_OCI_LAYOUT_INVALID", `${root} has no file ${NAME}`);
    const bytes = await withFileErrors(() => readAll(handle, maxIndexBytes));
    if (bytes === "too large")
      throw new CoreError("ERR_TOO_LARGE", `${path}: more than ${maxIndexBytes} bytes`);
    const read = { state: before ?? "", index: parseLayoutIndex(bytes, maxIndexBytes) };
    known = read.state !== "" && read.state === (await stateOf(path)) ? read : undefined;
    return read;
  }

  async function replace(
    change: (index: LayoutIndex) => string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    await settle();
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      signal?.throwIfAborted();
      const { state, index } = await read();
      const text = change(index);
      if (text === undefined) return false;
      // What cannot be read back must not be written.
      const bytes = Buffer.from(text);
      parseLayoutIndex(bytes, maxIndexBytes);
      const replaced = await withFileErrors(() => replaceIfUnchanged(state, bytes));
      if (replaced) return true;
    }
    throw new OciError("ERR_OCI_CONFLICT", `${path} was changed by others again and again`);
  }

  async function replaceIfUnchanged(state: string, bytes: Uint8Array): Promise<boolean> {
    try {
      await writeThenRename(
        root,
        path,
        async (handle) => {
          await handle.writeFile(bytes);
          if (sync) await handle.sync();
          // The last look before the rename: programs that do not know the lock write too.
          if ((await stateOf(path)) !== state) throw CHANGED;
        },
        { sync: false },
      );
    } catch (error) {
      if (error === CHANGED) return false;
      throw error;
    }
    if (sync) await syncDirectory(root);
    return true;
  }
}

const CHANGED: unique symbol = Symbol("changed");

/** What changes whenever a file is written or replaced. */
async function stateOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return undefined;
  }
}

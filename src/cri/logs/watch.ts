/**
 * Waiting for a change of a file.
 *
 * @module
 */
import { type FSWatcher, watch } from "node:fs";
import { raceSignal } from "../../core/signal.ts";

/** Tells when a file of a folder may have changed. */
export interface LogWatch {
  /** Settles at a change since the last wait, at `wake()`, or after `ms`. Rejects with the signal's reason. */
  wait(ms: number, signal: AbortSignal | undefined): Promise<void>;
  /** Ends the present wait, or the next one. */
  wake(): void;
  /** Lets go of the folder. */
  close(): void;
}

/** How often watching is taken up again after an error. */
const MAX_ERRORS = 5;

/**
 * Watches a folder for changes of one name in it; the folder and not the file, which rotation replaces.
 *
 * File systems without notifications, and systems that have no watches left, give no events: whoever waits looks
 * again after `ms` in any case. An error of the watch is therefore none of the wait.
 */
export function watchLog(folder: string, name: string): LogWatch {
  let watcher: FSWatcher | undefined;
  let errors = 0;
  let changed = false;
  let settle: (() => void) | undefined;
  const wake = () => {
    changed = true;
    settle?.();
  };
  const close = () => {
    watcher?.close();
    watcher = undefined;
  };
  const start = () => {
    if (watcher || errors > MAX_ERRORS) return;
    try {
      watcher = watch(folder);
      watcher.on("change", (_, changedName) => {
        if (changedName === null || changedName === name) wake();
      });
      watcher.on("error", () => {
        errors++;
        close();
        wake();
      });
    } catch {
      errors++;
    }
  };
  start();
  return {
    async wait(ms, signal) {
      start();
      let timer: NodeJS.Timeout | undefined;
      try {
        await raceSignal(
          new Promise<void>((resolve) => {
            settle = resolve;
            if (changed) resolve();
            else timer = setTimeout(resolve, ms);
          }),
          signal,
        );
        changed = false;
      } finally {
        clearTimeout(timer);
        settle = undefined;
      }
    },
    wake,
    close,
  };
}

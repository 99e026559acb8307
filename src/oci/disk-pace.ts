/**
 * How fast a disk makes files, told by the calls that wait for it.
 *
 * A call that blocks takes a tenth of the time that handing it to a thread takes, as long as the disk answers at once;
 * where it does not, threads wait for several files at a time, and the program goes on.
 *
 * @module
 */

/** What is known about a disk. */
export interface DiskPace {
  /** Whether files are better made by threads of the pool. Once so, it stays so: nothing is measured any more. */
  readonly isSlow: boolean;
  /** Makes a file by a call that blocks, and notes how long it took. */
  measure<T>(open: () => T): T;
}

/** So many opened files tell how fast the disk is. */
const MEASURED_OPENS = 32;
/** Files that take this long to open, in milliseconds, are slow: of a few it may be said of a machine that is busy. */
const SLOW_OPEN_MS = 0.15;
/** The share of slow ones that makes a disk slow. */
const SLOW_SHARE = 0.75;

/** Begins to watch a disk, which counts as fast at first. */
export function createDiskPace(): DiskPace {
  let opens = 0;
  let slow = 0;
  let isSlow = false;
  return {
    get isSlow() {
      return isSlow;
    },
    measure(open) {
      const start = performance.now();
      const result = open();
      opens++;
      if (performance.now() - start > SLOW_OPEN_MS) slow++;
      if (opens === MEASURED_OPENS) {
        isSlow = slow > opens * SLOW_SHARE;
        opens = 0;
        slow = 0;
      }
      return result;
    },
  };
}

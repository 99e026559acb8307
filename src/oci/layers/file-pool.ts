/**
 * Files that are written by the thread pool while entries go on being read.
 *
 * Where the disk takes long to make a file, several at a time come far sooner; where it does not, calls that wait for
 * nothing are the quicker ones. A failure shows at the next wait, and nothing is begun after it.
 *
 * @module
 */

/** Writes that are under way. */
export interface FilePool {
  /** Begins a write that holds so many bytes in memory. */
  add(bytes: number, write: () => Promise<void>): void;
  /** Whether any write is under way, or has failed. */
  readonly busy: boolean;
  /** Whether no more may be begun before {@link room} was waited for. */
  readonly full: boolean;
  /** Waits until another one may be begun; rejects with the first failure. */
  room(): Promise<void>;
  /** Waits until none is under way; rejects with the first failure. */
  settle(): Promise<void>;
}

/** More would only wait in line: the pool has four threads unless it is told otherwise. */
const MAX_WRITES = 32;
const MAX_BYTES = 16 * 2 ** 20;

/** Makes an empty pool. */
export function createFilePool(): FilePool {
  let writes = 0;
  let held = 0;
  let failure: { error: unknown } | undefined;
  let goOn: () => void = () => {};

  const isCrowded = (): boolean => writes >= MAX_WRITES || held > MAX_BYTES;

  /** Waits while something is so, and tells what has failed. */
  async function waitWhile(holds: () => boolean): Promise<void> {
    while (holds()) {
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    }
    if (failure) throw failure.error;
  }

  return {
    add(bytes, write) {
      writes++;
      held += bytes;
      write()
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => {
          writes--;
          held -= bytes;
          goOn();
        });
    },
    get busy() {
      return writes > 0 || failure !== undefined;
    },
    get full() {
      return isCrowded() || failure !== undefined;
    },
    room: () => waitWhile(isCrowded),
    settle: () => waitWhile(() => writes > 0),
  };
}

/**
 * Blocks of a log file to entries, with no more held back than one entry may have.
 *
 * @module
 */
import { CriError } from "../errors.ts";
import { readDockerEntry } from "./docker-entry.ts";
import {
  type CriEntryHead,
  excerptOf,
  isLogStream,
  type LogEntry,
  parseCriEntry,
  readCriHead,
  unknownStream,
} from "./entry.ts";

/** Options of {@link createEntryDecoder}. */
export interface EntryDecoderOptions {
  /** Longest entry that is kept whole, in bytes of the file, its LF included. */
  maxEntryBytes: number;
  /** Gets what is skipped: a line after the first that is no entry; at most its first `maxEntryBytes` bytes. */
  onSkippedLine?: ((line: Uint8Array) => void) | undefined;
}

/** Takes the bytes of a file in any pieces. */
export interface EntryDecoder {
  /** The entries that end in a block. Their contents are views of it: the block must not be written again. */
  push(block: Uint8Array): LogEntry[];
  /** What was held back, as if the file ended here. */
  end(): LogEntry[];
  /** Throws the error that waited until the entries before it were given out. */
  assertSound(): void;
  /** Forgets what was held back. */
  reset(): void;
}

const LF = 0x0a;

/**
 * A decoder whose form is decided by the first line, for good: a later line that is not in that form is skipped.
 *
 * An entry in CRI's form that is longer than `maxEntryBytes` comes in several, all but the last partial, so that
 * nothing of it is lost; one in Docker's form counts as a line that is no entry.
 *
 * `push` and `end` throw a {@link CriError} `ERR_CRI_LOG_INVALID` if the first line is no entry, or an entry in
 * Docker's form names another stream than the two.
 */
export function createEntryDecoder({ maxEntryBytes, onSkippedLine }: EntryDecoderOptions): EntryDecoder {
  let format: LogEntry["format"] | undefined;
  // The beginning of a line whose end has not come: the first `heldLength` bytes.
  let held = new Uint8Array(0);
  let heldLength = 0;
  // What is known of a line whose beginning has been given out already, or was skipped.
  let begun: CriEntryHead | "skipped" | undefined;
  let entries: LogEntry[] = [];
  // An error that waits until the entries before it are out.
  let failure: CriError | undefined;

  const skip = (line: Uint8Array) => {
    if (format === undefined) {
      throw new CriError("ERR_CRI_LOG_INVALID", `unsupported log format: ${excerptOf(line)}`);
    }
    onSkippedLine?.(line);
  };

  const readLine = (block: Uint8Array, start: number, end: number) => {
    const cri = format === "docker-json" ? undefined : parseCriEntry(block, start, end);
    if (cri) {
      format = "cri";
      entries.push(cri);
      return;
    }
    const line = block.subarray(start, end);
    const docker = format === "cri" ? undefined : readDockerEntry(line);
    if (!docker) return skip(line);
    format = "docker-json";
    const { stream } = docker;
    if (isLogStream(stream)) entries.push({ ...docker, stream });
    else failure ??= unknownStream(stream);
  };

  const takeHeld = (): Uint8Array => {
    const bytes = held.slice(0, heldLength);
    heldLength = 0;
    return bytes;
  };

  const hold = (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.byteLength; ) {
      if (heldLength === maxEntryBytes) spill();
      const take = Math.min(bytes.byteLength - at, maxEntryBytes - heldLength);
      if (heldLength + take > held.byteLength) {
        const larger = new Uint8Array(
          Math.min(maxEntryBytes, Math.max(heldLength + take, held.byteLength * 2, 4096)),
        );
        larger.set(held.subarray(0, heldLength));
        held = larger;
      }
      held.set(bytes.subarray(at, at + take), heldLength);
      heldLength += take;
      at += take;
    }
  };

  /** Gives out what is held of a line that is too long and goes on. */
  const spill = () => {
    const bytes = takeHeld();
    if (begun === "skipped") return;
    if (begun) {
      entries.push(pieceOf(begun, bytes, true));
      return;
    }
    const head = format === "docker-json" ? undefined : readCriHead(bytes, 0, bytes.byteLength);
    if (head) {
      format = "cri";
      entries.push(pieceOf(head, bytes.subarray(head.contentStart), true));
    } else {
      skip(bytes);
    }
    begun = head ?? "skipped";
  };

  /** Reads the line that is held, now complete. */
  const readHeld = () => {
    const line = takeHeld();
    const head = begun;
    begun = undefined;
    if (head === "skipped") return;
    if (!head) return readLine(line, 0, line.byteLength);
    const partial = head.tags[0] === "P";
    entries.push(pieceOf(head, partial && line.at(-1) === LF ? line.subarray(0, -1) : line, partial));
  };

  const take = (): LogEntry[] => {
    if (failure && entries.length === 0) throw failure;
    const taken = entries;
    entries = [];
    return taken;
  };

  return {
    push(block) {
      let start = 0;
      while (start < block.byteLength && !failure) {
        const end = block.indexOf(LF, start) + 1;
        if (end === 0) {
          hold(block.subarray(start));
          break;
        }
        if (heldLength === 0 && begun === undefined && end - start <= maxEntryBytes) {
          readLine(block, start, end);
        } else {
          hold(block.subarray(start, end));
          readHeld();
        }
        start = end;
      }
      return take();
    },
    end() {
      if (heldLength > 0 && !failure) readHeld();
      begun = undefined;
      return take();
    },
    assertSound() {
      if (failure) throw failure;
    },
    reset() {
      heldLength = 0;
      begun = undefined;
      entries = [];
    },
  };
}

function pieceOf(head: CriEntryHead, content: Uint8Array, partial: boolean): LogEntry {
  const { timestamp, unixNs, stream, tags } = head;
  return { format: "cri", timestamp, unixNs, stream, tags, partial, content };
}

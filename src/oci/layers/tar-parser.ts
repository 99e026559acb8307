/**
 * A tar archive as a sequence of events: given bytes as they arrive, without a stream for each file.
 *
 * Where programs read one archive in two ways, an archive that shows it is refused: a block of zeros between entries,
 * and what `tar/extension.ts` names.
 *
 * @module
 */
import { extendEntry, isPending, isTarExtension, type TarExtension } from "../tar/extension.ts";
import { BLOCK_BYTES, paddingOf, parseTarHeader, type TarHeader } from "../tar/header.ts";
import { type LayerEntry, shownPath } from "./entry.ts";
import { invalidLayer, RATIO_FREE_BYTES, type ResolvedLimits, tooLarge } from "./limits.ts";
import {
  checkSparse,
  gnuSparseBlock,
  gnuSparseHeader,
  leadingMap,
  paxSparse,
  type SparseMap,
  type SparseRun,
} from "./sparse.ts";
import { entryOf } from "./tar-entry.ts";

/** What comes next in an archive. */
export type TarEvent =
  /** An entry begins; content of a file follows. */
  | { kind: "entry"; entry: LayerEntry }
  /** Content of the entry. */
  | { kind: "data"; bytes: Uint8Array }
  /** The content of a file has ended. */
  | { kind: "end" };

/** Reads an archive. */
export interface TarParser {
  /**
   * Takes the next bytes; only after {@link next} has given nothing. They must not change until it does again, and are not
   * looked at after that.
   */
  push(chunk: Uint8Array): void;
  /** What comes next, or nothing where more bytes are needed or the archive has ended. */
  next(): TarEvent | undefined;
  /** Fails if the bytes end inside an entry. */
  finish(): void;
}

const ZEROS = new Uint8Array(256 * 1024);
const END: TarEvent = { kind: "end" };

/** What the next bytes are. */
type State =
  | { kind: "header"; afterZeros: boolean }
  | { kind: "extension"; type: string; length: number }
  | { kind: "sparse-block"; entry: LayerEntry; runs: SparseRun[]; length: number }
  | { kind: "sparse-lead"; entry: LayerEntry; length: number }
  | { kind: "content"; left: number; padding: number; sparse: SparsePlace | undefined }
  | { kind: "padding"; left: number }
  | { kind: "ended" };

/** Where in a sparse file reading is. */
interface SparsePlace {
  map: SparseMap;
  run: number;
  at: number;
}

/** Starts reading an archive. */
export function createTarParser(limits: ResolvedLimits): TarParser {
  let chunk: Buffer = Buffer.alloc(0);
  let at = 0;
  let seen = 0;
  let holes = 0;
  let entries = 0;
  let held: Buffer[] = [];
  let heldBytes = 0;
  let state: State = { kind: "header", afterZeros: false };
  let extension: TarExtension = { bytes: 0 };

  /** So many bytes together, or nothing while they are not all there. */
  function take(length: number): Buffer | undefined {
    if (heldBytes === 0 && chunk.length - at >= length) {
      at += length;
      return chunk.subarray(at - length, at);
    }
    const part = chunk.subarray(at, at + length - heldBytes);
    at += part.length;
    heldBytes += part.length;
    if (part.length > 0) held.push(Buffer.from(part));
    if (heldBytes < length) return undefined;
    const whole = Buffer.concat(held, length);
    held = [];
    heldBytes = 0;
    return whole;
  }

  function next(): TarEvent | undefined {
    for (;;) {
      switch (state.kind) {
        case "ended":
          at = chunk.length;
          return undefined;
        case "header": {
          const block = take(BLOCK_BYTES);
          if (!block) return undefined;
          const event = onHeader(parseTarHeader(block, invalidLayer), state.afterZeros);
          if (event) return event;
          break;
        }
        case "extension": {
          const padded = state.length + paddingOf(state.length);
          const body = take(padded);
          if (!body) return undefined;
          // A copy: what it says is kept until the entry has come.
          const copy = Buffer.from(body.subarray(0, state.length));
          extendEntry(extension, { type: state.type, body: copy }, invalidLayer);
          state = { kind: "header", afterZeros: false };
          break;
        }
        case "sparse-block": {
          const block = take(BLOCK_BYTES);
          if (!block) return undefined;
          const { runs, more } = gnuSparseBlock(block);
          state.runs.push(...runs);
          if (state.runs.length * 24 > limits.maxHeaderBytes)
            throw tooLarge("sparse map", limits.maxHeaderBytes);
          if (more) break;
          return beginSparse(state.entry, state.runs, state.length);
        }
        case "sparse-lead": {
          const event = onSparseLead(state.entry, state.length);
          if (event) return event;
          if (at === chunk.length) return undefined;
          break;
        }
        case "content":
          return onContent(state);
        case "padding": {
          const skipped = Math.min(state.left, chunk.length - at);
          at += skipped;
          state.left -= skipped;
          if (state.left > 0) return undefined;
          state = { kind: "header", afterZeros: false };
          break;
        }
      }
    }
  }

  function onHeader(header: TarHeader | undefined, afterZeros: boolean): TarEvent | undefined {
    if (!header) {
      if (isPending(extension)) throw invalidLayer("an archive ends behind an extended header");
      state = afterZeros ? { kind: "ended" } : { kind: "header", afterZeros: true };
      return undefined;
    }
    // Programs differ in whether an archive goes on behind one block of zeros.
    if (afterZeros) throw invalidLayer("an archive goes on behind a block of zeros");
    if (isTarExtension(header)) {
      extension.bytes += header.size;
      if (extension.bytes > limits.maxHeaderBytes) throw tooLarge("extended header", limits.maxHeaderBytes);
      state = { kind: "extension", type: header.type, length: header.size };
      return undefined;
    }
    if (++entries > limits.maxEntries) throw tooLarge("entries of a layer", limits.maxEntries);
    return onEntry(header);
  }

  function onEntry(header: TarHeader): TarEvent | undefined {
    const sparse = extension.pax && paxSparse(extension.pax);
    const entry = entryOf(header, extension, sparse?.name, limits);
    extension = { bytes: 0 };
    const length = entry.size;
    if (entry.kind !== "file") {
      if (sparse) throw invalidLayer("a sparse file that is no file");
      state = { kind: "header", afterZeros: false };
      return { kind: "entry", entry };
    }
    if (length > limits.maxFileBytes)
      throw tooLarge(`content of ${shownPath(entry.path)}`, limits.maxFileBytes);
    if (sparse?.kind === "leading") {
      entry.size = sparse.size;
      state = { kind: "sparse-lead", entry, length };
      return undefined;
    }
    if (sparse) {
      entry.size = sparse.map.size;
      return beginSparse(entry, sparse.map.runs, length);
    }
    if (header.type === "S") {
      if (!header.gnu) throw invalidLayer("a sparse file in another format than GNU tar's");
      const { runs, more, size } = gnuSparseHeader(header);
      entry.size = size;
      if (!more) return beginSparse(entry, runs, length);
      state = { kind: "sparse-block", entry, runs, length };
      return undefined;
    }
    state = { kind: "content", left: length, padding: paddingOf(length), sparse: undefined };
    return { kind: "entry", entry };
  }

  function beginSparse(entry: LayerEntry, runs: SparseRun[], length: number): TarEvent {
    const map = checkSparse({ size: entry.size, runs }, length);
    if (map.size > limits.maxFileBytes)
      throw tooLarge(`content of ${shownPath(entry.path)}`, limits.maxFileBytes);
    state = {
      kind: "content",
      left: length,
      padding: paddingOf(length),
      sparse: { map, run: 0, at: 0 },
    };
    return { kind: "entry", entry };
  }

  /** Takes the map in front of the content, block by block, for it does not say how long it is. */
  function onSparseLead(entry: LayerEntry, length: number): TarEvent | undefined {
    const bytes = held.length > 0 ? Buffer.concat(held, heldBytes) : Buffer.alloc(0);
    const lead = leadingMap(bytes);
    if (lead && lead.length === bytes.length) {
      held = [];
      heldBytes = 0;
      const event = beginSparse(entry, lead.runs, length - lead.length);
      if (state.kind === "content") state.padding = paddingOf(length);
      return event;
    }
    if (bytes.length >= Math.min(limits.maxHeaderBytes, length + paddingOf(length))) {
      throw invalidLayer("a sparse file with a wrong map");
    }
    // One block more; kept in `held` until the map is whole.
    const missing = BLOCK_BYTES - (heldBytes % BLOCK_BYTES);
    const part = chunk.subarray(at, at + missing);
    at += part.length;
    heldBytes += part.length;
    held = part.length > 0 ? [bytes, Buffer.from(part)] : [bytes];
    return undefined;
  }

  function onContent(content: State & { kind: "content" }): TarEvent | undefined {
    const { sparse } = content;
    if (sparse) {
      const run = sparse.map.runs[sparse.run];
      const hole = (run?.offset ?? sparse.map.size) - sparse.at;
      if (hole > 0) return zeros(sparse, hole);
      if (run) return runData(content, sparse, run);
    } else if (content.left > 0) {
      const bytes = chunk.subarray(at, at + content.left);
      if (bytes.length === 0) return undefined;
      at += bytes.length;
      content.left -= bytes.length;
      return { kind: "data", bytes };
    }
    state =
      content.padding > 0
        ? { kind: "padding", left: content.padding }
        : { kind: "header", afterZeros: false };
    return END;
  }

  function zeros(place: SparsePlace, hole: number): TarEvent {
    const length = Math.min(hole, ZEROS.length);
    holes += length;
    if (holes > RATIO_FREE_BYTES && holes > limits.maxRatio * seen) {
      throw tooLarge("zeros of sparse files for each byte of the archive", limits.maxRatio);
    }
    if (holes > limits.maxTotalBytes) throw tooLarge("bytes of sparse files", limits.maxTotalBytes);
    place.at += length;
    return { kind: "data", bytes: ZEROS.subarray(0, length) };
  }

  function runData(
    content: State & { kind: "content" },
    place: SparsePlace,
    run: SparseRun,
  ): TarEvent | undefined {
    const bytes = chunk.subarray(at, at + run.offset + run.length - place.at);
    if (bytes.length === 0) return undefined;
    at += bytes.length;
    place.at += bytes.length;
    content.left -= bytes.length;
    if (place.at === run.offset + run.length) place.run++;
    return { kind: "data", bytes };
  }

  return {
    push(bytes) {
      chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      at = 0;
      seen += bytes.byteLength;
    },
    next,
    finish() {
      const between = state.kind === "header" && heldBytes === 0 && !isPending(extension);
      if (!between && state.kind !== "ended") throw invalidLayer("an archive ends inside an entry");
    },
  };
}

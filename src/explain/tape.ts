/**
 * Questions with their answers: made while something is asked, and asked again later.
 *
 * @module
 */
import { isLadingError } from "../core/errors.ts";
import { ExplainError } from "./errors.ts";
import { decode, decodeError, encode, encodeError, type Recorded } from "./recording-codec.ts";

/** A question with its answer, or with the error that came instead. */
export interface TapeEntry {
  readonly ask: readonly string[];
  readonly answer?: Recorded;
  readonly error?: Recorded;
}

/** Answers questions. */
export interface Tape {
  /**
   * The answer to a question: of several times that it is asked, the first one's. What comes back is what a later
   * replay will give, errors included.
   */
  ask(question: readonly string[], find: () => Promise<unknown>): Promise<unknown>;
  /**
   * Throws for a question that the tape itself could not take or answer: wherever it was asked, that is no answer, and
   * what came of it is no explanation.
   */
  assertWhole(): void;
}

/** A tape that remembers. */
export interface RecordingTape extends Tape {
  /** Everything that was answered, sorted by question. */
  entries(): TapeEntry[];
}

/** A tape that asks, and remembers. What is no error of lading is passed on, and nothing of it is kept. */
export function recordingTape(): RecordingTape {
  const known = new Map<string, Promise<TapeEntry>>();
  const settled: TapeEntry[] = [];
  let refused: { error: unknown } | undefined;
  async function answered(ask: readonly string[], find: () => Promise<unknown>): Promise<TapeEntry> {
    let entry: TapeEntry;
    try {
      const value = await find();
      entry = value === undefined ? { ask } : { ask, answer: encode(value) };
    } catch (error) {
      const recorded = encodeError(error);
      // What must not be recorded ends the recording, and is no answer.
      if (isLadingError(error) && error.code === "ERR_EXPLAIN_SECRET") refused ??= { error };
      if (recorded === undefined || refused) throw error;
      entry = { ask, error: recorded };
    }
    settled.push(entry);
    return entry;
  }
  return {
    async ask(question, find) {
      const key = JSON.stringify(question);
      const entry = known.get(key) ?? answered(question, find);
      known.set(key, entry);
      return outcomeOf(await entry)();
    },
    assertWhole() {
      if (refused) throw refused.error;
    },
    entries: () => settled.toSorted((a, b) => (JSON.stringify(a.ask) < JSON.stringify(b.ask) ? -1 : 1)),
  };
}

/**
 * A tape that knows what was recorded, and asks nothing.
 *
 * What it does not know is an `ExplainError` `ERR_EXPLAIN_NOT_RECORDED`.
 */
export function replayingTape(entries: readonly TapeEntry[]): Tape {
  const known = new Map(entries.map((entry) => [JSON.stringify(entry.ask), entry]));
  let refused: { error: unknown } | undefined;
  return {
    async ask(question) {
      const entry = known.get(JSON.stringify(question));
      let outcome: () => unknown;
      try {
        if (!entry) throw new ExplainError("ERR_EXPLAIN_NOT_RECORDED", `not recorded: ${question.join(" ")}`);
        outcome = outcomeOf(entry);
      } catch (error) {
        refused ??= { error };
        throw error;
      }
      return outcome();
    },
    assertWhole() {
      if (refused) throw refused.error;
    },
  };
}

/** What an entry says: its value, or its error thrown. Reading the entry itself may throw before that. */
function outcomeOf({ answer, error }: TapeEntry): () => unknown {
  if (error === undefined) {
    const value = answer === undefined ? undefined : decode(answer);
    return () => value;
  }
  const thrown = decodeError(error);
  return () => {
    throw thrown;
  };
}

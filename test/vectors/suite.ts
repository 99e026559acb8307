/** What a vector suite's adapter is; one file a suite in `suites/`, named as the suite. */
import type { JsonValue } from "../../src/core/strict-json.ts";

/** Input of a case: plain data, with bigint for integers that a double cannot hold. */
export type VectorFields = { [key: string]: JsonValue };

/** One case of a suite file. */
export interface VectorCase {
  name: string;
  source: string;
  input: VectorFields;
  /** What must hold; the runner compares it by the rules of `match.ts`. */
  expect: JsonValue;
}

/** What the runner hands to an adapter. */
export interface VectorContext {
  /** The folder that holds `fixtures/` and `data/`. */
  base: string;
}

/** The default export of `suites/NAME.ts`. */
export interface VectorSuite {
  /**
   * Does what the case asks for with lading, and gives back the outcome, or a promise of it, under the names
   * that `expect` uses. What `expect` writes as null must be null, not absent.
   *
   * Where an error is the outcome it goes under `error` (or `errorKind`, `message`, …) in the suite's own
   * words: mapping lading's codes to these words is the adapter's work. A throw fails the case. Shorthands of
   * inputs (`$bytes`, `repeat`) and placeholders are the adapter's too.
   */
  run(vector: VectorCase, context: VectorContext): unknown;
}

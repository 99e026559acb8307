/**
 * The tree of a configuration file, read from JSON or YAML.
 *
 * @module
 */
import { type ConfigProblem, CriError } from "../errors.ts";

/** A configuration that has been read. */
export interface ConfigText {
  readonly tree: ConfigNode;
  /** Line and column of a place in the text. */
  readonly locate: (offset: number) => { line: number; column: number };
}

/** A value, and where it begins in the text, in the units of its reader. */
export type ConfigNode = { readonly offset: number } & (
  | { readonly kind: "null" }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: string }
  /** A whole number. */
  | { readonly kind: "integer"; readonly value: bigint }
  /** Bytes, of YAML's `!!binary`. */
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  /** A number that is not whole, or a word that versions of YAML read differently. */
  | { readonly kind: "other"; readonly text: string; readonly problem: string }
  | { readonly kind: "array"; readonly items: readonly ConfigNode[] }
  | { readonly kind: "object"; readonly members: readonly ConfigMember[] }
);

/** A member of an object. */
export interface ConfigMember {
  readonly key: string;
  /** Where its name begins. */
  readonly offset: number;
  readonly value: ConfigNode;
}

/** Deepest nesting of a configuration. What the interface knows is less than ten deep. */
export const MAX_CONFIG_DEPTH = 100;

/** The error for what is wrong with a configuration. */
export function configError(name: string, problems: readonly ConfigProblem[], cause?: unknown): CriError {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  return new CriError("ERR_CRI_CONFIG_INVALID", `${name}: ${sorted.map(formatProblem).join("; ")}`, {
    problems: sorted,
    ...(cause === undefined ? {} : { cause }),
  });
}

function formatProblem({ path, line, column, message }: ConfigProblem): string {
  return `${path} at line ${line}, column ${column}: ${message}`;
}

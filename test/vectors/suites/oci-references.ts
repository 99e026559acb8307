/** References: the grammar, Docker's normal forms and ORAS's form. */
import { isLadingError } from "../../../src/core/errors.ts";
import {
  formatAnyReference,
  matchFamiliarReference,
  parseAnyReference,
  sortReferences,
} from "../../../src/core/familiar-reference.ts";
import { parseOrasReference } from "../../../src/core/oras-reference.ts";
import {
  familiarName,
  familiarReference,
  formatReference,
  isIdentifier,
  isReferenceDomain,
  type LexicalReference,
  parseDockerReference,
  parseFullReference,
  parseRawReference,
  parseReference,
  parseReferenceName,
  referenceName,
  withDigest,
  withTag,
} from "../../../src/core/reference.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    const operation = OPERATIONS[text(input, "op")];
    if (!operation) throw new TypeError(`unknown op ${input["op"]}`);
    return operation(input);
  },
};
export default suite;

const OPERATIONS: Readonly<Record<string, (input: VectorFields) => unknown>> = {
  parse: (input) =>
    outcome(() => {
      const lengthLimit = input["limit"] === "whole-name" ? "name" : "path";
      const reference = parseRawReference(text(input, "ref"), { lengthLimit });
      return {
        ...fields(reference),
        repository: referenceName(reference),
        string: formatReference(reference),
      };
    }),
  withName: (input) => outcome(() => parseReferenceName(text(input, "name"))),
  compose: (input) =>
    outcome(() => {
      let reference: LexicalReference = parseReferenceName(text(input, "name"));
      const [tag, digest] = [text(input, "tag"), text(input, "digest")];
      if (tag !== "") reference = withTag(reference, tag);
      if (digest !== "") reference = withDigest(reference, digest);
      return { string: formatReference(reference) };
    }),
  parseNamedCanonical: (input) => outcome(() => parseFullReference(text(input, "ref"))),
  normalize: (input) => {
    const parsed = outcome(() => parseReference(text(input, "ref")));
    if ("error" in parsed) return { valid: false, ...parsed };
    return {
      ...fields(parsed),
      valid: true,
      string: formatReference(parsed),
      familiarName: familiarName(parsed),
      familiarString: familiarReference(parsed),
    };
  },
  parseAny: (input) =>
    outcome(() => {
      const any = parseAnyReference(text(input, "ref"));
      return { kind: any.kind, string: formatAnyReference(any) };
    }),
  parseDockerRef: (input) =>
    outcome(() => ({ string: formatReference(parseDockerReference(text(input, "ref"))) })),
  familiarMatch: (input) =>
    outcome(() => ({
      match: matchFamiliarReference(text(input, "pattern"), parseReference(text(input, "ref"))),
    })),
  sort: (input) => ({ refs: sortReferences((input["refs"] as unknown[]).map(String)) }),
  isDomain: (input) => ({ match: isReferenceDomain(text(input, "text")) }),
  isIdentifier: (input) => ({ match: isIdentifier(text(input, "text")) }),
  matchName: (input) => {
    const parsed = outcome(() => parseReferenceName(text(input, "text")));
    return { match: !("error" in parsed), ...parsed };
  },
  matchReference: (input) => {
    const parsed = outcome(() => parseRawReference(text(input, "text")));
    if ("error" in parsed) return { match: false };
    return { match: true, ...fields(parsed), name: referenceName(parsed) };
  },
  parseOras: (input) =>
    outcome(() => {
      const reference = parseOrasReference(text(input, "ref"));
      return { ...fields(reference), registry: reference.domain, repository: reference.path };
    }),
};

const ERRORS: readonly [start: string, name: string][] = [
  ["repository name must have at least one component", "name-empty"],
  ["repository name must not be more than", "name-too-long"],
  ["repository name must be canonical", "not-canonical"],
  ["invalid reference format", "invalid-format"],
  ["invalid checksum digest length", "digest-invalid-length"],
  ["invalid tag format", "tag-invalid-format"],
  ["invalid digest format", "digest-invalid-format"],
  ["syntax error in pattern", "bad-pattern"],
];

function outcome<T>(run: () => T): T | { error: string } {
  try {
    return run();
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return { error: ERRORS.find(([start]) => error.message.startsWith(start))?.[1] ?? error.message };
  }
}

function fields({ domain, path, tag = "", digest = "" }: LexicalReference): Record<string, string> {
  return { domain, path, tag, digest };
}

function text(input: VectorFields, key: string): string {
  const value = input[key];
  if (typeof value !== "string") throw new TypeError(`${key} is not a text`);
  return value;
}

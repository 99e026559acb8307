import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CoreError } from "../../src/core/errors.ts";
import {
  formatAnyReference,
  matchFamiliarReference,
  parseAnyReference,
  sortReferences,
} from "../../src/core/familiar-reference.ts";
import { parseOrasReference } from "../../src/core/oras-reference.ts";
import { matchPathPattern } from "../../src/core/path-pattern.ts";
import {
  familiarReference,
  formatReference,
  parseDockerReference,
  parseFullReference,
  parseRawReference,
  parseReference,
  parseReferenceName,
  type Reference,
} from "../../src/core/reference.ts";
import { property } from "./runs.ts";

const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
const word = fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 8 });
const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 64, maxLength: 64 });
const component = fc
  .array(fc.tuple(word, fc.constantFrom(".", "_", "__", "-", "---")), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.flat().slice(0, -1).join(""));
const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const domain = fc
  .tuple(
    fc.oneof(
      fc.constantFrom("localhost", "docker.io", "quay.io", "Host", "[::1]", "10.0.0.1"),
      fc.tuple(word, word).map((labels) => labels.join(".")),
    ),
    fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined }),
  )
  .map(([host, port]) => (port === undefined ? host : `${host}:${port}`));
const tag = fc
  .tuple(fc.constantFrom(..."aZ0_"), fc.string({ unit: fc.constantFrom(..."aZ0_.-"), maxLength: 127 }))
  .map((parts) => parts.join(""));
const text = fc
  .tuple(
    fc.option(domain, { nil: undefined }),
    path,
    fc.option(tag, { nil: undefined }),
    fc.option(hex, { nil: undefined }),
  )
  .map(
    ([host, name, version, digits]) =>
      (host === undefined ? "" : `${host}/`) +
      name +
      (version === undefined ? "" : `:${version}`) +
      (digits === undefined ? "" : `@sha256:${digits}`),
  );
/** Valid texts with something cut out or put in, and texts of the grammar's own characters. */
const nearText = fc.oneof(
  fc
    .tuple(text, fc.nat(), fc.nat(4), fc.string({ unit: fc.constantFrom(...":/@.-_[]A %\n\u00e9") }))
    .map(([valid, at, length, put]) => {
      const start = at % (valid.length + 1);
      return valid.slice(0, start) + put + valid.slice(start + length);
    }),
  fc.string({ unit: fc.constantFrom(..."aA0:/@.-_[]") }),
  fc.string({ unit: "binary" }),
);

const PARSERS: readonly ((text: string) => unknown)[] = [
  parseReference,
  parseRawReference,
  parseReferenceName,
  parseFullReference,
  parseDockerReference,
  parseAnyReference,
  parseOrasReference,
];

function parsed(given: string): Reference | undefined {
  try {
    return parseReference(given);
  } catch {
    return undefined;
  }
}

test("a valid text is accepted, and its full form reads back as the same reference", () => {
  fc.assert(
    fc.property(text, (given) => {
      const reference = parseReference(given);
      const full = formatReference(reference);
      assert.deepEqual(parseReference(full), reference);
      assert.deepEqual(parseFullReference(full), reference);
      assert.equal(formatReference(parseRawReference(given)), given);
      familiarReference(reference);
    }),
    property,
  );
});

test("what is accepted reads back as the same reference, whatever it was", () => {
  fc.assert(
    fc.property(nearText, (given) => {
      const reference = parsed(given);
      if (!reference) return;
      const full = formatReference(reference);
      assert.deepEqual(parseReference(full), reference);
      // Nothing of an accepted text can leave the place it was read at.
      assert.match(full, /^[A-Za-z0-9:[\]._/@-]+$/);
      assert.doesNotMatch(reference.path, /\.\.|^\/|\/$|\/\/|[:@]/);
      assert.doesNotMatch(reference.domain, /[/@]/);
    }),
    property,
  );
});

test("only ERR_REFERENCE_INVALID is thrown", () => {
  fc.assert(
    fc.property(nearText, fc.constantFrom(...PARSERS), (given, parse) => {
      try {
        parse(given);
      } catch (error) {
        assert.ok(error instanceof CoreError && error.code === "ERR_REFERENCE_INVALID", String(error));
      }
    }),
    property,
  );
});

test("sorting loses and adds nothing, and does not depend on the order given", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(text, nearText), { maxLength: 12 }), (texts) => {
      const sorted = sortReferences(texts);
      const full = texts.map((given) => {
        try {
          return formatAnyReference(parseAnyReference(given));
        } catch {
          return given;
        }
      });
      assert.deepEqual([...sorted].sort(), [...full].sort());
      assert.deepEqual(sortReferences([...texts].reverse()), sorted);
    }),
    { ...property, numRuns: Math.ceil(property.numRuns / 4) },
  );
});

test("a pattern throws nothing but ERR_PATTERN_INVALID, and a name escaped is a pattern for itself", () => {
  const pattern = fc.string({ unit: fc.constantFrom(..."ab/*?[]^-\\") });
  fc.assert(
    fc.property(pattern, fc.string({ unit: fc.constantFrom(..."ab/*[]-") }), (shape, name) => {
      const escaped = name.replace(/[*?[\]\\]/g, "\\$&");
      assert.equal(matchPathPattern(escaped, name), true);
      assert.equal(matchPathPattern("*", name), !name.includes("/"));
      try {
        matchFamiliarReference(shape, { domain: "docker.io", path: "library/ab" });
        matchPathPattern(shape, name);
      } catch (error) {
        assert.ok(error instanceof CoreError && error.code === "ERR_PATTERN_INVALID", String(error));
      }
    }),
    property,
  );
});

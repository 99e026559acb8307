/** The quick reading of a JSON text gives what the strict one gives, for every text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { packArtifact } from "../../src/oci/artifact.ts";
import { type JsonReading, readJson } from "../../src/oci/json-value.ts";
import { mutated } from "../unit/policy/mutated.ts";
import { property } from "./runs.ts";

const DOCUMENT = packArtifact({
  artifactType: "application/x",
  files: [{ content: Buffer.from("content"), title: 'a "title": \\', annotations: { "b\\": "ü" } }],
}).manifest.bytes;

/** Bytes may be read quickly; a text never is. */
function bothWays(text: string): void {
  assert.deepEqual(outcome(Buffer.from(text)), outcome(text));
}

function outcome(input: Uint8Array | string): JsonReading<unknown> | string {
  try {
    return readJson(input, (value) => value);
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return `${error.code} ${error.message}`;
  }
}

/** JSON texts in which names are repeated, strings look like names, and numbers have all forms. */
const piece = fc.oneof(
  fc.constantFrom('"a"', '"a":', '"":', '": "', '"\\":"', '"b\\\\"', '"\\ud800"', '"__proto__":', '":"'),
  fc.constantFrom("1", "1.0", "-0", "1e3", "1e9", "100", "1e2", "9007199254740993", "true", "null", "1.5"),
  fc.constantFrom("{", "}", "[", "]", ",", ":", " ", "\n", '"a" :', '{"a":1}', '{"a":1,"a":2}', '{"a": 1.0}'),
);

test("texts made of pieces are read the same both ways", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => bothWays(pieces.join(""))),
    property,
  );
});

test("values of all kinds, with a member repeated somewhere, are read the same both ways", () => {
  fc.assert(
    fc.property(
      fc.json({ stringUnit: "binary" }),
      fc.nat(),
      fc.constantFrom("", '"a":1,', '"x":1,"x":2,', '"n":1.0,', '"n":-0,', '"n":12345678901234567890,'),
      fc.constantFrom(0, 2),
      (json, at, member, indent) => {
        const opens = [...json.matchAll(/\{(?=")/g)].map(({ index }) => index + 1);
        const place = opens.length > 0 ? opens[at % opens.length] : undefined;
        const text =
          place === undefined
            ? JSON.stringify(JSON.parse(json), null, indent)
            : json.slice(0, place) + member + json.slice(place);
        bothWays(text);
      },
    ),
    property,
  );
});

test("a number that is written short does not hide a repeated member of that length", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 99 }),
      fc.integer({ min: 6, max: 13 }),
      fc.constantFrom("", "-"),
      fc.boolean(),
      (digits, exponent, sign, inList) => {
        const short = `${sign}${digits}e${exponent}`;
        const saved = String(Number(short)).length - short.length;
        // `"aa":1,` and so on: as long as what the exponent saves.
        const repeated = `"${"a".repeat(Math.max(saved - 5, 0))}":1`;
        const number = inList ? `[${short}]` : short;
        const text = `{"n":${number},${repeated},${repeated}}`;
        if (saved >= 5) assert.equal(JSON.stringify(JSON.parse(text)).length, text.length);
        bothWays(text);
      },
    ),
    property,
  );
});

test("mutated manifests are read the same both ways", () => {
  fc.assert(
    fc.property(mutated(DOCUMENT), (bytes) => {
      const text = bytes.toString("utf8");
      if (Buffer.from(text).equals(bytes)) bothWays(text);
    }),
    property,
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { type JsonValue, parseJson, toPlain } from "../../src/core/strict-json.ts";
import { property } from "./runs.ts";

const jsonText = fc.oneof(
  fc.json({ stringUnit: "binary" }),
  fc.jsonValue({ stringUnit: "binary" }).map((value) => JSON.stringify(value, null, "\t")),
);
/** Valid texts with pieces cut out, doubled or put in, and texts of JSON's own characters. */
const nearJson = fc.oneof(
  fc
    .tuple(jsonText, fc.nat(), fc.nat(5), fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0e-. \nn') }))
    .map(([text, at, length, put]) => {
      const start = at % (text.length + 1);
      return text.slice(0, start) + put + text.slice(start + length);
    }),
  fc.string({ unit: fc.constantFrom(...'{}[]",:\\/bfnrtu0123456789eE+-. \t\r\nalse') }),
  fc.string({ unit: "binary" }),
);

/** The text with each lone surrogate replaced, as UTF-8 cannot hold one. */
function wellFormedOf(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}

/** What the platform's own parser makes of a text, with strings as ours replaces them. */
function reference(text: string): { value: unknown } | undefined {
  try {
    return {
      value: JSON.parse(text, (_key, value) => (typeof value === "string" ? wellFormedOf(value) : value)),
    };
  } catch {
    return undefined;
  }
}

function doubles(value: JsonValue): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(doubles);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, doubles(field)]));
}

test("a valid text gives what JSON.parse gives", () => {
  fc.assert(
    fc.property(jsonText, (text) => {
      const wellFormed = wellFormedOf(text);
      const plain = toPlain(parseJson(wellFormed, { duplicateKeys: "keep" }));
      const expected = reference(wellFormed);
      assert.ok(expected);
      // Lone surrogates within names become equal names here, so names are compared as far as they stay distinct.
      if (!/\\u[dD][89a-fA-F]/.test(wellFormed)) assert.deepEqual(doubles(plain), expected.value);
    }),
    property,
  );
});

test("exactly what JSON.parse accepts is accepted, and only LadingErrors are thrown", () => {
  fc.assert(
    fc.property(nearJson, (text) => {
      let accepted = true;
      try {
        toPlain(parseJson(text, { duplicateKeys: "keep" }));
      } catch (error) {
        assert.ok(isLadingError(error), String(error));
        accepted = false;
      }
      assert.equal(accepted, reference(text) !== undefined);
    }),
    property,
  );
});

test("bytes of any kind throw only LadingErrors, and decode as a decoder of the same rules does", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        parseJson(bytes);
      } catch (error) {
        assert.ok(isLadingError(error), String(error));
      }
      const content = bytes.filter((byte) => byte >= 0x20 && byte !== 0x22 && byte !== 0x5c);
      const value = toPlain(parseJson(Buffer.concat([Buffer.from('"'), content, Buffer.from('"')])));
      // Every byte is either part of a valid sequence or one replacement character.
      const replaced = Buffer.from(String(value)).toString("latin1").replaceAll("\u00ef\u00bf\u00bd", "?");
      assert.ok(replaced.length <= content.length);
      if (content.every((byte) => byte < 0x80)) assert.equal(value, Buffer.from(content).toString("latin1"));
    }),
    property,
  );
});

test("a repeated name is always found", () => {
  const names = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(names, fc.nat(), (distinct, pick) => {
      const members = distinct.map((name) => `${JSON.stringify(name)}:0`);
      parseJson(`{${members.join()}}`);
      const again = members[pick % members.length];
      assert.throws(() => parseJson(`{${[...members, again].join()}}`), { code: "ERR_JSON_DUPLICATE_KEY" });
    }),
    property,
  );
});

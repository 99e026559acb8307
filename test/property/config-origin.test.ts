/** Every part of a TOML document has a place, the text there is that part, and nothing but a ConfigError is thrown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/config/errors.ts";
import { type Origin, parseTomlDocument, type TomlDocument } from "../../src/config/origin.ts";
import { property } from "./runs.ts";

const TEXT = `# c [x]
[crio.runtime]
seccomp_profile = "/a.json" # why
list = ["a", 'b]', """c
d""", [1, 0x10], { k.l = true, "m n" = [] }]
[crio.runtime.runtimes."a.b"]
allowed_annotations = [ # none
  "x", ]
default.annotations.'y' = 1.5
[[many]]
n = -7
[many.sub]
o = 1979-05-27
[[many]]
`;

/** A text with some pieces cut out or replaced. */
function mutated(text: string): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.nat(text.length),
    length: fc.nat(8),
    put: fc.oneof(
      fc.string({ maxLength: 6, unit: "grapheme" }),
      fc.constantFrom(
        '"',
        "'",
        "[",
        "]",
        "=",
        "\n",
        "{",
        "}",
        '"""',
        "'''",
        ".",
        "#",
        "\\",
        ",",
        "\r\n",
        "[[a]]\n",
      ),
      fc.constantFrom(
        "a.b = {c = 1}\n",
        '"\\u00e9" = 2\n',
        "[crio]\n",
        "[[many.sub.x]]\n",
        "\ufeff",
        "__proto__ = 1\n",
      ),
    ),
  });
  return fc
    .array(edit, { maxLength: 4 })
    .map((edits) =>
      edits.reduce((all, { at, length, put }) => all.slice(0, at) + put + all.slice(at + length), text),
    );
}

function read(text: string): TomlDocument | undefined {
  try {
    return parseTomlDocument("/f", text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.ok(error.origin);
    return undefined;
  }
}

/** The text from a place on, found by another way than the index goes. */
function textAt(text: string, origin: Origin | undefined): string {
  assert.ok(origin);
  const lines = text.split("\n");
  return lines
    .slice(origin.line - 1)
    .join("\n")
    .slice(origin.column - 1);
}

function checkPlaces(document: TomlDocument, text: string): void {
  const visit = (value: unknown, path: (string | number)[]): void => {
    const shown = JSON.stringify(path);
    const key = textAt(text, document.keyOrigin(path));
    const at = textAt(text, document.valueOrigin(path));
    const name = path.at(-1);
    if (typeof name === "string") {
      const isQuoted = key.startsWith('"') || key.startsWith("'");
      assert.ok(isQuoted || key.startsWith(name), shown);
    }
    if (typeof value === "string") assert.match(at, /^["']/, shown);
    else if (typeof value === "boolean") assert.ok(at.startsWith(String(value)), shown);
    else if (typeof value === "bigint") {
      const [digits = ""] = /^[-+]?[0-9a-zA-Z_]+/.exec(at) ?? [];
      assert.equal(BigInt(digits.replaceAll(/[_+-]/g, "")), value < 0n ? -value : value, shown);
    } else if (typeof value === "number" || value instanceof Date) assert.match(at, /^[-+0-9in]/, shown);
    else if (Array.isArray(value)) {
      value.forEach((each, index) => {
        visit(each, [...path, index]);
      });
    } else {
      for (const [member, each] of Object.entries(value as object)) visit(each, [...path, member]);
    }
  };
  for (const [member, each] of Object.entries(document.root)) visit(each, [member]);
}

test("every value of a document stands where its place says", () => {
  fc.assert(
    fc.property(mutated(TEXT), (text) => {
      const document = read(text);
      if (document) checkPlaces(document, text);
    }),
    property,
  );
});

test("random texts are documents or a ConfigError", () => {
  const text = fc.oneof(
    fc.string({ maxLength: 200, unit: "binary" }),
    fc.string({ maxLength: 60, unit: fc.constantFrom(..."ab.=[]{}\"'#\\\n\r ,1") }),
  );
  fc.assert(
    fc.property(text, (each) => {
      const document = read(each);
      if (document) checkPlaces(document, each);
    }),
    property,
  );
});

const VALUE = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(
      '"x"',
      "'y]'",
      "1",
      "true",
      '"""\n"a" #\\\\"""',
      "'''\n}'''",
      "1.5",
      "2020-01-01 00:00:00Z",
    ),
    fc.array(tie("value"), { maxLength: 3 }).map((each) => `[ ${each.join(" , # z ]\n")} ]`),
    fc.uniqueArray(fc.constantFrom("a", '"b.c"', "'d'", "e.f"), { maxLength: 3 }).chain((keys) =>
      fc.tuple(...keys.map(() => tie("value"))).map((values) => {
        const pairs = keys.map((key, index) => `${key} = ${values[index]}`);
        return `{ ${pairs.join(", ")} }`;
      }),
    ),
  ),
})).value;

test("generated values of every form are valid and have their places", () => {
  fc.assert(
    fc.property(fc.array(VALUE, { minLength: 1, maxLength: 4 }), (values) => {
      const text = values.map((value, index) => `[t.x${index}]\nv = ${value}\n`).join("");
      const document = parseTomlDocument("/f", text);
      checkPlaces(document, text);
      values.forEach((value, index) => {
        assert.ok(textAt(text, document.valueOrigin(["t", `x${index}`, "v"])).startsWith(value));
      });
    }),
    property,
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  create,
  type DescField,
  type DescMessage,
  equals,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { stringify } from "yaml";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  CriError,
  containerConfigSchema,
  filterImages,
  filterPods,
  PodSandboxConfigSchema,
  PodSandboxSchema,
  parseAuth,
  parseContainerConfig,
  parseImageFilter,
  parsePodSandboxConfig,
  podSandboxConfigSchema,
} from "../../src/cri/index.ts";
import { compileGoRegexp } from "../../src/cri/operations/go-regexp.ts";
import { property } from "./runs.ts";

type Spelling = "contract" | "json" | "upper";
type Data = Record<string, unknown>;

const word = fc.oneof(
  fc.constantFrom(
    "",
    "yes",
    "010",
    "1",
    "null",
    "~",
    "a: b",

    "__proto__",
    "größe \u{1f6a2}",
    "# x",
    "- x",
    "true",
  ),
  fc.string({ unit: "grapheme", maxLength: 8 }).filter((text) => !/[\p{Surrogate}\ufeff]/u.test(text)),
);

/** A value of a field, as a message holds it. */
function valueArbitrary(field: DescField): fc.Arbitrary<unknown> {
  if (field.message) return dataArbitrary(field.message);
  if (field.enum) return fc.constantFrom(...field.enum.values.map(({ number }) => number));
  switch (field.scalar) {
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.INT32:
      return fc.integer();
    case ScalarType.UINT32:
      return fc.nat(2 ** 32 - 1);
    case ScalarType.INT64:
      return fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
    case ScalarType.UINT64:
      return fc.bigInt(0n, 2n ** 64n - 1n);
    case ScalarType.BYTES:
      return word.map((text) => new TextEncoder().encode(text));
    default:
      return word;
  }
}

function fieldArbitrary(field: DescField): fc.Arbitrary<unknown> {
  const value = valueArbitrary(field);
  if (field.fieldKind === "list") return fc.array(value, { maxLength: 2 });
  if (field.fieldKind === "map") return fc.dictionary(word, value, { maxKeys: 2 });
  return value;
}

const known = new Map<DescMessage, fc.Arbitrary<Data>>();

/** Plain data of a message, by local names. */
function dataArbitrary(message: DescMessage): fc.Arbitrary<Data> {
  const made = known.get(message);
  if (made) return made;
  const fields = Object.fromEntries(message.fields.map((field) => [field.localName, fieldArbitrary(field)]));
  const arbitrary = fc.record(fields, { requiredKeys: [] });
  known.set(message, arbitrary);
  return arbitrary;
}

/** The data as somebody writes it in a file. Numbers of 64 bits are texts, as in JSON of protocol buffers. */
function written(message: DescMessage, data: Data, spelling: Spelling): Data {
  const entries = message.fields.flatMap((field) => {
    const value = data[field.localName];
    if (value === undefined) return [];
    const one = (item: unknown) => writtenValue(field, item, spelling);
    const list = field.fieldKind === "list" && Array.isArray(value) ? value.map(one) : undefined;
    const key = { contract: field.name, json: field.jsonName, upper: field.name.toUpperCase() }[spelling];
    const map = field.fieldKind === "map" ? value : undefined;
    return [[key, list ?? map ?? one(value)] as const];
  });
  return Object.fromEntries(entries);
}

function writtenValue(field: DescField, value: unknown, spelling: Spelling): unknown {
  if (field.message) return written(field.message, value as Data, spelling);
  if (field.enum && spelling === "json")
    return field.enum.values.find(({ number }) => number === value)?.name;
  if (field.enum && spelling === "upper") {
    return field.enum.values.find(({ number }) => number === value)?.localName;
  }
  if (typeof value === "bigint") return String(value);
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
}

const runs = { ...property, numRuns: Math.ceil(property.numRuns / 10) };

const CONFIGS = [
  {
    schema: ContainerConfigSchema,
    parse: (text: string): Message => parseContainerConfig(text),
    need: (data: Data): Data => ({
      ...data,
      metadata: { ...(data["metadata"] as Data), name: "a" },
      image: { ...(data["image"] as Data), image: "b" },
    }),
    validate: new Ajv2020({ strict: true, strictRequired: false }).compile(containerConfigSchema()),
  },
  {
    schema: PodSandboxConfigSchema,
    parse: (text: string): Message => parsePodSandboxConfig(text, { newUid: () => "" }),
    need: (data: Data): Data => ({
      ...data,
      metadata: { ...(data["metadata"] as Data), name: "a", namespace: "b" },
    }),
    validate: new Ajv2020({ strict: true, strictRequired: false }).compile(podSandboxConfigSchema()),
  },
] as const;

for (const { schema, parse, need, validate } of CONFIGS) {
  test(`any ${schema.name} reads back from JSON and YAML in each spelling, and passes its schema`, () => {
    const spelling = fc.constantFrom<Spelling>("contract", "json", "upper");
    fc.assert(
      fc.property(dataArbitrary(schema), spelling, fc.boolean(), (data, by, yaml) => {
        const full = need(data);
        const plain = written(schema, full, by);
        const text = yaml ? stringify(plain, { version: "1.1" }) : JSON.stringify(plain);
        const expected = create(schema, full as never);
        assert.ok(equals(schema, parse(text) as never, expected), text);
        if (by !== "upper") assert.ok(validate(plain), JSON.stringify(validate.errors));
      }),
      runs,
    );
  });

  test(`the schema of ${schema.name} takes and refuses what the parser does`, () => {
    const odd = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom("SIGTERM", "NODE", "5", "-1", 1.5, -1, 2 ** 32),
    );
    fc.assert(
      fc.property(
        dataArbitrary(schema),
        fc.array(fc.nat(), { maxLength: 5 }),
        odd,
        word,
        (data, way, value, key) => {
          const plain = written(schema, need(data), "contract");
          // Somewhere in the configuration, a member gets another value, or a key that may be new.
          let at: Data = plain;
          for (const step of way) {
            const inner = Object.values(at).filter((each) => typeof each === "object" && each !== null);
            if (inner.length === 0) break;
            at = inner[step % inner.length] as Data;
          }
          const keys = Object.keys(at);
          const name =
            keys.length > 0 && key.length % 2 === 0 ? (keys[key.length % keys.length] ?? key) : key;
          if (!Array.isArray(at) && name !== "__proto__") at[name] = value;
          let accepted = true;
          try {
            parse(JSON.stringify(plain));
          } catch (error) {
            assert.ok(error instanceof CriError && error.code === "ERR_CRI_CONFIG_INVALID", String(error));
            accepted = false;
          }
          assert.equal(validate(JSON.parse(JSON.stringify(plain))), accepted, JSON.stringify(plain));
        },
      ),
      runs,
    );
  });
}

const TEXTS = [
  "metadata: {name: a, namespace: b}\nimage: {image: c}\nlabels: &l {x: y}\nannotations: {<<: *l, z: !!binary aGk=}\n",
  '{"metadata": {"name": "a", "namespace": "b"}, "image": {"image": "c"}, "envs": [{"key": "k", "value": "v"}]}',
  "envs:\n- key: a\n  value: |\n    b\n- {key: c}\nlinux: {resources: {cpu_quota: 5}}\ncommand: ['a', \"b\"]\n",
];

const mutated = fc
  .tuple(fc.constantFrom(...TEXTS), fc.nat(120), fc.nat(8), fc.string({ unit: "binary", maxLength: 4 }))
  .map(([text, at, length, put]) => text.slice(0, at) + put + text.slice(at + length));

test("a configuration parses, or fails with its code and a place", () => {
  const input = fc.oneof(mutated, fc.string({ unit: "binary" }), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(input, (text) => {
      for (const parse of [parsePodSandboxConfig, parseContainerConfig]) {
        try {
          parse(text, { unknownKeys: "ignore" });
        } catch (error) {
          assert.ok(error instanceof CriError && error.code === "ERR_CRI_CONFIG_INVALID", String(error));
          assert.ok((error.problems?.length ?? 0) > 0);
          for (const { line, column } of error.problems ?? []) assert.ok(line >= 1 && column >= 1);
        }
      }
    }),
    property,
  );
});

test("an environment value is the UTF-8 of its text", () => {
  fc.assert(
    fc.property(word, (value) => {
      const envs = [{ key: "A", value }];
      const text = JSON.stringify({ metadata: { name: "a" }, image: { image: "b" }, envs });
      const parsed: ContainerConfig = parseContainerConfig(text);
      assert.deepEqual(parsed.envs[0]?.value, new TextEncoder().encode(value));
    }),
    runs,
  );
});

const patternPart = fc.constantFrom(
  "a",
  "b",
  "-",
  "[ab]",
  "[^a]",
  ".",
  "(a|b)",
  "(?:ab)",
  "^",
  "$",
  "\\d",
  "\\w",
  "\\b",
  "|",
);
const repeat = fc.constantFrom("", "", "*", "+", "?", "{2}", "{0,1}", "{1,}", "*?");

test("a regular expression that Go and JavaScript read alike matches alike", () => {
  const pattern = fc
    .array(fc.tuple(patternPart, repeat), { maxLength: 6 })
    .map((parts) =>
      parts.map(([part, times]) => part + (/^(?:\^|\$|\\b|\|)$/.test(part) ? "" : times)).join(""),
    );
  const text = fc.string({ unit: fc.constantFrom("a", "b", "-", "1", " "), maxLength: 8 });
  fc.assert(
    fc.property(pattern, text, (source, value) => {
      assert.equal(compileGoRegexp(source)(value), new RegExp(source, "u").test(value));
    }),
    property,
  );
});

test("any pattern, filter or credentials are read, or fail with their code", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .array(
        fc.constantFrom(
          "(",
          "?",
          "i",
          ")",
          "[",
          "]",
          "^",
          "-",
          "\\",
          "Q",
          "E",
          "p",
          "{",
          "1",
          ",",
          "}",
          "|",
          "*",
          "P<",
          ":",
        ),
        { maxLength: 12 },
      )
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, fc.string(), (pattern, name) => {
      const reads: readonly [() => unknown, string][] = [
        [() => compileGoRegexp(pattern)(name), "ERR_CRI_QUERY_INVALID"],
        [() => parseImageFilter(pattern), "ERR_CRI_QUERY_INVALID"],
        [() => filterImages([], [`reference=${pattern}`, `before=${name}`]), "ERR_CRI_QUERY_INVALID"],
        [() => parseAuth({ creds: pattern, auth: name }), "ERR_CRI_CREDENTIALS_INVALID"],
      ];
      for (const [read, code] of reads) {
        try {
          read();
        } catch (error) {
          assert.ok(error instanceof CriError && error.code === code, String(error));
        }
      }
    }),
    property,
  );
});

test("a query keeps a part of the list, the newest first", () => {
  const pod = fc.record({ id: fc.string({ maxLength: 3 }), createdAt: fc.bigInt(0n, 5n), name: word });
  fc.assert(
    fc.property(
      fc.array(pod, { maxLength: 12 }),
      fc.nat(5),
      fc.string({ maxLength: 1 }),
      (list, last, id) => {
        const pods = list.map(({ name, ...rest }) =>
          create(PodSandboxSchema, { ...rest, metadata: { name } }),
        );
        const all = filterPods(pods, { id });
        assert.equal(all.length, pods.filter((each) => each.id.startsWith(id)).length);
        assert.ok(all.every(({ createdAt }, at) => at === 0 || createdAt <= (all[at - 1]?.createdAt ?? 0n)));
        assert.deepEqual(
          filterPods(pods.toReversed(), { id }).map((each) => each.id),
          all.map((each) => each.id),
        );
        assert.deepEqual(filterPods(pods, { id, last }), last === 0 ? all : all.slice(0, last));
      },
    ),
    property,
  );
});

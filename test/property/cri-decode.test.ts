/** Holds the reader of messages to the one of @bufbuild/protobuf: the same messages, and the same refusals. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { decodeMessage } from "../../src/cri/decode/message.ts";
import {
  ContainerSchema,
  file_runtime_v1_api,
  ImageFsInfoResponseSchema,
  ListContainersResponseSchema,
  PodSandboxStatsSchema,
  PodSandboxStatusSchema,
} from "../../src/cri/gen/runtime/v1/api_pb.ts";
import { property } from "./runs.ts";

/** What a reader makes of bytes; undefined if it refuses them. */
function read(reader: typeof decodeMessage, schema: DescMessage, bytes: Uint8Array): object | undefined {
  try {
    return reader(schema, bytes);
  } catch (error) {
    assert.ok(error instanceof Error);
    return undefined;
  }
}

function assertSame(schema: DescMessage, bytes: Uint8Array): void {
  const expected = read(fromBinary, schema, bytes);
  const actual = read(decodeMessage, schema, bytes);
  assert.deepStrictEqual(actual, expected);
}

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom(
    "__proto__",
    "io.kubernetes.pod.name",
    "io.kubernetes.pod.uid",
    "\ufeffmark",
    "x".repeat(300),
  ),
);

/** What may stand in a field of plain data. */
function itemOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.message) return messageOf(field.message, depth - 1);
  if (field.enum) return fc.oneof(fc.nat(4), fc.integer());
  switch (field.scalar) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 8 });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.INT64:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case ScalarType.UINT64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case ScalarType.UINT32:
      return fc.nat({ max: 2 ** 32 - 1 });
    default:
      return fc.integer();
  }
}

/** Plain data for a message. */
function messageOf(schema: DescMessage, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const members: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of schema.fields) {
    if (field.message && depth === 0) continue;
    const item = itemOf(field, depth);
    if (field.fieldKind === "list") members[field.localName] = fc.array(item, { maxLength: 3 });
    else if (field.fieldKind === "map") members[field.localName] = fc.dictionary(text, item, { maxKeys: 4 });
    else members[field.localName] = item;
  }
  return fc.record(members, { requiredKeys: [] });
}

/** Bytes of messages of one type, one after another, which together are a message of that type. */
function bytesOf(schema: DescMessage, count: number): fc.Arbitrary<Buffer> {
  const one = messageOf(schema, 4).map((init) => toBinary(schema, create(schema, init)));
  return fc.array(one, { minLength: 1, maxLength: count }).map((parts) => Buffer.concat(parts));
}

/** Bytes with a piece cut out and others put there: mostly tags, lengths and the ends of varints. */
function mutated(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const byte = fc.oneof(
    fc.nat(255),
    fc.nat(0x7f),
    fc.constantFrom(0, 1, 2, 0x0a, 0x0b, 0x0c, 0x12, 0x80, 0xff),
  );
  const put = fc.array(byte, { maxLength: 12 });
  return fc.tuple(bytes, fc.nat(), fc.nat(6), put).map(([valid, place, length, inserted]) => {
    const at = place % (valid.length + 1);
    return Buffer.concat([valid.subarray(0, at), Uint8Array.from(inserted), valid.subarray(at + length)]);
  });
}

const schemas = file_runtime_v1_api.messages;

test("every message of the interface is read as it was written", () => {
  assert.ok(schemas.length > 100);
  const runs = { ...property, numRuns: Math.ceil(property.numRuns / schemas.length) };
  for (const schema of schemas) {
    fc.assert(
      fc.property(bytesOf(schema, 2), (bytes) => assertSame(schema, bytes)),
      runs,
    );
  }
});

const MUTATED = [
  ContainerSchema,
  ListContainersResponseSchema,
  PodSandboxStatusSchema,
  PodSandboxStatsSchema,
  ImageFsInfoResponseSchema,
];

for (const schema of MUTATED) {
  test(`a ${schema.name} of changed bytes is read or refused as by the reference`, () => {
    fc.assert(
      fc.property(mutated(bytesOf(schema, 2)), (bytes) => assertSame(schema, bytes)),
      property,
    );
  });
}

test("a message of another type, or of any bytes, is read or refused as by the reference", () => {
  const bytes = fc.oneof(bytesOf(ContainerSchema, 1), bytesOf(PodSandboxStatsSchema, 1), fc.uint8Array());
  fc.assert(
    fc.property(fc.constantFrom(...schemas), bytes, (schema, given) => assertSame(schema, given)),
    property,
  );
});

test("strings that repeat in a long message are told from those that only look alike", () => {
  // Those with the same length and the same bytes at the beginning, in the middle and at the end.
  const alike = fc
    .tuple(fc.constantFrom("a", "b", "\u00e4"), fc.nat(40), fc.constantFrom(16, 31, 48, 260))
    .map(([letter, at, length]) => {
      const letters = Array<string>(length).fill("-");
      letters[at % length] = letter;
      return letters.join("");
    });
  const texts = fc.array(fc.oneof(alike, text), { minLength: 150, maxLength: 200 });
  fc.assert(
    fc.property(texts, (ids) => {
      const containers = ids.map((id) => ({ id, podSandboxId: "0123456789abcdef", labels: { [id]: id } }));
      const bytes = toBinary(
        ListContainersResponseSchema,
        create(ListContainersResponseSchema, { containers }),
      );
      assert.ok(bytes.length > 4096);
      assertSame(ListContainersResponseSchema, bytes);
    }),
    { ...property, numRuns: Math.ceil(property.numRuns / 20) },
  );
});

test("maps of a list are told from the maps before them", () => {
  const name = fc.constantFrom("a", "b", "c", "toString", "__proto__", "constructor", "");
  const entry = fc.tuple(name, fc.constantFrom("", "1", "2"));
  const labels = fc.array(entry, { maxLength: 4 });
  // One entry after another, with names that come twice, as no writer of messages puts them.
  const container = fc.array(labels, { minLength: 1, maxLength: 3 }).map((parts) => {
    const one = parts.flat().map(([key, value]) => {
      const part = create(ContainerSchema);
      Object.defineProperty(part.labels, key, { value, enumerable: true });
      return toBinary(ContainerSchema, part);
    });
    return Buffer.concat(one);
  });
  fc.assert(
    fc.property(fc.array(container, { maxLength: 8 }), (containers) => {
      const items = containers.map((bytes) => Buffer.concat([Buffer.of(0x0a, bytes.length), bytes]));
      fc.pre(containers.every((bytes) => bytes.length < 128));
      assertSame(ListContainersResponseSchema, Buffer.concat(items));
    }),
    property,
  );
});

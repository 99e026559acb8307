import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, ValueSchema } from "@bufbuild/protobuf/wkt";
import { decodeMessage } from "../../../../src/cri/decode/message.ts";
import {
  ContainerSchema,
  ContainerStatsSchema,
  ExecSyncResponseSchema,
  ListContainersResponseSchema,
  PodSandboxStatusSchema,
  VersionResponseSchema,
} from "../../../../src/cri/index.ts";

/** The bytes of a field with a length before its content. */
function field(number: number, content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content as string);
  assert.ok(number < 16 && bytes.byteLength < 128);
  return Buffer.concat([Buffer.of((number << 3) | 2, bytes.byteLength), bytes]);
}

test("no bytes are a message with nothing in it, whose lists and maps are its own", () => {
  const first = decodeMessage(ContainerSchema, new Uint8Array());
  assert.deepStrictEqual(first, create(ContainerSchema));
  first.labels["a"] = "b";
  assert.deepStrictEqual(decodeMessage(ContainerSchema, new Uint8Array()).labels, {});
  const list = decodeMessage(ListContainersResponseSchema, new Uint8Array());
  list.containers.push(first);
  assert.deepStrictEqual(decodeMessage(ListContainersResponseSchema, new Uint8Array()).containers, []);
});

test("fields stand in the order of the interface, whatever their order in the bytes", () => {
  const bytes = Buffer.concat([field(4, "v1"), field(1, "0.1.0")]);
  assert.deepEqual(Object.keys(decodeMessage(VersionResponseSchema, bytes)), [
    "$typeName",
    "version",
    "runtimeName",
    "runtimeVersion",
    "runtimeApiVersion",
  ]);
});

test("a label named __proto__ is a label like any other", () => {
  const bytes = field(8, Buffer.concat([field(1, "__proto__"), field(2, "x")]));
  const { labels } = decodeMessage(ContainerSchema, bytes);
  assert.equal(Object.getPrototypeOf(labels), Object.prototype);
  assert.deepEqual(Object.entries(labels), [["__proto__", "x"]]);
  assert.equal(Object.hasOwn(Object.prototype, "x"), false);
});

test("a label without name or value has an empty one, and the last of a name counts", () => {
  const entry = (value: string) => field(8, Buffer.concat([field(1, "a"), field(2, value)]));
  const bytes = Buffer.concat([field(8, ""), entry("1"), entry("2"), field(8, field(1, "b"))]);
  assert.deepEqual(decodeMessage(ContainerSchema, bytes).labels, { "": "", a: "2", b: "" });
});

test("a map has its own names and values, whatever names the map before it had", () => {
  const maps: [string, string][][] = [
    [
      ["a", "1"],
      ["b", "2"],
    ],
    [
      ["b", "3"],
      ["a", "4"],
    ],
    [
      ["a", "5"],
      ["a", "6"],
    ],
    [["a", "7"]],
    [
      ["a", "8"],
      ["b", "9"],
      ["c", "10"],
    ],
    [
      ["toString", "11"],
      ["constructor", "12"],
      ["c", "13"],
    ],
    [
      ["toString", "14"],
      ["constructor", "15"],
      ["hasOwnProperty", "16"],
    ],
    [
      ["__proto__", "17"],
      ["toString", "18"],
      ["c", "19"],
    ],
    [
      ["__proto__", "20"],
      ["toString", "21"],
      ["c", "22"],
    ],
    [],
    [
      ["__proto__", "23"],
      ["toString", "24"],
      ["c", "25"],
    ],
  ];
  const bytes = maps.map((entries) => {
    const labels = entries.map(([name, value]) => field(8, Buffer.concat([field(1, name), field(2, value)])));
    return field(1, Buffer.concat(labels));
  });
  const { containers } = decodeMessage(ListContainersResponseSchema, Buffer.concat(bytes));
  for (const [at, { labels }] of containers.entries()) {
    assert.deepEqual(new Map(Object.entries(labels)), new Map(maps[at]));
    assert.equal(Object.getPrototypeOf(labels), Object.prototype);
  }
  assert.equal(containers.length, maps.length);
});

test("a map goes on after another field", () => {
  const entry = (at: number, name: string) => field(at, Buffer.concat([field(1, name), field(2, name)]));
  const one = field(
    1,
    Buffer.concat([entry(8, "a"), entry(9, "x"), entry(8, "b"), field(1, "id"), entry(8, "a")]),
  );
  const { containers } = decodeMessage(ListContainersResponseSchema, Buffer.concat([one, one]));
  for (const { id, labels, annotations } of containers) {
    assert.deepEqual(
      { id, labels, annotations },
      { id: "id", labels: { a: "a", b: "b" }, annotations: { x: "x" } },
    );
  }
});

test("a message that comes in two parts is put together", () => {
  // Container 3 metadata, ContainerMetadata 1 name, 2 attempt.
  const bytes = Buffer.concat([field(3, field(1, "web")), field(3, Buffer.of(0x10, 0x02))]);
  assert.deepStrictEqual(
    decodeMessage(ContainerSchema, bytes),
    create(ContainerSchema, { metadata: { name: "web", attempt: 2 } }),
  );
});

test("numbers keep all their 64 bits and their sign", () => {
  for (const createdAt of [
    0n,
    127n,
    128n,
    2n ** 31n,
    2n ** 32n,
    2n ** 53n + 1n,
    2n ** 63n - 1n,
    -1n,
    -(2n ** 63n),
  ]) {
    const message = create(ContainerSchema, { createdAt });
    assert.equal(decodeMessage(ContainerSchema, toBinary(ContainerSchema, message)).createdAt, createdAt);
  }
  for (const value of [0n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    const message = create(ContainerStatsSchema, { memory: { workingSetBytes: { value } } });
    const { memory } = decodeMessage(ContainerStatsSchema, toBinary(ContainerStatsSchema, message));
    assert.equal(memory?.workingSetBytes?.value, value);
  }
});

test("a byte order mark is a part of its string", () => {
  assert.equal(decodeMessage(ContainerSchema, field(1, "\ufeffid")).id, "\ufeffid");
});

test("bytes are a view of the answer and no Buffer", () => {
  const answer = new Uint8Array(field(1, "out"));
  const { stdout } = decodeMessage(ExecSyncResponseSchema, answer);
  assert.equal(Object.getPrototypeOf(stdout), Uint8Array.prototype);
  assert.equal(stdout.buffer, answer.buffer);
});

test("an answer is read where it stands in memory", () => {
  const around = Buffer.concat([Buffer.alloc(3, 0xff), field(1, "id"), Buffer.alloc(3, 0xff)]);
  assert.equal(decodeMessage(ContainerSchema, around.subarray(3, -3)).id, "id");
});

const REFUSED: [name: string, bytes: number[]][] = [
  ["a tag alone", [0x0a]],
  ["a length past the end", [0x0a, 0x02, 0x41]],
  ["a length of 4 GiB", [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]],
  ["field number 0", [0x02, 0x00]],
  ["wire type 6", [0x0e]],
  ["wire type 7 of an unknown field", [0xff, 0x01]],
  ["a tag of more than 32 bits", [0x8a, 0x80, 0x80, 0x80, 0x10, 0x00]],
  ["a tag in six bytes", [0x8a, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00]],
  ["a varint of eleven bytes", [0x38, ...Array<number>(10).fill(0x80), 0x00]],
  ["a varint that is cut off", [0x38, 0x80]],
  ["a string that is no UTF-8", [0x0a, 0x02, 0xc3, 0x28]],
  ["a surrogate in UTF-8", [0x0a, 0x03, 0xed, 0xa0, 0x80]],
  ["an overlong form in UTF-8", [0x0a, 0x02, 0xc0, 0x80]],
  ["a map key that is no UTF-8", [0x42, 0x03, 0x0a, 0x01, 0xff]],
  ["the end of a group that has not begun", [0xfc, 0x01]],
  ["a group without end", [0xfb, 0x01]],
  ["a group that ends as another", [0xfb, 0x01, 0xf4, 0x01]],
  ["eight bytes that are cut off", [0xf9, 0x01, 1, 2, 3, 4, 5, 6, 7]],
  ["four bytes that are cut off", [0xfd, 0x01, 1, 2, 3]],
];

for (const [name, bytes] of REFUSED) {
  test(`${name} is refused, at the top and inside`, () => {
    const inside = field(1, Uint8Array.from(bytes));
    assert.throws(() => fromBinary(ContainerSchema, Uint8Array.from(bytes)));
    assert.throws(() => decodeMessage(ContainerSchema, Uint8Array.from(bytes)), Error);
    assert.throws(() => decodeMessage(ListContainersResponseSchema, inside), Error);
  });
}

test("unknown groups are skipped to a depth, as by the reference", () => {
  const groups = (depth: number) =>
    Buffer.concat([
      Buffer.alloc(2 * depth, Buffer.of(0xfb, 0x01)),
      Buffer.alloc(2 * depth, Buffer.of(0xfc, 0x01)),
    ]);
  // The message itself is one of the hundred.
  const read = decodeMessage(ContainerSchema, groups(99));
  assert.deepStrictEqual(read, fromBinary(ContainerSchema, groups(99)));
  assert.equal(read.$unknown?.[0]?.no, 31);
  assert.throws(() => decodeMessage(ContainerSchema, groups(100)), RangeError);
  assert.throws(() => fromBinary(ContainerSchema, groups(100)));
});

test("a string that repeats in a long message is the same string each time", () => {
  const labels = {
    "io.kubernetes.pod.namespace": "kube-system",
    short: "a",
    empty: "",
    "\u00fcber": "\u00fcber",
  };
  const containers = Array.from({ length: 100 }, (_, index) => ({
    id: `${index}`.padStart(64, "0"),
    labels,
  }));
  const message = create(ListContainersResponseSchema, { containers });
  const bytes = toBinary(ListContainersResponseSchema, message);
  assert.ok(bytes.length > 4096);
  assert.deepStrictEqual(decodeMessage(ListContainersResponseSchema, bytes), message);
});

test("the places of sandboxes, lists of messages and unknown fields are read in one message", () => {
  const message = create(PodSandboxStatusSchema, {
    network: { ip: "2001:db8::1", additionalIps: [{ ip: "192.0.2.1" }, { ip: "192.0.2.2" }] },
  });
  const bytes = Buffer.concat([toBinary(PodSandboxStatusSchema, message), Buffer.of(0xfa, 0x01, 0x01, 0x07)]);
  const read = decodeMessage(PodSandboxStatusSchema, bytes);
  assert.deepStrictEqual(read.$unknown, [{ no: 31, wireType: 2, data: Buffer.from(bytes.subarray(-2)) }]);
  assert.deepStrictEqual(read.network, message.network);
});

test("a message of a kind that the interface does not use is a mistake of the caller", () => {
  for (const schema of [FileDescriptorProtoSchema, ValueSchema] as DescMessage[]) {
    assert.throws(() => decodeMessage(schema, new Uint8Array()), TypeError);
    // Also the second time.
    assert.throws(() => decodeMessage(schema, new Uint8Array()), TypeError);
  }
});

test("maps whose entries come in turns take a time that grows with their number", () => {
  const bytesOf = (count: number) => {
    const entry = (at: number, name: string) => field(at, Buffer.concat([field(1, name), field(2, "")]));
    const pairs = Array.from({ length: count }, (_, index) =>
      Buffer.concat([entry(8, `a${index}`), entry(9, `b${index}`)]),
    );
    return Buffer.concat(pairs);
  };
  const bytes = bytesOf(100_000);
  const start = performance.now();
  const { labels, annotations } = decodeMessage(ContainerSchema, bytes);
  // Some 0.1 s; going over all names for each would take minutes.
  assert.ok(performance.now() - start < 10_000);
  assert.equal(Object.keys(labels).length, 100_000);
  assert.equal(Object.keys(annotations).length, 100_000);
});

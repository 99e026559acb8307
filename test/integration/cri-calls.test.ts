import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  create,
  type DescField,
  type DescMessage,
  type DescService,
  equals,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { type CriConnection, connectCri, ImageService, RuntimeService } from "../../src/cri/index.ts";
import { type FakeRuntime, startFakeRuntime } from "../../src/testing/cri-runtime.ts";

const TEXT = "größe \u{1f6a2} \u0000 \u202e \"';--";

/** A value for every field of a message: the extremes of its type. */
function filled(schema: DescMessage): Message {
  const init: Record<string, unknown> = {};
  for (const field of schema.fields) init[field.localName] = fieldValue(field);
  return create(schema, init as never);
}

function fieldValue(field: DescField): unknown {
  switch (field.fieldKind) {
    case "list":
      return [elementValue(field), elementValue(field)];
    case "map":
      return Object.fromEntries(
        [TEXT, "__proto__", "constructor", ""].map((key) => [key, elementValue(field)]),
      );
    default:
      return elementValue(field);
  }
}

function elementValue(field: DescField): unknown {
  if (field.message) return filled(field.message);
  // A number that no enum has: a runtime may be newer than this library.
  if (field.enum || field.scalar === undefined) return 9999;
  switch (field.scalar) {
    case ScalarType.INT64:
      return -(2n ** 63n);
    case ScalarType.UINT64:
      return 2n ** 64n - 1n;
    case ScalarType.INT32:
      return -(2 ** 31);
    case ScalarType.UINT32:
      return 2 ** 32 - 1;
    case ScalarType.DOUBLE:
      return Number.MIN_VALUE;
    case ScalarType.BOOL:
      return true;
    case ScalarType.BYTES:
      return Uint8Array.from({ length: 256 }, (_, byte) => byte);
    default:
      return TEXT;
  }
}

type Handlers = Record<string, (request: Message) => unknown>;

/** Handlers for all RPCs of a service that answer with full messages; a stream gives two. */
function fullHandlers(service: DescService): Handlers {
  const handlers: Handlers = {};
  for (const method of service.methods) {
    handlers[method.localName] = () =>
      method.methodKind === "server_streaming"
        ? [filled(method.output), filled(method.output)]
        : filled(method.output);
  }
  return handlers;
}

let runtime: FakeRuntime;
let cri: CriConnection;

before(async () => {
  runtime = await startFakeRuntime({
    runtime: fullHandlers(RuntimeService),
    image: fullHandlers(ImageService),
  });
  cri = await connectCri({ endpoint: runtime.endpoint });
});

after(async () => {
  await cri.close();
  await runtime.close();
});

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

type AnyFunction = (request: Message) => Promise<Message> | AsyncIterable<Message>;

let tested = 0;
for (const service of [RuntimeService, ImageService]) {
  for (const method of service.methods) {
    tested++;
    test(`${service.name}/${method.name} takes and gives every field`, async () => {
      const functions: object = service === RuntimeService ? cri.runtime : cri.image;
      const call: AnyFunction = Reflect.get(functions, method.localName);
      const request = filled(method.input);
      const result = call(request);
      const answers = "then" in result ? [await result] : await collect(result);
      assert.equal(answers.length, method.methodKind === "server_streaming" ? 2 : 1);
      for (const answer of answers) {
        assert.ok(equals(method.output, answer, filled(method.output)));
        assert.deepEqual(answer, filled(method.output));
      }
      const got = runtime.calls.at(-1);
      assert.equal(got?.method, `${service.name}/${method.name}`);
      assert.deepEqual(got?.request, request);
    });
  }
}

test("the interface has 43 RPCs, 7 of them streams", () => {
  assert.equal(tested, 43);
  const all = [...RuntimeService.methods, ...ImageService.methods];
  assert.equal(all.filter((method) => method.methodKind === "server_streaming").length, 7);
  assert.deepEqual(Object.keys(cri.image).length, 6);
  assert.deepEqual(Object.keys(cri.runtime).length, 37);
});

test("many calls at once get their own answers", async () => {
  const echo = await startFakeRuntime({
    runtime: {
      execSync: async ({ cmd }) => {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
        return { stdout: Buffer.from(cmd[0] ?? "") };
      },
    },
  });
  const client = await connectCri({ endpoint: echo.endpoint });
  try {
    const names = Array.from({ length: 300 }, (_, at) => `call ${at}`);
    const answers = await Promise.all(
      names.map((name) => client.runtime.execSync({ containerId: "c", cmd: [name], timeout: 0n })),
    );
    assert.deepEqual(
      answers.map(({ stdout }) => Buffer.from(stdout).toString()),
      names,
    );
  } finally {
    await client.close();
    await echo.close();
  }
});

test("a huge list arrives whole, and one over the limit is an error of the client", async () => {
  const containers = Array.from({ length: 50_000 }, (_, at) => ({
    id: `${at}`.padStart(64, "0"),
    labels: { app: "x".repeat(100) },
  }));
  const big = await startFakeRuntime({
    runtime: { listContainers: () => ({ containers }) },
    maxMessageBytes: 80 * 1024 * 1024,
  });
  const client = await connectCri({ endpoint: big.endpoint });
  const small = await connectCri({ endpoint: big.endpoint, maxReceiveBytes: 1024 * 1024 });
  try {
    const { containers: got } = await client.runtime.listContainers({});
    assert.equal(got.length, 50_000);
    assert.equal(got.at(-1)?.id, "49999".padStart(64, "0"));
    await assert.rejects(small.runtime.listContainers({}), {
      code: "ERR_CRI_RESOURCE_EXHAUSTED",
      status: { number: 8, name: "RESOURCE_EXHAUSTED" },
    });
    // The connection lives on.
    assert.equal((await small.runtime.version({})).runtimeName, "fake");
  } finally {
    await client.close();
    await small.close();
    await big.close();
  }
});

test("the limit on answers is 16 MiB, counted exactly", async () => {
  const limit = 16 * 1024 * 1024;
  // Field 1 of ExecSyncResponse: one byte of tag and four of length.
  let length = limit - 5;
  const server = await startFakeRuntime({
    runtime: { execSync: () => ({ stdout: new Uint8Array(length) }) },
    maxMessageBytes: 80 * 1024 * 1024,
  });
  const client = await connectCri({ endpoint: server.endpoint });
  try {
    assert.equal((await client.runtime.execSync({})).stdout.byteLength, limit - 5);
    length++;
    await assert.rejects(client.runtime.execSync({}), { code: "ERR_CRI_RESOURCE_EXHAUSTED" });
  } finally {
    await client.close();
    await server.close();
  }
});

test("a request over the limit of the runtime is refused by it", async () => {
  const server = await startFakeRuntime({
    runtime: { createContainer: () => ({ containerId: "c" }) },
    maxMessageBytes: 100_000,
  });
  const client = await connectCri({ endpoint: server.endpoint });
  try {
    const envs = [{ key: "A", value: new Uint8Array(100_000) }];
    await assert.rejects(client.runtime.createContainer({ config: { envs } }), {
      code: "ERR_CRI_RESOURCE_EXHAUSTED",
    });
  } finally {
    await client.close();
    await server.close();
  }
});

test("metadata arrives, and names that would steer the call are refused", async () => {
  await cri.runtime.version({}, { metadata: { "x-trace": "abc def", traceparent: "00-1-2-01" } });
  const { metadata } = runtime.calls.at(-1) ?? {};
  assert.equal(metadata?.["x-trace"], "abc def");
  assert.equal(metadata?.["traceparent"], "00-1-2-01");
  for (const name of ["grpc-timeout", "X-Trace", ":path", "a b", "x-bin", "", "x\n"]) {
    await assert.rejects(cri.runtime.version({}, { metadata: { [name]: "1" } }), TypeError, name);
    assert.throws(() => cri.runtime.getContainerEvents({}, { metadata: { [name]: "1" } }), TypeError, name);
  }
  for (const value of ["a\nb", "a\r", "é", "\0"]) {
    await assert.rejects(cri.runtime.version({}, { metadata: { x: value } }), TypeError);
  }
});

test("a mistake in a request is a TypeError and nothing is sent", async () => {
  const before = runtime.calls.length;
  await assert.rejects(cri.runtime.listContainers({ filter: { ids: "x" } } as never), TypeError);
  assert.throws(() => cri.runtime.streamContainers({ filters: {} } as never), TypeError);
  for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
    await assert.rejects(cri.runtime.version({}, { timeoutMs }), RangeError);
  }
  assert.equal(runtime.calls.length, before);
});

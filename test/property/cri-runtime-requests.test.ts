/** Whatever a request says, the in-process runtime answers it, or refuses it in words of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import fc from "fast-check";
import { connectCri, ImageService, RuntimeService } from "../../src/cri/index.ts";
import { startCriRuntime } from "../../src/testing/index.ts";
import { property } from "./runs.ts";

/** Texts that lead somewhere now and then; none is an absolute path, none a program that does not end. */
const TEXTS = [
  "",
  "x",
  "busybox",
  "true",
  "echo",
  "..",
  "\u0000",
  "größe",
  "__proto__",
  "sha256:",
  "a@b",
  "SIGTERM",
];

/** Random plain data for a message. */
function messages(
  schema: DescMessage,
  ids: readonly string[],
  depth = 0,
): fc.Arbitrary<Record<string, unknown>> {
  const fields = schema.fields.map((field) => [field.localName, values(field, ids, depth)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

function values(field: DescField, ids: readonly string[], depth: number): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case "list":
      return fc.array(single(field, ids, depth), { maxLength: 2 });
    case "map":
      return fc.dictionary(fc.constantFrom("x", "__proto__", "toString"), single(field, ids, depth), {
        maxKeys: 2,
      });
    default:
      return single(field, ids, depth);
  }
}

function single(field: DescField, ids: readonly string[], depth: number): fc.Arbitrary<unknown> {
  if (field.message) return depth > 3 ? fc.constant({}) : messages(field.message, ids, depth + 1);
  switch (field.scalar) {
    case undefined:
      return fc.integer({ min: -1, max: 70 });
    case ScalarType.STRING:
      return fc.constantFrom(...TEXTS, ...ids);
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 3 });
    case ScalarType.INT64:
      return fc.constantFrom(0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n));
    case ScalarType.UINT64:
      return fc.constantFrom(0n, 1n, 2n ** 64n - 1n);
    case ScalarType.UINT32:
      return fc.constantFrom(0, 1, 2 ** 32 - 1);
    case ScalarType.DOUBLE:
      return fc.double();
    default:
      return fc.constantFrom(0, 1, -1, 2 ** 31 - 1);
  }
}

/** What the engine says of a mistake in the code. */
const MISTAKE =
  /not a function|undefined|cannot (?:read|convert|mix)|is not iterable|invalid (?:array|time)|null/i;

test("every request is answered, or refused in the words of a runtime", async () => {
  const runtime = await startCriRuntime();
  const cri = await connectCri({ endpoint: runtime.endpoint });
  try {
    const metadata = { name: "p", uid: "u", namespace: "n" };
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config: { metadata } });
    const config = { metadata: { name: "c" }, image: { image: "busybox" }, command: ["sleep", "infinity"] };
    const { containerId } = await cri.runtime.createContainer({ podSandboxId, config });
    await cri.runtime.startContainer({ containerId });
    const ids = [podSandboxId, containerId, containerId.slice(0, 5)];
    const calls = [
      ...RuntimeService.methods.map((method) => ({ method, functions: cri.runtime })),
      ...ImageService.methods.map((method) => ({ method, functions: cri.image })),
    ].filter(({ method }) => method.localName !== "getContainerEvents");
    const requests = fc
      .constantFrom(...calls)
      .chain(({ method, functions }) =>
        messages(method.input, ids).map((request) => ({ method, functions, request })),
      );
    const any = fc.asyncProperty(requests, async ({ method, functions, request }) => {
      const call: (request: object, options: object) => unknown = Reflect.get(functions, method.localName);
      const answer = call(request, { timeoutMs: 10_000 });
      const outcome: Promise<unknown> =
        method.methodKind === "server_streaming"
          ? (answer as AsyncIterator<unknown>).next()
          : (answer as Promise<unknown>);
      const error: unknown = await outcome.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error === undefined) return;
      assert.ok(error instanceof Error && "code" in error && "details" in error);
      assert.notEqual(error.code, "ERR_CRI_UNIMPLEMENTED");
      assert.notEqual(error.code, "ERR_CRI_DEADLINE_EXCEEDED");
      assert.doesNotMatch(String(error.details), MISTAKE);
    });
    await fc.assert(any, property);
  } finally {
    await cri.close();
    await runtime.close();
  }
});

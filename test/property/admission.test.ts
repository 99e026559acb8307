import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  AdmissionError,
  type AdmissionReviewResponse,
  parseAdmissionReview,
  type ReviewAdmissionOptions,
  reviewAdmission,
  reviewTimeout,
} from "../../src/admission/index.ts";
import { parseJson } from "../../src/core/json-parse.ts";
import { toPlain } from "../../src/core/json-plain.ts";
import { textCheck } from "../unit/admission/checks.ts";
import { KINDS, review, UID } from "../unit/admission/samples.ts";
import { property } from "./runs.ts";

type Path = readonly (string | number)[];

/** Every place in a JSON value. */
function placesIn(value: unknown, at: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [at];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [at, ...entries.flatMap(([key, each]: [string | number, unknown]) => placesIn(each, [...at, key]))];
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, part) =>
      typeof at === "object" && at !== null && Object.hasOwn(at, part)
        ? (at as Record<string | number, unknown>)[part]
        : undefined,
    root,
  );
}

function change(root: unknown, path: Path, value: unknown): unknown {
  const copy: unknown = structuredClone(root);
  const parent = valueAt(copy, path.slice(0, -1));
  const last = path.at(-1);
  if (last === undefined || typeof parent !== "object" || parent === null) return value;
  const target = parent as Record<string | number, unknown>;
  if (value === undefined) delete target[last];
  else Object.defineProperty(target, last, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}

const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(undefined, null, true, false, 0, -1, 1e300, "", "x", [], {}, [null], [[]], {
    image: "app",
  }),
  fc.constantFrom("AdmissionReview", "v1", "Pod", "Deployment", "CREATE", "UPDATE", "DELETE", "team"),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.jsonValue({ maxDepth: 3 }),
);

interface Case {
  sample: unknown;
  /** Where the image stands that must not come in. */
  bad: Path;
  original: ReturnType<typeof review>;
}

const changed: fc.Arbitrary<Case> = fc
  .record({
    kind: fc.constantFrom(...KINDS.map(({ kind }) => kind)),
    operation: fc.constantFrom("CREATE", "UPDATE"),
    list: fc.constantFrom("initContainers", "containers", "ephemeralContainers", "volumes"),
    before: fc.integer({ min: 0, max: 3 }),
  })
  .chain(({ kind, operation, list, before }) => {
    const name = (image: string, index: number): object =>
      list === "volumes"
        ? { name: `v${index}`, image: { reference: image } }
        : { name: `c${index}`, image, env: [{ name: "A", value: "b" }] };
    const images = [
      ...Array.from({ length: before }, () => "registry.example/app:1"),
      "registry.example/bad:1",
    ];
    const spec = {
      containers: [{ name: "main", image: "registry.example/app:1" }],
      [list]: images.map(name),
    };
    const original = review({ kind, operation, spec });
    const places = placesIn(original);
    const bad = places.find((path) => valueAt(original, path) === "registry.example/bad:1") ?? [];
    const step = fc.tuple(fc.nat({ max: places.length - 1 }), junk);
    return fc.array(step, { minLength: 0, maxLength: 4 }).map((steps) => {
      let sample: unknown = original;
      for (const [index, value] of steps) sample = change(sample, places[index] ?? [], value);
      return { sample, bad, original };
    });
  });

function assertWellFormed({ apiVersion, kind, response }: AdmissionReviewResponse, uid: unknown): void {
  assert.equal(apiVersion, "admission.k8s.io/v1");
  assert.equal(kind, "AdmissionReview");
  assert.equal(response.uid, uid);
  assert.equal(typeof response.allowed, "boolean");
  assert.equal(response.status === undefined, response.allowed);
  assert.equal(response.patch === undefined, response.patchType === undefined);
  if (!response.allowed) assert.equal(response.patch, undefined);
  const { status, warnings = [], auditAnnotations = {} } = response;
  if (status) assert.ok(status.code >= 400 && status.code < 600 && status.message.length <= 256);
  for (const warning of warnings) assert.ok(warning.length > 0 && warning.length <= 256);
  for (const [key, value] of Object.entries(auditAnnotations)) {
    assert.match(key, /^[a-z]+$/);
    assert.ok(value.length < 9000);
  }
  assert.deepEqual(JSON.parse(JSON.stringify(response)), response);
}

async function answerOf(
  sample: unknown,
  options: Partial<ReviewAdmissionOptions> = {},
): Promise<AdmissionReviewResponse | undefined> {
  try {
    return await reviewAdmission(sample, { check: textCheck().check, mutate: true, ...options });
  } catch (error) {
    assert.ok(error instanceof AdmissionError, String(error));
    return undefined;
  }
}

test("a changed review is answered in form or is a failed call, and lets no bad image in", async () => {
  await fc.assert(
    fc.asyncProperty(changed, async ({ sample, bad, original }) => {
      const answer = await answerOf(sample);
      if (!answer) return;
      assertWellFormed(answer, valueAt(sample, ["request", "uid"]));
      const same = (path: Path) =>
        JSON.stringify(valueAt(sample, path)) === JSON.stringify(valueAt(original, path));
      const isAsked =
        same(["request", "kind"]) && same(["request", "operation"]) && same(["request", "oldObject"]);
      if (isAsked && same(bad)) assert.equal(answer.response.allowed, false);
    }),
    property,
  );
});

test("the answer to the text of a review is that to its value", async () => {
  await fc.assert(
    fc.asyncProperty(changed, async ({ sample }) => {
      const text = JSON.stringify(sample) ?? "null";
      assert.deepEqual(await answerOf(parseAdmissionReview(text)), await answerOf(JSON.parse(text)));
    }),
    property,
  );
});

test("whatever a check gives, only decisions that allow are taken for such", async () => {
  const decision = fc.record(
    {
      kind: fc.constantFrom("allowed", "refused", "undecided", "ok", true, undefined),
      image: fc.constantFrom("registry.example/app:1", "registry.example/app:2", undefined),
      pinned: fc.oneof(
        fc.constantFrom("registry.example/app:1", "registry.example/app", "", undefined, 7),
        fc.constant(`registry.example/app:1@sha256:${"1".repeat(64)}`),
      ),
      reason: fc.string(),
      evaluations: fc.oneof(fc.array(fc.jsonValue()), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  const given = fc.oneof(fc.anything(), fc.array(fc.oneof(decision, fc.anything()), { maxLength: 2 }));
  await fc.assert(
    fc.asyncProperty(given, fc.boolean(), async (value, throws) => {
      const check = async () => {
        if (throws) throw value;
        return value as never;
      };
      const answer = await answerOf(review(), { check });
      assert.ok(answer);
      assertWellFormed(answer, UID);
      assert.equal(answer.response.allowed, false);
    }),
    property,
  );
});

test("no bytes make the reader throw anything but its own error", () => {
  const text = JSON.stringify(review());
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(fc.nat(text.length), fc.uint8Array({ maxLength: 8 })).map(([at, part]) => {
      const whole = Buffer.from(text);
      return Buffer.concat([whole.subarray(0, at), part, whole.subarray(at + part.length)]);
    }),
  );
  fc.assert(
    fc.property(bytes, (body) => {
      try {
        parseAdmissionReview(body);
      } catch (error) {
        assert.ok(error instanceof AdmissionError, String(error));
      }
    }),
    property,
  );
});

test("a body is refused for a member given twice exactly where the strict reader refuses it", () => {
  const name = fc.constantFrom(
    "a",
    "b",
    "\\u0061",
    "__proto__",
    ":",
    '\\"',
    "{",
    "\\\\",
    "1",
    "é",
    "\\ud800",
  );
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, depthSize: "small" },
      fc.constantFrom("1", "true", "null", '""', '":"', '"\\""', '"{\\\\"', "1e2"),
      fc.array(tie("value"), { maxLength: 3 }).map((parts) => `[${parts.join(",")}]`),
      fc
        .array(fc.tuple(name, tie("value")), { maxLength: 4 })
        .map((members) => `{${members.map(([key, part]) => `"${key}": ${part}`).join(" ,")}}`),
    ),
  }));
  fc.assert(
    fc.property(value, (text) => {
      let expected: unknown;
      try {
        expected = toPlain(parseJson(text), Number);
      } catch (error) {
        const code = (error as { code: string }).code.replace("ERR_JSON", "ERR_ADMISSION");
        assert.throws(() => parseAdmissionReview(text), { code });
        return;
      }
      assert.deepEqual(parseAdmissionReview(text), expected);
    }),
    property,
  );
});

test("every URL gives a time that the API server waits for", () => {
  const part = fc.constantFrom(
    "?",
    "&",
    "timeout=",
    "10",
    "s",
    "ms",
    "m",
    ".",
    "-",
    "%",
    "0",
    "9".repeat(30),
    "µs",
  );
  const url = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(part).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(url, (text) => {
      const ms = reviewTimeout(text);
      assert.ok(Number.isInteger(ms) && ms >= 1 && ms <= 30_000, `${ms}`);
    }),
    property,
  );
});

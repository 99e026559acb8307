import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fieldText } from "../../../src/admission/images.ts";
import { parseAdmissionReview, reviewTimeout } from "../../../src/admission/index.ts";
import { formatJsonPointer } from "../../../src/admission/patch.ts";
import { platformsFor } from "../../../src/admission/platforms.ts";
import { shortText } from "../../../src/admission/text.ts";
import { review } from "./samples.ts";

describe("parseAdmissionReview", () => {
  const code = (expected: string) => (error: Error & { code?: string }) => error.code === expected;

  test("gives what JSON.parse gives for what is well formed", () => {
    const text = JSON.stringify(review({ kind: "CronJob" }));
    assert.deepEqual(parseAdmissionReview(Buffer.from(text)), JSON.parse(text));
  });

  test("a member that is given twice is refused, at any depth", () => {
    for (const text of [
      '{"kind":"AdmissionReview","kind":"AdmissionReview"}',
      '{"request":{"object":{"spec":{"containers":[{"image":"good","image":"bad"}]}}}}',
      '{"request":{"uid":"a","\\u0075id":"b"}}',
      '{"__proto__":1,"__proto__":2}',
      '{"a":":","a":"\\\\"}',
      '{"a\\"":{},"b":[{"x":1},{"x":1,"x":1}]}',
    ]) {
      assert.throws(() => parseAdmissionReview(text), code("ERR_ADMISSION_DUPLICATE_KEY"));
    }
  });

  test("a member that all objects inherit hides none that is given twice", (t) => {
    const name = "inheritedByAll";
    Object.defineProperty(Object.prototype, name, { value: 1, enumerable: true, configurable: true });
    t.after(() => Reflect.deleteProperty(Object.prototype, name));
    for (const text of ['{"a":1,"a":2}', '[{"a":1,"a":2}]', '{"b":{"a":1,"a":2}}']) {
      assert.throws(() => parseAdmissionReview(text), code("ERR_ADMISSION_DUPLICATE_KEY"));
    }
  });

  test("an image cannot hide behind a name that JSON.parse misreads", () => {
    const volume = (name: string) => `{"name":"v","${name}":{"reference":"evil"}}`;
    // V8 takes the name of the first text, `\\u006`, for the escaped one of the second.
    for (let turn = 0; turn < 2; turn++) parseAdmissionReview(volume("\\\\u006"));
    assert.deepEqual(parseAdmissionReview(volume("\\u0069mage")), {
      name: "v",
      image: { reference: "evil" },
    });
  });

  test("what is no JSON, or too deep, is refused", () => {
    for (const text of [
      "",
      "{",
      "{}x",
      "\ufeff{}",
      "{'a':1}",
      "[".repeat(2000),
      `${"[".repeat(1001)}${"]".repeat(1001)}`,
    ]) {
      assert.throws(() => parseAdmissionReview(text), code("ERR_ADMISSION_SYNTAX"));
    }
  });

  test("the limit is 7 MiB, or another one", () => {
    const text = (length: number) => Buffer.from(`"${"x".repeat(length - 2)}"`);
    assert.equal((parseAdmissionReview(text(7 * 1024 * 1024)) as string).length, 7 * 1024 * 1024 - 2);
    assert.throws(() => parseAdmissionReview(text(7 * 1024 * 1024 + 1)), code("ERR_ADMISSION_TOO_LARGE"));
    assert.throws(() => parseAdmissionReview(text(9), { maxBytes: 8 }), code("ERR_ADMISSION_TOO_LARGE"));
  });

  test("a prototype cannot be given", () => {
    const parsed = parseAdmissionReview('{"__proto__":{"kind":"AdmissionReview"}}') as object;
    assert.equal(Object.getPrototypeOf(parsed), Object.prototype);
    assert.equal("kind" in parsed, false);
  });
});

describe("reviewTimeout", () => {
  const cases: [url: string, expected: number][] = [
    ["/validate?timeout=10s", 9500],
    ["/?timeout=1s", 500],
    ["/?timeout=3s", 2500],
    ["/?timeout=500ms", 250],
    ["/?timeout=1m0s", 29_500],
    ["/?timeout=29.999999875s", 29_499],
    ["/?timeout=1.5s&x=1", 1000],
    ["/?x=1&timeout=2s", 1500],
    ["https://host/path?timeout=2s", 1500],
    ["/?timeout=900%C2%B5s", 1],
    ["/?timeout=1ns", 1],
    ["/?timeout=5h", 29_500],
    // None, or nothing that Go would have written.
    ["/", 9500],
    ["", 9500],
    ["/?timeout=", 9500],
    ["/?timeout=0s", 9500],
    ["/?timeout=-5s", 9500],
    ["/?timeout=10", 9500],
    ["/?timeout=10s!", 9500],
    ["/?timeout=s", 9500],
    ["/?timeout=1e3s", 9500],
    ["/?timeout=Infinitys", 9500],
    [`/?timeout=${"9".repeat(400)}s`, 9500],
  ];
  for (const [url, expected] of cases) test(url, () => assert.equal(reviewTimeout(url), expected));

  test("the margin and the default are the caller's to choose", () => {
    assert.equal(reviewTimeout("/?timeout=3s", { marginMs: 200 }), 2800);
    assert.equal(reviewTimeout("/", { defaultMs: 5000, marginMs: 0 }), 5000);
    for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => reviewTimeout("/", { marginMs: wrong }), RangeError);
      assert.throws(() => reviewTimeout("/", { defaultMs: wrong }), RangeError);
    }
  });
});

test("pointers escape what RFC 6901 says, and fields read as Kubernetes writes them", () => {
  assert.equal(
    formatJsonPointer(["metadata", "annotations", "a.example/b~c", 0]),
    "/metadata/annotations/a.example~1b~0c/0",
  );
  assert.equal(formatJsonPointer(["~1"]), "/~01");
  assert.equal(formatJsonPointer([]), "");
  assert.equal(fieldText(["spec", "containers", 12, "image"]), "spec.containers[12].image");
});

test("texts are cut to whole characters", () => {
  assert.equal(shortText("abc", 3), "abc");
  assert.equal(shortText("abcd", 3), "ab…");
  assert.equal(shortText("a😀b", 3), "a…");
  assert.equal(shortText("a\nb"), "a\\u{a}b");
  assert.equal(shortText("a\u202eb"), "a\\u{202e}b");
  assert.equal(shortText("\ud800"), "\\u{d800}");
  assert.ok(shortText("\0".repeat(1000)).length <= 256);
});

test("a nodeSelector leaves platforms out, and nothing else does", () => {
  const amd64 = { os: "linux", architecture: "amd64" };
  const arm64 = { os: "linux", architecture: "arm64" };
  const windows = { os: "windows", architecture: "amd64" };
  const all = [amd64, arm64, windows];
  const given = (nodeSelector: unknown) => platformsFor({ nodeSelector }, all);
  assert.deepEqual(platformsFor({}, all), all);
  for (const nothing of [undefined, null, "x", [], { disk: "ssd" }]) assert.deepEqual(given(nothing), all);
  assert.deepEqual(given({ "kubernetes.io/arch": "amd64" }), [amd64, windows]);
  assert.deepEqual(given({ "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux" }), [amd64]);
  assert.deepEqual(given({ "beta.kubernetes.io/os": "windows" }), [windows]);
  assert.deepEqual(given({ "beta.kubernetes.io/arch": "arm64", "kubernetes.io/arch": "amd64" }), []);
  assert.deepEqual(given({ "kubernetes.io/arch": 7 }), []);
  assert.deepEqual(
    platformsFor(Object.create({ nodeSelector: { "kubernetes.io/arch": "amd64" } }), all),
    all,
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseChallenges } from "../../../src/oci/challenge.ts";

test("two challenges in one line are told apart, best scheme first", () => {
  const [bearer, basic, ...rest] = parseChallenges(
    'Basic realm="a, b=c", Bearer realm="https://t.example/x",scope="repository:a:pull,push"',
  );
  assert.deepEqual(bearer, {
    scheme: "bearer",
    params: { realm: "https://t.example/x", scope: "repository:a:pull,push" },
  });
  assert.deepEqual(basic, { scheme: "basic", params: { realm: "a, b=c" } });
  assert.deepEqual(rest, []);
});

test("a scheme without parameters may be followed by another challenge", () => {
  assert.deepEqual(
    parseChallenges("Basic, Bearer realm=x").map(({ scheme, params }) => [scheme, { ...params }]),
    [
      ["bearer", { realm: "x" }],
      ["basic", {}],
    ],
  );
});

test("the token68 of an unknown scheme does not leak into the next challenge", () => {
  assert.deepEqual(parseChallenges('Negotiate YII/abc==, Basic realm="r"'), [
    { scheme: "basic", params: { realm: "r" } },
  ]);
});

test("spaces around the equals sign are tolerated, and the first of two equal names counts", () => {
  const [challenge] = parseChallenges('Bearer realm = "https://a" , realm="https://b"');
  assert.deepEqual(challenge?.params, { realm: "https://a" });
});

test("a parameter called __proto__ is an ordinary one", () => {
  const [challenge] = parseChallenges('Bearer __proto__="x",realm="r"');
  assert.deepEqual(Object.keys(challenge?.params ?? {}), ["__proto__", "realm"]);
  assert.equal(({} as Record<string, unknown>)["x"], undefined);
});

test("a parameter without value does not hide what follows", () => {
  const [challenge] = parseChallenges('Bearer realm="r",broken=,service="s"');
  assert.deepEqual(challenge?.params, { realm: "r", service: "s" });
});

test("a long hostile line is read in linear time", () => {
  const started = performance.now();
  assert.deepEqual(parseChallenges(`Bearer ${'a="'.repeat(40_000)}`)[0]?.scheme, "bearer");
  assert.deepEqual(parseChallenges(", ".repeat(100_000)), []);
  assert.ok(performance.now() - started < 2000);
});

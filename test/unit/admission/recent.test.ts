import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageAllowed } from "../../../src/admission/index.ts";
import { isHeld, recentDecisions } from "../../../src/admission/recent.ts";

const verifier = {};
const pinned = `example.com/app@sha256:${"a".repeat(64)}`;

function decision(...ends: (number | undefined)[]): ImageAllowed {
  const evaluations = ends.map((end) => ({
    reference: pinned,
    kind: "allowed" as const,
    digest: `sha256:${"a".repeat(64)}`,
    scope: "default",
    ...(end === undefined ? {} : { validUntil: end }),
  }));
  return { kind: "allowed", image: pinned, pinned, evaluations };
}

test("what rests on nothing that ends is kept for the time that was asked for", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  const recent = recentDecisions(60_000)(verifier, "linux/amd64");
  recent.keep(pinned, decision(undefined));
  t.mock.timers.setTime(9_700_000_000_000);
  assert.equal(recent.find(pinned, pinned)?.pinned, pinned);
});

test("nothing is kept longer than the first thing that it rests on is valid", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  const recent = recentDecisions(60_000)(verifier, "linux/amd64");
  recent.keep(pinned, decision(undefined, 1_700_000_020, 1_700_000_010));
  t.mock.timers.setTime(1_700_000_010_000);
  assert.equal(recent.find(pinned, pinned)?.pinned, pinned);
  t.mock.timers.setTime(1_700_000_010_001);
  assert.equal(recent.find(pinned, pinned), undefined);
});

test("only what is allowed is kept", () => {
  const recent = recentDecisions(60_000)(verifier, "linux/amd64");
  recent.keep(pinned, { kind: "refused", image: pinned, reason: "no" });
  recent.keep(pinned, { kind: "undecided", image: pinned, code: "ERR", reason: "no" });
  assert.equal(recent.find(pinned, pinned), undefined);
});

test("a decision counts for its verifier, its platforms, and the name that was decided on", () => {
  const recentFor = recentDecisions(60_000);
  const kept = decision(undefined);
  recentFor(verifier, "linux/amd64").keep(pinned, kept);
  assert.equal(recentFor(verifier, "linux/amd64").find(pinned, pinned), kept);
  assert.equal(recentFor({}, "linux/amd64").find(pinned, pinned), undefined);
  assert.equal(recentFor(verifier, "linux/amd64,linux/arm64").find(pinned, pinned), undefined);
  assert.equal(recentFor(verifier, "linux/amd64").find(pinned, `mirror.${pinned}`), undefined);
  assert.equal(recentFor(verifier, "linux/amd64").find(`mirror.${pinned}`, pinned), undefined);
  assert.equal(recentDecisions(60_000)(verifier, "linux/amd64").find(pinned, pinned), undefined);
});

test("what is kept cannot be changed any more, and is known as such", () => {
  const recent = recentDecisions(60_000)(verifier, "linux/amd64");
  const kept = decision(undefined);
  assert.equal(isHeld(kept), false);
  recent.keep(pinned, kept);
  assert.equal(isHeld(kept), true);
  assert.ok([kept, kept.evaluations, ...(kept.evaluations ?? [])].every(Object.isFrozen));
});

test("with no time to keep anything nothing is kept", () => {
  const recent = recentDecisions(0)(verifier, "linux/amd64");
  const one = decision(undefined);
  recent.keep(pinned, one);
  assert.equal(recent.find(pinned, pinned), undefined);
  assert.equal(isHeld(one), false);
});

test("no more than a thousand are kept", () => {
  const recent = recentDecisions(60_000)(verifier, "linux/amd64");
  for (let index = 0; index < 1001; index++) {
    recent.keep(pinned, { ...decision(undefined), image: `${pinned}-${index}` });
  }
  assert.equal(recent.find(`${pinned}-0`, pinned), undefined);
  assert.notEqual(recent.find(`${pinned}-1000`, pinned), undefined);
});

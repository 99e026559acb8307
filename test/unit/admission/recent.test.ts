import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageAllowed } from "../../../src/admission/index.ts";
import { recentDecisions } from "../../../src/admission/recent.ts";

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
  const recent = recentDecisions(60_000);
  recent.keep(verifier, "a", decision(undefined));
  t.mock.timers.setTime(9_700_000_000_000);
  assert.equal(recent.find(verifier, "a")?.pinned, pinned);
  assert.equal(recent.find({}, "a"), undefined);
  assert.equal(recent.find(verifier, "b"), undefined);
});

test("nothing is kept longer than the first thing that it rests on is valid", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  const recent = recentDecisions(60_000);
  recent.keep(verifier, "a", decision(undefined, 1_700_000_020, 1_700_000_010));
  t.mock.timers.setTime(1_700_000_010_000);
  assert.equal(recent.find(verifier, "a")?.pinned, pinned);
  t.mock.timers.setTime(1_700_000_010_001);
  assert.equal(recent.find(verifier, "a"), undefined);
});

test("only what is allowed is kept", () => {
  const recent = recentDecisions(60_000);
  recent.keep(verifier, "a", { kind: "refused", image: pinned, reason: "no" });
  recent.keep(verifier, "b", { kind: "undecided", image: pinned, code: "ERR", reason: "no" });
  assert.equal(recent.find(verifier, "a"), undefined);
  assert.equal(recent.find(verifier, "b"), undefined);
});

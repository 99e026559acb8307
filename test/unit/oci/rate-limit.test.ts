import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRateLimit } from "../../../src/oci/rate-limit.ts";

test("the headers of Docker Hub", () => {
  assert.deepEqual(
    parseRateLimit({
      "ratelimit-limit": "100;w=21600",
      "ratelimit-remaining": "76;w=21600",
      "docker-ratelimit-source": "192.0.2.7",
    }),
    { limit: 100, remaining: 76, windowSeconds: 21_600, source: "192.0.2.7" },
  );
});

test("the headers of the drafts, older and newer, and those with X-", () => {
  assert.deepEqual(
    parseRateLimit({ "ratelimit-limit": "10, 10;w=1", "ratelimit-remaining": "0", "ratelimit-reset": "7" }),
    { limit: 10, remaining: 0, resetSeconds: 7 },
  );
  assert.deepEqual(
    parseRateLimit({ ratelimit: '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60, "x";q=1' }),
    { remaining: 50, resetSeconds: 30, limit: 100, windowSeconds: 60 },
  );
  assert.deepEqual(parseRateLimit({ "x-ratelimit-limit": "5", "x-ratelimit-remaining": "4" }), {
    limit: 5,
    remaining: 4,
  });
});

test("what tells nothing, or is no number, counts for nothing", () => {
  assert.equal(parseRateLimit({}), undefined);
  assert.equal(parseRateLimit({ "docker-ratelimit-source": "a" }), undefined);
  for (const text of ["", "x", "-1", "1e3", "0x10", "1.5", "9".repeat(400), ";w=1x"]) {
    assert.equal(parseRateLimit({ "ratelimit-limit": text, ratelimit: text }), undefined, text);
  }
  assert.deepEqual(parseRateLimit({ "ratelimit-limit": "1", "docker-ratelimit-source": "a\u0007b" }), {
    limit: 1,
  });
});

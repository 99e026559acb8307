import assert from "node:assert/strict";
import { test } from "node:test";
import { OciError } from "../../../src/oci/errors.ts";
import {
  backoffMs,
  isTransient,
  parseRetryAfter,
  resolveRetryPolicy,
  withRetries,
} from "../../../src/oci/retry.ts";

const now = Date.UTC(2026, 0, 1, 12, 0, 0);

test("Retry-After is seconds or an HTTP date", () => {
  assert.equal(parseRetryAfter("120", now), 120_000);
  assert.equal(parseRetryAfter(" 0 ", now), 0);
  assert.equal(parseRetryAfter("Thu, 01 Jan 2026 12:00:30 GMT", now), 30_000);
  assert.equal(parseRetryAfter("Thursday, 01-Jan-26 12:00:30 GMT", now), 30_000);
  assert.equal(parseRetryAfter("Thu, 01 Jan 2026 11:00:00 GMT", now), 0);
  for (const text of [
    undefined,
    "",
    "-1",
    "1.5",
    "1e9",
    "12345678901",
    "2026-01-01",
    "soon",
    "Thu, nonsense",
  ]) {
    assert.equal(parseRetryAfter(text, now), undefined, String(text));
  }
});

test("the bound of a wait doubles up to its limit, and the wait is anywhere below", () => {
  const policy = resolveRetryPolicy({ baseMs: 100, maxMs: 1000 });
  const longest = [2, 3, 4, 5, 6, 100].map((attempt) => backoffMs(attempt, policy, () => 1));
  assert.deepEqual(longest, [100, 200, 400, 800, 1000, 1000]);
  assert.equal(
    backoffMs(5, policy, () => 0),
    0,
  );
});

test("only failures that may pass are transient", () => {
  for (const statusCode of [408, 429, 500, 502, 503, 504]) {
    assert.ok(isTransient(new OciError("ERR_OCI_STATUS", "", { statusCode })));
  }
  for (const statusCode of [400, 401, 403, 404, 405, 501, 505, undefined]) {
    assert.ok(!isTransient(new OciError("ERR_OCI_STATUS", "", { statusCode })));
  }
  const network = (code: string) =>
    new OciError("ERR_OCI_NETWORK", "", { cause: Object.assign(new Error(), { code }) });
  assert.ok(isTransient(network("ECONNRESET")));
  assert.ok(!isTransient(network("ENOTFOUND")));
  assert.ok(!isTransient(network("CERT_HAS_EXPIRED")));
  assert.ok(!isTransient(new OciError("ERR_OCI_NETWORK", "")));
  assert.ok(!isTransient(new Error("ECONNRESET")));
});

test("the last error comes out when the tries are used up", async () => {
  let runs = 0;
  const policy = resolveRetryPolicy({ attempts: 3, baseMs: 0 });
  const run = async (): Promise<void> => {
    throw new OciError("ERR_OCI_STATUS", String(++runs), { statusCode: 500 });
  };
  await assert.rejects(withRetries(run, { policy }), { message: "3" });
});

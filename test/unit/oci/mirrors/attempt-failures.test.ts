import assert from "node:assert/strict";
import { test } from "node:test";
import { CoreError } from "../../../../src/core/errors.ts";
import { OciError } from "../../../../src/oci/errors.ts";
import { failureOf, mayFallThrough, mayUsePlainHttp } from "../../../../src/oci/mirrors/attempt-failures.ts";
import type { PullAttempt } from "../../../../src/oci/mirrors/index.ts";

function attempt(httpFallback: PullAttempt["httpFallback"], url = "https://m.example:5000/v2"): PullAttempt {
  return {
    kind: "mirror",
    url,
    reference: { domain: "r.example", path: "a" },
    domain: "m.example:5000",
    capabilities: ["pull", "resolve"],
    headers: {},
    tls: { ca: [], client: [], skipVerify: true },
    httpFallback,
    reason: "",
  };
}

const network = (code: string): OciError =>
  new OciError("ERR_OCI_NETWORK", code, { cause: Object.assign(new Error(code), { code }) });

test("plain HTTP follows only where it is configured, and TLS is not spoken", () => {
  const notTls = network("ERR_SSL_WRONG_VERSION_NUMBER");
  const badCertificate = network("DEPTH_ZERO_SELF_SIGNED_CERT");
  const refused = network("ECONNREFUSED");
  assert.equal(mayUsePlainHttp(attempt("never"), notTls), false);
  assert.equal(mayUsePlainHttp(attempt("not-tls"), notTls), true);
  assert.equal(mayUsePlainHttp(attempt("not-tls"), badCertificate), false);
  assert.equal(mayUsePlainHttp(attempt("not-tls"), refused), false);
  assert.equal(mayUsePlainHttp(attempt("not-tls", "https://m.example/v2"), refused), true);
  assert.equal(mayUsePlainHttp(attempt("any-failure"), refused), true);
  const answered = new OciError("ERR_OCI_UNAUTHORIZED", "401", { statusCode: 401 });
  assert.equal(mayUsePlainHttp(attempt("any-failure"), answered), false);
});

test("no other place is asked after an abort, a mistake, or a configuration that cannot be used", () => {
  assert.equal(mayFallThrough(network("ECONNRESET"), undefined), true);
  assert.equal(mayFallThrough(new CoreError("ERR_DIGEST_MISMATCH", ""), undefined), true);
  assert.equal(mayFallThrough(network("ECONNRESET"), AbortSignal.abort()), false);
  assert.equal(mayFallThrough(new TypeError("mistake"), undefined), false);
  for (const code of ["ERR_OCI_CLOSED", "ERR_OCI_CONFIG_INVALID"] as const) {
    assert.equal(mayFallThrough(new OciError(code, ""), undefined), false);
  }
});

test("wrong content is told as it is, before everything else", () => {
  const wrong = new CoreError("ERR_DIGEST_MISMATCH", "wrong");
  const errors = [network("ECONNREFUSED"), new OciError("ERR_OCI_DENIED", "no"), wrong];
  assert.equal(failureOf(errors.map((error) => ({ attempt: attempt("never"), error }))), wrong);
  const [only] = errors;
  assert.equal(failureOf([{ attempt: attempt("never"), error: only }]), only);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { CriError } from "../../../src/cri/index.ts";
import { reasonOf, redactSecrets, statusNumberOf, toCriError } from "../../../src/cri/status.ts";

const METHOD = { method: "RuntimeService/Status", secrets: [] };

function serviceError(code: number, details: string): Error {
  return Object.assign(new Error(`${code} ${details}`), { code, details });
}

const CODES: [number, string, string][] = [
  [1, "CANCELLED", "ERR_CRI_CANCELLED"],
  [2, "UNKNOWN", "ERR_CRI_UNKNOWN"],
  [3, "INVALID_ARGUMENT", "ERR_CRI_INVALID_ARGUMENT"],
  [4, "DEADLINE_EXCEEDED", "ERR_CRI_DEADLINE_EXCEEDED"],
  [5, "NOT_FOUND", "ERR_CRI_NOT_FOUND"],
  [6, "ALREADY_EXISTS", "ERR_CRI_ALREADY_EXISTS"],
  [7, "PERMISSION_DENIED", "ERR_CRI_PERMISSION_DENIED"],
  [8, "RESOURCE_EXHAUSTED", "ERR_CRI_RESOURCE_EXHAUSTED"],
  [9, "FAILED_PRECONDITION", "ERR_CRI_FAILED_PRECONDITION"],
  [10, "ABORTED", "ERR_CRI_ABORTED"],
  [11, "OUT_OF_RANGE", "ERR_CRI_OUT_OF_RANGE"],
  [12, "UNIMPLEMENTED", "ERR_CRI_UNIMPLEMENTED"],
  [13, "INTERNAL", "ERR_CRI_INTERNAL"],
  [14, "UNAVAILABLE", "ERR_CRI_UNAVAILABLE"],
  [15, "DATA_LOSS", "ERR_CRI_DATA_LOSS"],
  [16, "UNAUTHENTICATED", "ERR_CRI_UNAUTHENTICATED"],
  [17, "UNKNOWN", "ERR_CRI_UNKNOWN"],
  [-1, "UNKNOWN", "ERR_CRI_UNKNOWN"],
];

for (const [number, name, code] of CODES) {
  test(`gRPC status ${number} is ${code}`, () => {
    const error = toCriError(serviceError(number, "what happened"), METHOD);
    assert.equal(error.code, code);
    assert.deepEqual(error.status, { number, name });
    assert.equal(error.details, "what happened");
    assert.equal(error.method, "RuntimeService/Status");
    assert.ok(error.cause instanceof Error);
    if (number > 0 && number < 17) assert.equal(statusNumberOf(code), number);
  });
}

test("a status with an empty text, and an error that is none of gRPC", () => {
  assert.equal(toCriError(serviceError(5, ""), METHOD).message, "RuntimeService/Status: NOT_FOUND");
  const odd = toCriError(new Error("socket hang up"), METHOD);
  assert.equal(odd.code, "ERR_CRI_UNKNOWN");
  assert.equal(odd.details, "socket hang up");
  assert.equal(toCriError("text", METHOD).details, "text");
  assert.equal(statusNumberOf("ERR_CRI_CLOSED"), 2);
});

test("an error of lading stays what it is", () => {
  const error = new CriError("ERR_CRI_INVALID_RESPONSE", "x");
  assert.equal(toCriError(error, METHOD), error);
});

for (const [number, text, implemented] of [
  [2, "not implemented yet", false],
  [2, "not implemented", false],
  [2, "update failed: not implemented", false],
  [2, "checkpoint/restore support not available", false],
  [2, "checkpoint/restore support not available in this image, trying another", true],
  [12, "pod stats: not implemented: not implemented", false],
  [12, "unknown service runtime.v1.RuntimeService", false],
  [12, "unknown method StreamContainers for service runtime.v1.RuntimeService", false],
  [12, "method GetContainerEvents not implemented", false],
  [12, "", false],
  [2, "volume driver says not implemented yet, retrying", true],
  [5, "not implemented yet", true],
] as const) {
  test(`${implemented ? "a failure" : "unimplemented"}: ${number} ${text}`, () => {
    const { code } = toCriError(serviceError(number, text), METHOD);
    assert.equal(code === "ERR_CRI_UNIMPLEMENTED", !implemented);
  });
}

for (const [text, reason] of [
  ["SignatureValidationFailed: Source image rejected: A signature was required", "SignatureValidationFailed"],
  ["RegistryUnavailable", "RegistryUnavailable"],
  ["RROUnsupported: x", "RROUnsupported"],
  ["ImageVolumeMountFailed: x", "ImageVolumeMountFailed"],
  ["SignatureValidationFailedX: y", undefined],
  ["SignatureValidationFailed:y", undefined],
  ["signatureValidationFailed: y", undefined],
  [" SignatureValidationFailed: y", undefined],
  ["pull: SignatureValidationFailed: y", undefined],
  ["ErrImagePull: y", undefined],
  ["toString: y", undefined],
  ["", undefined],
] as const) {
  test(`reason of ${JSON.stringify(text)}`, () => {
    assert.equal(reasonOf(text), reason);
    for (const status of [2, 9]) {
      assert.equal(toCriError(serviceError(status, text), METHOD).reason, reason);
    }
  });
}

test("secrets are replaced in every field, and the original error is not kept", () => {
  const secrets = ["s3cr3t", "s3cr3t+more", "a.c"];
  const text = "SignatureValidationFailed: user s3cr3t+more then s3cr3t, a.c but not abc";
  const error = toCriError(serviceError(2, text), { method: "ImageService/PullImage", secrets });
  assert.equal(error.reason, "SignatureValidationFailed");
  assert.equal(
    error.details,
    "SignatureValidationFailed: user [redacted] then [redacted], [redacted] but not abc",
  );
  assert.ok(!error.message.includes("s3cr3t"));
  assert.ok(!("cause" in error));
  assert.ok(!(error.stack ?? "").includes("s3cr3t"));
});

test("redaction takes every character literally", () => {
  for (const secret of ["a|b", "(", "[x]", "\\", "^$", "a-b", "{2}", "/", "?", "*", "é\u{1f600}"]) {
    assert.equal(redactSecrets(`<${secret}>`, [secret]), "<[redacted]>");
  }
  assert.equal(redactSecrets("nothing here", ["", "x"]), "nothing here");
});

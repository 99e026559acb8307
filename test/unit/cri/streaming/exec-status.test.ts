import assert from "node:assert/strict";
import { test } from "node:test";
import { parseExecStatus, parseExecStatusText } from "../../../../src/cri/streaming/exec-status.ts";

const exited = (exitCode: number) => ({ kind: "exited", exitCode });
const nonZero = (causes: unknown) =>
  JSON.stringify({ status: "Failure", reason: "NonZeroExitCode", details: { causes } });

test("success, an exit code, and a command that could not be run", () => {
  assert.deepEqual(parseExecStatus('{"metadata":{},"status":"Success"}'), exited(0));
  assert.deepEqual(
    parseExecStatus(Buffer.from(nonZero([{ reason: "ExitCode", message: "255" }]))),
    exited(255),
  );
  const message = "Internal error occurred: error executing command in container: no such file";
  assert.deepEqual(
    parseExecStatus(JSON.stringify({ status: "Failure", reason: "InternalError", message, code: 500 })),
    { kind: "failed", message },
  );
  assert.deepEqual(parseExecStatus('{"status":"Failure"}'), { kind: "failed", message: "" });
});

test("the first cause that is an exit code counts", () => {
  const causes = [
    { reason: "Other", message: "9" },
    { reason: "ExitCode", message: "1" },
    { reason: "ExitCode", message: "2" },
  ];
  assert.deepEqual(parseExecStatus(nonZero(causes)), exited(1));
});

test("a status that leaves the outcome open is no outcome", () => {
  for (const json of [
    "",
    "{}",
    "[]",
    "null",
    '{"status":"Success"',
    '{"status":"Success"}{"status":"Failure"}',
    '{"status":"Success","status":"Failure"}',
    '{"status":"success"}',
    '{"status":true}',
    nonZero(undefined),
    nonZero(null),
    nonZero({}),
    nonZero([{ reason: "ExitCode" }]),
    nonZero(["ExitCode"]),
    // A failure that is a success.
    nonZero([{ reason: "ExitCode", message: "0" }]),
    nonZero([{ reason: "ExitCode", message: "+1" }]),
    nonZero([{ reason: "ExitCode", message: "1.0" }]),
    nonZero([{ reason: "ExitCode", message: "0x1" }]),
    nonZero([{ reason: "ExitCode", message: " 1" }]),
    nonZero([{ reason: "ExitCode", message: 1 }]),
    nonZero([{ reason: "ExitCode", message: "-1" }]),
    nonZero([{ reason: "ExitCode", message: "256" }]),
  ]) {
    assert.throws(() => parseExecStatus(json), { code: "ERR_CRI_STREAM_PROTOCOL" }, json);
  }
});

test("texts of version 1", () => {
  assert.deepEqual(parseExecStatusText(""), exited(0));
  const text =
    "command terminated with non-zero exit code: error executing command [sh -c exit code 3], exit code 7";
  assert.deepEqual(parseExecStatusText(text), exited(7));
  for (const failed of [
    "Internal error occurred: error executing command in container: exit code 7",
    "command terminated with non-zero exit code: something, exit code 0",
    "command terminated with non-zero exit code: something, exit code 999",
    " ",
  ]) {
    assert.deepEqual(parseExecStatusText(failed), { kind: "failed", message: failed });
  }
});

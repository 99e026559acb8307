import assert from "node:assert/strict";
import { test } from "node:test";
import { CriError } from "../../../../src/cri/errors.ts";
import { parseAuth, parseCreds } from "../../../../src/cri/operations/credentials.ts";

const invalid = (error: unknown) =>
  error instanceof CriError &&
  error.code === "ERR_CRI_CREDENTIALS_INVALID" &&
  !error.message.includes("secret");

test("credentials are split at the first colon", () => {
  for (const [text, username, password] of [
    ["alice:secret", "alice", "secret"],
    ["alice:a:b:", "alice", "a:b:"],
    ["alice", "alice", ""],
    ["alice:", "alice", ""],
    ["größe:\u{1f6a2}", "größe", "\u{1f6a2}"],
  ] as const) {
    const credentials = parseCreds(text);
    assert.equal(credentials.username, username);
    assert.equal(credentials.password, password);
    assert.equal(credentials.serverAddress, "");
  }
});

test("credentials without a user are refused, and not repeated", () => {
  for (const text of ["", ":", ":secret"]) assert.throws(() => parseCreds(text), invalid);
});

test("only one form of credentials can be given", () => {
  assert.equal(parseAuth({}), undefined);
  assert.equal(parseAuth({ creds: "", auth: "" }), undefined);
  assert.equal(parseAuth({ creds: "alice:secret" })?.password, "secret");
  assert.equal(parseAuth({ auth: "c2VjcmV0" })?.auth, "c2VjcmV0");
  assert.throws(() => parseAuth({ creds: "alice:secret", auth: "c2VjcmV0" }), invalid);
  assert.throws(() => parseAuth({ creds: ":secret" }), invalid);
});

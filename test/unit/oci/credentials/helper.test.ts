import assert from "node:assert/strict";
import { test } from "node:test";
import {
  eraseFromHelper,
  getFromHelper,
  listHelper,
  storeInHelper,
} from "../../../../src/oci/credentials/helper.ts";
import type {
  CredentialHelperRequest,
  CredentialHelperResult,
} from "../../../../src/oci/credentials/helper-protocol.ts";
import { OciError } from "../../../../src/oci/errors.ts";

const CANARY = "canary-secret";
const failure = { code: "ERR_OCI_CREDENTIAL_HELPER" };

/** A helper that writes a text and ends with an exit code, and what it was asked. */
function answering(stdout: string | Uint8Array, exitCode: number | null = 0) {
  const requests: CredentialHelperRequest[] = [];
  const run = async (request: CredentialHelperRequest): Promise<CredentialHelperResult> => {
    requests.push(request);
    return { kind: "ended", exitCode, stdout: typeof stdout === "string" ? Buffer.from(stdout) : stdout };
  };
  return { run, requests };
}
const missing = { run: async (): Promise<CredentialHelperResult> => ({ kind: "missing" }) };

test("get gives a password, or the identity token of the user <token>", async () => {
  const helper = answering(`{"ServerURL":"r.example","Username":"u","Secret":"${CANARY}"}\n`);
  assert.deepEqual(await getFromHelper("pass", "r.example", helper), {
    kind: "password",
    username: "u",
    password: CANARY,
  });
  assert.deepEqual(
    helper.requests.map(({ name, action, input }) => ({ name, action, input })),
    [{ name: "pass", action: "get", input: "r.example" }],
  );
  const token = answering(`{"username":"<token>","SECRET":"${CANARY}"}`);
  assert.deepEqual(await getFromHelper("acr", "r.example", token), { kind: "identity-token", token: CANARY });
});

test("not found is the known text with a failure, and empty credentials", async () => {
  const text = "credentials not found in native keychain";
  assert.equal(await getFromHelper("h", "r.example", answering(`${text}\n`, 1)), undefined);
  assert.equal(await getFromHelper("h", "r.example", answering(` ${text} `, 255)), undefined);
  assert.equal(await getFromHelper("h", "r.example", answering('{"Username":"","Secret":""}')), undefined);
  assert.equal(await getFromHelper("h", "r.example", answering("{}")), undefined);
  await assert.rejects(getFromHelper("h", "r.example", answering(text, 0)), failure);
  await assert.rejects(getFromHelper("h", "r.example", answering(`error: ${text}`, 1)), failure);
  await assert.rejects(getFromHelper("h", "r.example", answering(text.padEnd(5000), 1)), failure);
});

test("whatever else a helper does is a failure that repeats nothing of it", async () => {
  const good = `{"ServerURL":"r.example","Username":"u","Secret":"${CANARY}"}`;
  const broken: [stdout: string, exitCode: number | null][] = [
    [good, 1],
    [good, null],
    [CANARY, 0],
    ["", 0],
    [`${good}${good}`, 0],
    [`[${good}]`, 0],
    [`{"Username":"u","Secret":["${CANARY}"]}`, 0],
    [`{"Username":{"${CANARY}":1},"Secret":"x"}`, 0],
    [`"${CANARY}"`, 0],
    [CANARY, 1],
  ];
  for (const [stdout, exitCode] of broken) {
    await assert.rejects(getFromHelper("h", "r.example", answering(stdout, exitCode)), (error) => {
      assert.ok(error instanceof OciError);
      assert.equal(error.code, failure.code);
      assert.ok(!`${error.message}${error.stack}${error.cause}${JSON.stringify(error)}`.includes(CANARY));
      return true;
    });
  }
});

test("a missing program fails for all but list", async () => {
  const password = { kind: "password", username: "u", password: CANARY } as const;
  await assert.rejects(getFromHelper("h", "r.example", missing), failure);
  await assert.rejects(storeInHelper("h", "r.example", password, missing), failure);
  await assert.rejects(eraseFromHelper("h", "r.example", missing), failure);
  assert.deepEqual(await listHelper("h", missing), new Map());
});

test("store sends the credentials, an identity token as that of <token>", async () => {
  const helper = answering("");
  await storeInHelper("h", "r.example", { kind: "password", username: "ü", password: CANARY }, helper);
  await storeInHelper("h", "r.example", { kind: "identity-token", token: CANARY, username: "u" }, helper);
  assert.deepEqual(
    helper.requests.map(({ action, input }) => [action, JSON.parse(input)]),
    [
      ["store", { ServerURL: "r.example", Username: "ü", Secret: CANARY }],
      ["store", { ServerURL: "r.example", Username: "<token>", Secret: CANARY }],
    ],
  );
  await assert.rejects(
    storeInHelper("h", "r.example", { kind: "registry-token", token: CANARY }, helper),
    TypeError,
  );
  const full = answering(CANARY, 1);
  await assert.rejects(
    storeInHelper("h", "r.example", { kind: "password", username: "u", password: CANARY }, full),
    (error) => error instanceof OciError && error.code === failure.code && !error.message.includes(CANARY),
  );
});

test("erase says whether there was anything", async () => {
  assert.equal(await eraseFromHelper("h", "r.example", answering("")), true);
  assert.equal(
    await eraseFromHelper("h", "r.example", answering("credentials not found in native keychain", 1)),
    false,
  );
  await assert.rejects(eraseFromHelper("h", "r.example", answering("locked", 1)), failure);
  assert.equal(
    await eraseFromHelper("h", "r.example", answering("credentials not found in native keychain", 0)),
    true,
  );
});

test("list gives users by server", async () => {
  const helper = answering('{"https://index.docker.io/v1/":"u","r.example":"<token>"}');
  assert.deepEqual(
    [...(await listHelper("h", helper))],
    [
      ["https://index.docker.io/v1/", "u"],
      ["r.example", "<token>"],
    ],
  );
  await assert.rejects(listHelper("h", answering('{"a":1}')), failure);
  await assert.rejects(listHelper("h", answering("{}", 1)), failure);
});

test("a name that leads elsewhere is never run", async () => {
  const helper = answering("{}");
  const names = [
    "",
    "../x",
    "a/b",
    "a\\b",
    "a b",
    "a;b",
    "-x",
    ".x",
    "..",
    "a\0",
    "a\n",
    "ä",
    "$(id)",
    "x".repeat(101),
  ];
  for (const name of names) await assert.rejects(getFromHelper(name, "r.example", helper), failure, name);
  assert.equal(helper.requests.length, 0);
  for (const name of ["ecr-login", "desktop.exe", "gcloud", "osxkeychain", "A_1"]) {
    await getFromHelper(name, "r.example", helper);
  }
  assert.equal(helper.requests.length, 5);
});

test("a server of more than one line is never asked for", async () => {
  const helper = answering("{}");
  for (const server of ["", "a\nb", "a\r", "a\0", "\u0085"]) {
    await assert.rejects(getFromHelper("h", server, helper), TypeError);
    await assert.rejects(eraseFromHelper("h", server, helper), TypeError);
  }
  assert.equal(helper.requests.length, 0);
});

test("a runner that gives no result is a mistake, not an absence", async () => {
  for (const result of [
    undefined,
    null,
    {},
    { kind: "ended" },
    { kind: "ended", exitCode: 0, stdout: "{}" },
  ]) {
    const run = async () => result as CredentialHelperResult;
    await assert.rejects(getFromHelper("h", "r.example", { run }), TypeError);
  }
});

test("nothing is run after an abort", async () => {
  const helper = answering("{}");
  const reason = new Error("stop");
  await assert.rejects(
    getFromHelper("h", "r.example", { ...helper, signal: AbortSignal.abort(reason) }),
    reason,
  );
  assert.equal(helper.requests.length, 0);
});

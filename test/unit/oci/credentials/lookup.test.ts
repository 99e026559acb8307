import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAuthFile } from "../../../../src/oci/credentials/auth-file.ts";
import type { RunCredentialHelper } from "../../../../src/oci/credentials/helper-protocol.ts";
import { type LookUpCredentialsOptions, lookUpCredentials } from "../../../../src/oci/credentials/lookup.ts";
import { OciError } from "../../../../src/oci/errors.ts";

const CANARY = "canary-secret";
const pair = (user: string) => ({ auth: Buffer.from(`${user}:${CANARY}`).toString("base64") });

/** Files by path, in order; a text stands for a file that cannot be read. */
function filesOf(
  files: Readonly<Record<string, object | string | undefined>>,
): Pick<LookUpCredentialsOptions, "files" | "readAuthFile"> {
  return {
    files: Object.keys(files).map((path) => ({ path, legacy: false })),
    readAuthFile: async ({ path }) => {
      const file = files[path];
      return file === undefined
        ? undefined
        : parseAuthFile(typeof file === "string" ? file : JSON.stringify(file));
    },
  };
}

/** Helpers that answer `user-NAME` for each server of theirs; others know nothing, and `broken` fails. */
function helpers(
  known: Readonly<Record<string, readonly string[]>>,
  asked: string[] = [],
): RunCredentialHelper {
  return async ({ name, action, input }) => {
    asked.push(`${name} ${action} ${input}`);
    if (name === "absent") return { kind: "missing" };
    const bytes = (text: string) => new TextEncoder().encode(text);
    if (name === "broken") return { kind: "ended", exitCode: 1, stdout: bytes(CANARY) };
    if (!known[name]?.includes(input)) {
      return { kind: "ended", exitCode: 1, stdout: bytes("credentials not found in native keychain\n") };
    }
    const stdout = bytes(JSON.stringify({ ServerURL: input, Username: `user-${name}`, Secret: CANARY }));
    return { kind: "ended", exitCode: 0, stdout };
  };
}

const userOf = async (key: string, options: LookUpCredentialsOptions) => {
  const { credentials } = await lookUpCredentials(key, options);
  return credentials?.kind === "password" ? credentials.username : credentials?.kind;
};

test("the way to the credentials is told, and holds no secret", async () => {
  const run = helpers({ h: ["r.example"] });
  const result = await lookUpCredentials("r.example/a/b", {
    ...filesOf({
      "/missing": undefined,
      "/other": { auths: { "x.example": pair("x") } },
      "/empty": { auths: { "r.example/a": {} } },
      "/helper": { credHelpers: { "r.example": "nothing" } },
      "/found": { auths: { "r.example": pair("u") } },
      "/late": { auths: { "r.example": pair("late") } },
    }),
    run,
  });
  assert.deepEqual(result.credentials, { kind: "password", username: "u", password: CANARY });
  assert.deepEqual(result.steps, [
    { kind: "file", path: "/missing", outcome: "missing" },
    { kind: "file", path: "/other", outcome: "none" },
    { kind: "file", path: "/empty", outcome: "empty", key: "r.example/a", reason: "empty" },
    { kind: "helper", helper: "nothing", server: "r.example", path: "/helper", outcome: "none" },
    { kind: "file", path: "/found", outcome: "found", key: "r.example" },
  ]);
  assert.ok(!JSON.stringify(result.steps).includes(CANARY));
});

test("helpers are asked in the order of the list, about the host alone", async () => {
  const asked: string[] = [];
  const options = {
    ...filesOf({ "/f": { auths: { "r.example": pair("file") } } }),
    run: helpers({ one: [], two: ["r.example"] }, asked),
  };
  assert.equal(
    await userOf("r.example/a", { ...options, credentialHelpers: ["one", "two", "containers-auth.json"] }),
    "user-two",
  );
  assert.deepEqual(asked, ["one get r.example", "two get r.example"]);
  assert.equal(
    await userOf("r.example/a", { ...options, credentialHelpers: ["one", "containers-auth.json", "two"] }),
    "file",
  );
  assert.equal(await userOf("r.example/a", { ...options, credentialHelpers: ["one"] }), undefined);
  assert.equal(await userOf("r.example/a", { ...options, credentialHelpers: [] }), undefined);
});

test("a helper that fails gives way to the next one, and its failure stands in the steps", async () => {
  const options = { ...filesOf({}), run: helpers({ good: ["r.example"] }) };
  const { credentials, steps } = await lookUpCredentials("r.example", {
    ...options,
    credentialHelpers: ["broken", "absent", "../x", "good"],
  });
  assert.equal(credentials?.kind, "password");
  assert.deepEqual(
    steps.map((step) => step.kind === "helper" && [step.helper, step.outcome]),
    [
      ["broken", "failed"],
      ["absent", "failed"],
      ["../x", "failed"],
      ["good", "found"],
    ],
  );
});

test("nobody is anonymous because a helper failed", async () => {
  const options = { ...filesOf({}), run: helpers({}) };
  await assert.rejects(
    lookUpCredentials("r.example", { ...options, credentialHelpers: ["broken", "none"] }),
    (error) => {
      assert.ok(error instanceof OciError);
      assert.equal(error.code, "ERR_OCI_CREDENTIAL_HELPER");
      assert.ok(!`${error.message}${error.stack}${error.cause}`.includes(CANARY));
      return true;
    },
  );
  await assert.rejects(
    lookUpCredentials("r.example", { ...options, credentialHelpers: ["broken", "absent"] }),
    (error) =>
      error instanceof OciError && error.cause instanceof AggregateError && error.cause.errors.length === 2,
  );
  await assert.rejects(
    lookUpCredentials("r.example", { ...filesOf({ "/f": { credHelpers: { "r.example": "h" } } }) }),
    { code: "ERR_OCI_CREDENTIAL_HELPER" },
  );
});

test("behind a broken file none of the other files is used, but the next helper is", async () => {
  const files = filesOf({
    "/broken": `{"auths":{"r.example":"${CANARY}"}}`,
    "/good": { auths: { "r.example": pair("u") } },
  });
  await assert.rejects(lookUpCredentials("r.example/a", files), (error) => {
    assert.ok(error instanceof OciError);
    assert.equal(error.code, "ERR_OCI_AUTH_FILE_INVALID");
    assert.ok(error.message.startsWith("/broken: "));
    assert.ok(!`${error.message}${error.stack}${error.cause}`.includes(CANARY));
    return true;
  });
  const run = helpers({ h: ["r.example"] });
  const credentialHelpers = ["containers-auth.json", "h"];
  assert.equal(await userOf("r.example/a", { ...files, run, credentialHelpers }), "user-h");
});

test("both: Docker's reading is the second one of each file", async () => {
  const run = helpers({ store: ["r.example", "https://index.docker.io/v1/"] });
  const rules = "both" as const;
  const desktop = filesOf({
    "/d": { auths: { "https://index.docker.io/v1/": {}, "r.example": {} }, credsStore: "store" },
  });
  assert.equal(await userOf("docker.io/library/a", { ...desktop, run, rules }), "user-store");
  assert.equal(await userOf("r.example/a", { ...desktop, run, rules }), "user-store");
  assert.equal(await userOf("r.example/a", { ...desktop, run }), undefined);
  const entry = filesOf({ "/d": { auths: { "r.example": pair("entry") }, credsStore: "store" } });
  assert.equal(await userOf("r.example/a", { ...entry, run, rules }), "entry");
  assert.equal(await userOf("r.example/a", { ...entry, run, rules: "docker" }), "user-store");
  const token = filesOf({ "/d": { auths: { "r.example": { identitytoken: "t" } } } });
  assert.equal(await userOf("r.example/a", { ...token, rules }), "identity-token");
});

test("both: an empty entry of a namespace decides for it, and no helper is asked twice", async () => {
  const asked: string[] = [];
  const run = helpers({ store: ["r.example"] }, asked);
  const rules = "both" as const;
  const empty = filesOf({
    "/d": { auths: { "r.example/a": {}, "r.example": pair("host") }, credsStore: "store" },
  });
  assert.equal(await userOf("r.example/a/b", { ...empty, run, rules }), undefined);
  assert.deepEqual(asked, []);
  const helper = filesOf({ "/d": { credHelpers: { "r.example": "none" } } });
  assert.equal(await userOf("r.example/a", { ...helper, run, rules }), undefined);
  assert.deepEqual(asked, ["none get r.example"]);
});

test("a path that stands twice is read once", async () => {
  let reads = 0;
  const { steps } = await lookUpCredentials("r.example", {
    files: [
      { path: "/a", legacy: false },
      { path: "/a", legacy: false },
    ],
    readAuthFile: async () => {
      reads++;
      return undefined;
    },
  });
  assert.equal(reads, 1);
  assert.equal(steps.length, 1);
});

test("a key that is none is a mistake of the caller", async () => {
  for (const key of ["https://r.example", "r.example/a:1", "r.example@x"]) {
    await assert.rejects(lookUpCredentials(key, filesOf({})), TypeError, key);
  }
  assert.deepEqual(
    await lookUpCredentials("", { ...filesOf({}), credentialHelpers: ["h"], run: helpers({}) }),
    {
      steps: [{ kind: "helper", helper: "h", server: "", outcome: "none" }],
    },
  );
});

test("an abort before, while a file is read and while a helper runs comes out as it is", async () => {
  const reason = new Error("stop");
  await assert.rejects(
    lookUpCredentials("r.example", { ...filesOf({}), signal: AbortSignal.abort(reason) }),
    reason,
  );
  for (const where of ["file", "helper"]) {
    const controller = new AbortController();
    const stop = async () => {
      controller.abort(reason);
      throw new OciError("ERR_OCI_CREDENTIAL_HELPER", "killed");
    };
    await assert.rejects(
      lookUpCredentials("r.example", {
        files: [{ path: "/a", legacy: false }],
        readAuthFile: where === "file" ? stop : async () => undefined,
        credentialHelpers: ["containers-auth.json", "h"],
        run: stop,
        signal: controller.signal,
      }),
      reason,
    );
  }
});

test("an error that is none of a file or helper ends the search", async () => {
  const bug = new RangeError("bug");
  const options = filesOf({ "/a": { auths: { "r.example": pair("u") } } });
  const run = async () => {
    throw bug;
  };
  await assert.rejects(
    lookUpCredentials("r.example", { ...options, run, credentialHelpers: ["h", "containers-auth.json"] }),
    bug,
  );
});

test("credentials that are given go before everything else", async () => {
  const explicit = { kind: "registry-token", token: CANARY } as const;
  const files = filesOf({ "/a": { auths: { "r.example": pair("u") } } });
  assert.deepEqual(await lookUpCredentials("r.example", { ...files, explicit }), {
    credentials: explicit,
    steps: [{ kind: "explicit" }],
  });
});

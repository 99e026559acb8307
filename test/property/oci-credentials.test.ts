import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { parseAuthFile } from "../../src/oci/credentials/auth-file.ts";
import { removeCredentials, setCredentials } from "../../src/oci/credentials/auth-file-edit.ts";
import { findInAuthFile } from "../../src/oci/credentials/auth-file-lookup.ts";
import { authKeyOrder, checkAuthKey, normaliseAuthFileKey } from "../../src/oci/credentials/auth-key.ts";
import { formatBasicPair, parseBasicPair } from "../../src/oci/credentials/basic-pair.ts";
import { getFromHelper, listHelper } from "../../src/oci/credentials/helper.ts";
import { findPullSecrets, parsePullSecrets } from "../../src/oci/credentials/pull-secret.ts";
import type { Credentials } from "../../src/oci/credentials.ts";
import { property } from "./runs.ts";

/** What it gives, or nothing for the LadingError that it throws; anything else fails the test. */
function outcome<T>(run: () => T, code: string): T | undefined {
  try {
    return run();
  } catch (error) {
    assert.ok(isLadingError(error), `${String(error)} is no LadingError`);
    assert.equal(error.code, code);
    return undefined;
  }
}

const INVALID = "ERR_OCI_AUTH_FILE_INVALID";
const VALID = JSON.stringify({
  auths: {
    "https://index.docker.io/v1/": { auth: "dTpw" },
    "r.example:5000/a": { auth: "dTpw", identitytoken: "t" },
    "x.example": { username: "u", password: "p", registrytoken: "r", email: "e" },
  },
  credHelpers: { "gcr.io": "gcloud" },
  credsStore: "desktop",
  n: [1.5e3, null, true],
});
const TOKENS = [
  '"',
  "{",
  "}",
  "[",
  "]",
  ":",
  ",",
  "null",
  "\\u0000",
  "\\ud800",
  "auths",
  "__proto__",
  "1e999",
];

/** A valid text with pieces cut out, doubled or replaced; or any text. */
const texts = fc.oneof(
  fc
    .array(
      fc.tuple(fc.nat(), fc.nat(30), fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom(...TOKENS))),
      {
        minLength: 1,
        maxLength: 4,
      },
    )
    .map((edits) =>
      edits.reduce((text, [at, length, insert]) => {
        const start = at % (text.length + 1);
        return text.slice(0, start) + insert + text.slice(start + length);
      }, VALID),
    ),
  fc.string({ unit: "binary" }),
  fc.json(),
);

const component = fc.stringMatching(/^[a-z0-9]{1,3}$/);
const host = fc.constantFrom(
  "r.example",
  "r.example:5000",
  "docker.io",
  "[::1]:5000",
  "localhost",
  "index.docker.io",
);
const key = fc
  .tuple(host, fc.array(component, { maxLength: 3 }))
  .map(([first, rest]) => [first, ...rest].join("/"));
const fileKey = fc.oneof(
  key,
  host.map((each) => `https://${each}/v1/`),
  host.map((each) => `http://${each}`),
);
const text = fc.string({ unit: "grapheme", maxLength: 10 });
const credentials: fc.Arbitrary<Credentials> = fc.oneof(
  fc.record({
    kind: fc.constant("password" as const),
    username: text.map((each) => `u${each.replaceAll(":", "")}`),
    password: text.filter((each) => !each.endsWith("\0")),
  }),
  fc.record({ kind: fc.constant("identity-token" as const), token: text.map((each) => `t${each}`) }),
  fc.record({ kind: fc.constant("registry-token" as const), token: text.map((each) => `t${each}`) }),
);

test("no text makes the parser, a lookup or an edit throw anything but its error", () => {
  fc.assert(
    fc.property(texts, key, fc.boolean(), (input, asked, legacy) => {
      const file = outcome(() => parseAuthFile(input, { legacy }), INVALID);
      const changed = outcome(
        () => setCredentials(input, "r.example", { kind: "registry-token", token: "t" }, { legacy }),
        INVALID,
      );
      const removed = outcome(() => removeCredentials(input, "r.example", { legacy }), INVALID);
      if (!file) {
        assert.equal(changed, undefined);
        assert.equal(removed, undefined);
        return;
      }
      for (const rules of ["containers", "docker"] as const) {
        outcome(() => findInAuthFile(file, asked, { rules, legacy }), INVALID);
      }
    }),
    property,
  );
});

test("the entry that decides is that of the longest key, as a plain search finds it", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fileKey, { maxLength: 6 }), key, (keys, asked) => {
      const auths = Object.fromEntries(
        keys.map((each, at) => [each, { auth: formatBasicPair(`u${at}`, "p") }]),
      );
      const answer = findInAuthFile(parseAuthFile(JSON.stringify({ auths })), asked, { rules: "containers" });
      // All keys that stand for the repository or for what it lies in, by whole components; else the first of the host.
      const parts = asked.split("/");
      const exact = keys
        .filter((each) => each.split("/").every((part, at) => part === parts[at]))
        .sort((a, b) => b.length - a.length);
      const hub = (name: string) =>
        name.replace(/^(?:docker\.io|registry-1\.docker\.io)$/, "index.docker.io");
      const sameHost = keys.filter((each) => {
        const match = /^(https?:\/\/)?([^/]*)(\/.*)?$/.exec(each);
        return (
          (match?.[1] !== undefined || match?.[3] === undefined) &&
          hub(match?.[2] ?? "") === hub(parts[0] ?? "")
        );
      });
      const expected = exact[0] ?? sameHost[0];
      assert.equal(answer.kind === "credentials" ? answer.key : undefined, expected);
    }),
    property,
  );
});

test("each key of the order lies above the one before it", () => {
  fc.assert(
    fc.property(key, (asked) => {
      const order = authKeyOrder(asked);
      assert.equal(order[0], asked);
      assert.equal(order.length, asked.split("/").length);
      for (const [at, each] of order.entries()) {
        assert.equal(
          each,
          asked
            .split("/")
            .slice(0, order.length - at)
            .join("/"),
        );
        assert.equal(checkAuthKey(each).kind, "valid");
      }
      assert.equal(normaliseAuthFileKey(normaliseAuthFileKey(asked)), normaliseAuthFileKey(asked));
    }),
    property,
  );
});

test("what is written is found, and gone once it is removed; everything else stays", () => {
  const others = fc.dictionary(
    fc
      .string()
      .filter(
        (each) => each !== "__proto__" && each.toLowerCase() !== "auths" && !/^cred|^\u017f/i.test(each),
      ),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(
      others,
      fc.uniqueArray(key, { minLength: 1, maxLength: 4 }),
      credentials,
      (rest, keys, value) => {
        const before = JSON.stringify(rest);
        let file = before;
        for (const each of keys) file = setCredentials(file, each, value);
        const parsed = parseAuthFile(file);
        for (const each of keys) {
          const entry = parsed.auths.get(each);
          assert.ok(entry);
          const found = findInAuthFile(
            { auths: new Map([["h.example", entry]]), credHelpers: new Map() },
            "h.example",
            {
              rules: "docker",
            },
          );
          assert.deepEqual(found.kind === "credentials" && found.credentials, { ...value });
        }
        const { auths, ...kept } = JSON.parse(file);
        assert.equal(Object.keys(auths).length, keys.length);
        assert.deepEqual(kept, JSON.parse(before));
        for (const each of keys) file = removeCredentials(file, each).text;
        assert.equal(parseAuthFile(file).auths.size, 0);
      },
    ),
    property,
  );
});

test("user and password come back from base64; no other text passes for it", () => {
  fc.assert(
    fc.property(text, text, fc.string(), (username, password, any) => {
      const user = username.replaceAll(":", "");
      assert.deepEqual(parseBasicPair(formatBasicPair(user, password)), {
        kind: "pair",
        username: user,
        password: password.replace(/\0+$/, ""),
      });
      const pair = parseBasicPair(any);
      if (pair.kind !== "invalid") assert.match(any, /^[A-Za-z0-9+/\r\n]*=*[\r\n]*=?[\r\n]*$/);
    }),
    property,
  );
});

test("no pull secret makes the parser throw anything but its error, and every key that covers has its ports", () => {
  const secret = fc.oneof(texts, fc.constant(VALID)).map((each) => ({
    type: "kubernetes.io/dockerconfigjson",
    data: { ".dockerconfigjson": Buffer.from(each).toString("base64") },
  }));
  fc.assert(
    fc.property(secret, key, (each, asked) => {
      const secrets = outcome(() => parsePullSecrets([each]), INVALID);
      for (const found of secrets ? findPullSecrets(secrets, asked) : []) {
        const port = (name: string) => /:([^:\]/]*)(?:\/|$)/.exec(name)?.[1];
        if (found.key !== "index.docker.io") assert.equal(port(found.key), port(asked));
      }
    }),
    property,
  );
});

test("whatever a helper answers is credentials, nothing, or its error", async () => {
  await fc.assert(
    fc.asyncProperty(texts, fc.constantFrom(0, 1, null), async (answer, exitCode) => {
      const run = async () => ({ kind: "ended" as const, exitCode, stdout: Buffer.from(answer) });
      for (const ask of [() => getFromHelper("h", "r.example", { run }), () => listHelper("h", { run })]) {
        try {
          await ask();
          assert.equal(exitCode, 0);
        } catch (error) {
          assert.ok(isLadingError(error), String(error));
          assert.equal(error.code, "ERR_OCI_CREDENTIAL_HELPER");
        }
      }
    }),
    { ...property, numRuns: Math.min(property.numRuns, 5000) },
  );
});

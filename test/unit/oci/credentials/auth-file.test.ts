import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAuthFile } from "../../../../src/oci/credentials/auth-file.ts";
import { OciError } from "../../../../src/oci/errors.ts";

const SECRET = "c2VjcmV0Y2FuYXJ5";
const invalid = { code: "ERR_OCI_AUTH_FILE_INVALID" };

test("a file of Docker with everything in it", () => {
  const file = parseAuthFile(`{
    "auths": {
      "r.example": { "auth": "dTpw", "email": "e@r.example" },
      "t.example": { "identitytoken": "id", "registrytoken": "reg", "username": "u", "password": "p" },
      "empty.example": {}
    },
    "HttpHeaders": { "User-Agent": "x" },
    "credHelpers": { "gcr.io": "gcloud" },
    "credsStore": "desktop.exe",
    "experimental": 12345678901234567890
  }`);
  assert.deepEqual(
    [...file.auths],
    [
      ["r.example", { auth: "dTpw" }],
      ["t.example", { identitytoken: "id", registrytoken: "reg", username: "u", password: "p" }],
      ["empty.example", {}],
    ],
  );
  assert.deepEqual([...file.credHelpers], [["gcr.io", "gcloud"]]);
  assert.equal(file.credsStore, "desktop.exe");
});

test("an older file has its entries at the top, also one called auths", () => {
  const text = '{"https://r.example/v1/":{"auth":"dTpw"},"auths":{"auth":"YTpi"}}';
  assert.deepEqual(
    [...parseAuthFile(text, { legacy: true }).auths.keys()],
    ["https://r.example/v1/", "auths"],
  );
});

test("members count as Go's decoder takes them", () => {
  const file = parseAuthFile(
    '{"AUTHS":{"a":{"Auth":"MTox","auth":"Mjoy"}},"auths":{"b":{"IDENTITYTOKEN":"t","auth":null}},"credsStore":null}',
  );
  assert.deepEqual(
    [...file.auths],
    [
      ["a", { auth: "Mjoy" }],
      ["b", { identitytoken: "t" }],
    ],
  );
  assert.equal(file.credsStore, undefined);
  assert.equal(parseAuthFile('{"auths":{"a":{}},"auths":null}').auths.size, 0);
  assert.equal(parseAuthFile('{"credHelpers":{"a":"x"},"credHelpers":null}').credHelpers.size, 0);
  assert.deepEqual([...parseAuthFile('{"auths":{"a":null}}').auths], [["a", {}]]);
  assert.deepEqual([...parseAuthFile('{"credHelpers":{"a":null}}').credHelpers], [["a", ""]]);
});

test("a host called __proto__ is a host like any other", () => {
  const file = parseAuthFile('{"auths":{"__proto__":{"auth":"dTpw"}}}');
  assert.deepEqual(file.auths.get("__proto__"), { auth: "dTpw" });
  assert.equal(parseAuthFile('{"auths":{}}').auths.get("constructor"), undefined);
});

test("nothing that is no file of credentials passes for one, and no value is repeated", () => {
  const texts = [
    "",
    "null",
    "[]",
    `"${SECRET}"`,
    `{"auths":"${SECRET}"}`,
    `{"auths":{"r.example":"${SECRET}"}}`,
    `{"auths":{"r.example":["${SECRET}"]}}`,
    `{"auths":{"r.example":{"auth":{"${SECRET}":1}}}}`,
    `{"auths":{"r.example":{"identitytoken":1}}}`,
    `{"auths":{"r.example":{"auth":"${SECRET}"}}`,
    `{"auths":{"r.example":{"auth":"${SECRET}}}}`,
    `{"credHelpers":"${SECRET}"}`,
    `{"credHelpers":{"r.example":1}}`,
    `{"credsStore":["${SECRET}"]}`,
    `\ufeff{"auths":{"r.example":{"auth":"${SECRET}"}}}`,
  ];
  for (const text of texts) {
    assert.throws(
      () => parseAuthFile(text),
      (error: Error) =>
        error instanceof OciError &&
        error.code === invalid.code &&
        !`${error.message}${error.cause}${JSON.stringify(error)}${JSON.stringify(error.cause)}`.includes(
          SECRET,
        ),
      text,
    );
  }
  assert.throws(() => parseAuthFile('{"a":{"auth":1}}', { legacy: true }), invalid);
});

test("the place of a mistake is told", () => {
  assert.throws(() => parseAuthFile('{"auths":\n{"r.example":{"auth":1}}}'), {
    ...invalid,
    message: /\$\['auths'\]\['r\.example'\]\['auth'\] at line 2/,
  });
});

test("a huge file and one nested without end are refused", () => {
  assert.throws(() => parseAuthFile(`{"a":"${"x".repeat(4 * 1024 * 1024)}"}`), invalid);
  assert.throws(() => parseAuthFile(`{"a":${"[".repeat(100_000)}`), invalid);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAuthFile } from "../../../../src/oci/credentials/auth-file.ts";
import { removeCredentials, setCredentials } from "../../../../src/oci/credentials/auth-file-edit.ts";
import { findInAuthFile } from "../../../../src/oci/credentials/auth-file-lookup.ts";

const password = { kind: "password", username: "u", password: "p:q" } as const;
const invalid = { code: "ERR_OCI_AUTH_FILE_INVALID" };

test("a file that was not there", () => {
  assert.equal(
    setCredentials(undefined, "r.example/a", password),
    '{\n\t"auths": {\n\t\t"r.example/a": {\n\t\t\t"auth": "dTpwOnE="\n\t\t}\n\t}\n}\n',
  );
});

test("what is not changed stays: unknown members, their order, and every digit", () => {
  const text = `{"detachKeys":"ctrl-e","n":[1.50,12345678901234567890123,-0,{}, []],
    "auths":{"a.example":{"auth":"YTpi","email":"e"},"r.example":{"auth":"eDp5","email":"gone"}},
    "u":"\\u00e4\\n","nul":null,"t":true}`;
  const after = setCredentials(text, "r.example", password);
  assert.equal(
    after,
    `{
	"detachKeys": "ctrl-e",
	"n": [
		1.50,
		12345678901234567890123,
		-0,
		{},
		[]
	],
	"auths": {
		"a.example": {
			"auth": "YTpi",
			"email": "e"
		},
		"r.example": {
			"auth": "dTpwOnE="
		}
	},
	"u": "ä\\n",
	"nul": null,
	"t": true
}
`,
  );
  assert.equal(setCredentials(after, "r.example", password), after);
});

test("a member that Go would take for auths is the one that is changed; a null becomes one", () => {
  assert.deepEqual(
    [...parseAuthFile(setCredentials('{"Auths":{"a":{}}}', "b.example", password)).auths.keys()],
    ["a", "b.example"],
  );
  assert.deepEqual(
    [...parseAuthFile(setCredentials('{"auths":null}', "b.example", password)).auths.keys()],
    ["b.example"],
  );
});

test("each kind of credentials is found again by the rules of Docker", () => {
  const all = [
    password,
    { kind: "identity-token", token: "t", username: "u" },
    { kind: "identity-token", token: "t" },
    { kind: "registry-token", token: "r" },
  ] as const;
  for (const credentials of all) {
    const file = parseAuthFile(setCredentials("{}", "r.example", credentials));
    assert.deepEqual(findInAuthFile(file, "r.example/a", { rules: "docker" }), {
      kind: "credentials",
      key: "r.example",
      credentials,
    });
  }
});

test("removing a host removes whatever a lookup would take for it", () => {
  const text = setCredentials(
    '{"auths":{"docker.io":{},"https://index.docker.io/v1/":{},"registry-1.docker.io":{},"http://docker.io":{}}}',
    "docker.io/library",
    password,
  );
  const { text: after, removed } = removeCredentials(text, "docker.io");
  assert.deepEqual(removed, [
    "docker.io",
    "https://index.docker.io/v1/",
    "registry-1.docker.io",
    "http://docker.io",
  ]);
  assert.deepEqual([...parseAuthFile(after).auths.keys()], ["docker.io/library"]);
  const all = '{"auths":{"https://r.example/v1/":{},"r.example/a":{},"r.example":{},"xr.example":{}}}';
  assert.deepEqual(removeCredentials(all, "r.example").removed, ["https://r.example/v1/", "r.example"]);
  assert.deepEqual(removeCredentials(all, "https://r.example/v1/").removed, [
    "https://r.example/v1/",
    "r.example",
  ]);
  assert.deepEqual(removeCredentials(all, "r.example/a").removed, ["r.example/a"]);
  assert.deepEqual(removeCredentials(all, "r.example/b").removed, []);
  assert.equal(removeCredentials('{"credsStore":"s"}', "r.example").text, '{\n\t"credsStore": "s"\n}\n');
});

test("a file of the older form", () => {
  const options = { legacy: true };
  const text = setCredentials('{"https://r.example/v1/":{"auth":"YTpi"}}', "s.example", password, options);
  assert.deepEqual([...parseAuthFile(text, options).auths.keys()], ["https://r.example/v1/", "s.example"]);
  assert.deepEqual(removeCredentials(text, "r.example", options).removed, ["https://r.example/v1/"]);
  assert.throws(() => setCredentials(text, "s.example/a", password, options), TypeError);
});

test("a file that would lose something, or is none, is not changed", () => {
  const texts = [
    "",
    "[]",
    '{"auths":[]}',
    '{"a":1,"a":2}',
    '{"auths":{"x":{},"x":{}}}',
    '{"auths":{},"Auths":{}}',
  ];
  for (const text of texts) {
    assert.throws(() => setCredentials(text, "r.example", password), invalid, text);
    assert.throws(() => removeCredentials(text, "r.example"), invalid, text);
  }
});

test("a key that nothing is looked up by, and a user that would be read otherwise", () => {
  for (const key of ["", "/a", "r.example/a:1", "u@r.example", "https://", "https://u@r.example/"]) {
    assert.throws(() => setCredentials("{}", key, password), TypeError, key);
    assert.throws(() => removeCredentials("{}", key), TypeError, key);
  }
  const colon = { kind: "password", username: "a:b", password: "canary" } as const;
  assert.throws(
    () => setCredentials("{}", "r.example", colon),
    (error) => error instanceof TypeError && !error.message.includes("canary"),
  );
});

test("as deep as a text may be", () => {
  const text = `{"deep":${"[".repeat(990)}${"]".repeat(990)}}`;
  const after = setCredentials(text, "r.example", password);
  assert.equal(after.match(/\[/g)?.length, 990);
});

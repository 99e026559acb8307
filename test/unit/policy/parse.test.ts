import assert from "node:assert/strict";
import { test } from "node:test";
import { PolicyError, type PolicyErrorCode } from "../../../src/policy/errors.ts";
import { formatPolicy } from "../../../src/policy/format.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";

const reject = '[{"type":"reject"}]';

function fails(text: string | Uint8Array, code: PolicyErrorCode, message?: string, path?: string): void {
  assert.throws(
    () => parsePolicy(text),
    (error) => {
      assert.ok(error instanceof PolicyError, String(error));
      assert.equal(error.code, code, error.message);
      assert.equal(error.errorClass, "policy-format");
      if (message !== undefined) assert.equal(error.message, message);
      if (path !== undefined) assert.equal(error.position?.path, path);
      return true;
    },
  );
}

const requirement = (members: object) => JSON.stringify({ default: [members] });
const signedBy = (members: object) => requirement({ type: "signedBy", ...members });
const sigstore = (members: object) => requirement({ type: "sigstoreSigned", ...members });

test("reads the whole grammar into types that have no wrong combination", () => {
  const policy = parsePolicy(
    JSON.stringify({
      default: [{ type: "insecureAcceptAnything" }],
      transports: {
        docker: {
          "": [{ type: "reject" }],
          "quay.io": [
            { type: "signedBy", keyType: "GPGKeys", keyPaths: ["/a", "/b"] },
            { type: "signedBaseLayer", baseLayerIdentity: { type: "matchExact" } },
            {
              type: "sigstoreSigned",
              fulcio: { caPath: "/ca", oidcIssuer: "i", subjectEmail: "e" },
              rekorPublicKeyDatas: ["YQ=="],
              signedIdentity: { type: "remapIdentity", prefix: "a.example", signedPrefix: "b.example/c" },
            },
          ],
        },
      },
    }),
  );
  assert.deepEqual(policy.default, [{ type: "insecureAcceptAnything" }]);
  const [simple, base, fulcio] = policy.transports.get("docker")?.get("quay.io") ?? [];
  assert.deepEqual(simple, {
    type: "signedBy",
    keyType: "GPGKeys",
    keys: { kind: "paths", paths: ["/a", "/b"] },
    signedIdentity: { type: "matchRepoDigestOrExact" },
  });
  assert.deepEqual(base, { type: "signedBaseLayer", baseLayerIdentity: { type: "matchExact" } });
  assert.ok(fulcio?.type === "sigstoreSigned" && fulcio.trust.kind === "fulcio");
  assert.deepEqual(fulcio.trust.rekor, { kind: "datas", datas: [Buffer.from("a")] });
  assert.deepEqual(fulcio.signedIdentity, {
    type: "remapIdentity",
    prefix: "a.example",
    signedPrefix: "b.example/c",
  });
});

test("an error says where in the text it lies", () => {
  const text = '{\n  "default": [\n    {"type": "reject", "type": "reject"}\n  ]\n}';
  assert.throws(
    () => parsePolicy(text),
    (error) => {
      assert.ok(error instanceof PolicyError);
      assert.equal(error.message, 'Duplicate key "type"');
      assert.equal(error.position?.line, 3);
      assert.equal(error.position?.path, "$['default'][0]['type']");
      return true;
    },
  );
  fails(
    `{"default":${reject},"transports":{"docker":{"a":[{"type":"x"}]}}}`,
    "ERR_POLICY_UNKNOWN_REQUIREMENT_TYPE",
    'Unknown policy requirement type "x"',
    "$['transports']['docker']['a'][0]",
  );
});

test("anything but one complete strict JSON text is refused", () => {
  for (const text of [
    "",
    " ",
    "{",
    `{"default":${reject}}x`,
    `\ufeff{"default":${reject}}`,
    `{"default":${reject},}`,
  ]) {
    fails(text, "ERR_POLICY_SYNTAX");
  }
  fails(`{"default":${reject} /* no */}`, "ERR_POLICY_SYNTAX");
  fails(`${"[".repeat(5000)}`, "ERR_POLICY_TOO_LARGE");
  fails(Buffer.alloc(4 * 1024 * 1024 + 1, 0x20), "ERR_POLICY_TOO_LARGE");
  for (const text of ["null", "[]", "1", '"x"']) fails(text, "ERR_POLICY_NOT_OBJECT");
});

test("repeated and unknown members are refused, the repeated first", () => {
  fails(`{"default":${reject},"default":${reject}}`, "ERR_POLICY_DUPLICATE_KEY", 'Duplicate key "default"');
  fails(`{"default":${reject},"\\u0064efault":${reject}}`, "ERR_POLICY_DUPLICATE_KEY");
  fails(`{"default":${reject},"x":1,"x":1}`, "ERR_POLICY_UNKNOWN_KEY", 'Unknown key "x"');
  fails(`{"Default":${reject}}`, "ERR_POLICY_UNKNOWN_KEY", 'Unknown key "Default"');
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    fails(`{"default":${reject},"${name}":1}`, "ERR_POLICY_UNKNOWN_KEY");
    const scopes = `{"default":${reject},"transports":{"docker":{"${name}":${reject}}}}`;
    assert.deepEqual([...(parsePolicy(scopes).transports.get("docker")?.keys() ?? [])], [name]);
  }
  const twice = `{"a":${reject},"a":${reject}}`;
  fails(`{"default":${reject},"transports":{"docker":${twice}}}`, "ERR_POLICY_DUPLICATE_KEY");
  fails(`{"default":${reject},"transports":{"a":{},"a":{}}}`, "ERR_POLICY_DUPLICATE_KEY");
});

test("lists of requirements must be there and not be empty", () => {
  fails("{}", "ERR_POLICY_MISSING_DEFAULT", "Default policy is missing");
  fails('{"transports":{}}', "ERR_POLICY_MISSING_DEFAULT");
  for (const empty of ["[]", "null"]) fails(`{"default":${empty}}`, "ERR_POLICY_EMPTY_REQUIREMENTS");
  for (const other of ["{}", "1", '"x"']) fails(`{"default":${other}}`, "ERR_POLICY_NOT_ARRAY");
  fails(`{"default":${reject},"transports":null}`, "ERR_POLICY_NOT_OBJECT");
  fails(`{"default":${reject},"transports":{"docker":null}}`, "ERR_POLICY_NOT_OBJECT");
});

test("signedBy counts its key sources by presence", () => {
  fails(signedBy({ keyType: "GPGKeys" }), "ERR_POLICY_KEY_SOURCE_MISSING");
  fails(signedBy({ keyType: "GPGKeys", keyPath: "", keyData: "YQ==" }), "ERR_POLICY_KEY_SOURCE_CONFLICT");
  for (const value of ["", null])
    fails(signedBy({ keyType: "GPGKeys", keyPath: value }), "ERR_POLICY_KEY_SOURCE_MISSING");
  fails(signedBy({ keyPath: "/a" }), "ERR_POLICY_KEY_TYPE", 'invalid keyType ""');
  fails(signedBy({ keyType: "gpgkeys", keyPath: "/a" }), "ERR_POLICY_KEY_TYPE");
  fails(signedBy({ keyType: "GPGKeys", keyDatas: ["YQ=="] }), "ERR_POLICY_UNKNOWN_KEY");
});

test("sigstoreSigned counts its key sources by value", () => {
  assert.doesNotThrow(() => parsePolicy(sigstore({ keyPath: "", keyData: "YQ==" })));
  fails(sigstore({}), "ERR_POLICY_KEY_SOURCE_MISSING");
  fails(sigstore({ keyPath: "/a", keyData: "YQ==" }), "ERR_POLICY_KEY_SOURCE_CONFLICT");
  fails(
    sigstore({ keyPath: "/a", keyPaths: [] }),
    "ERR_POLICY_EMPTY_KEY_LIST",
    '"keyPaths" contains no entries',
  );
  fails(
    sigstore({ keyPath: "/a", rekorPublicKeyPaths: null }),
    "ERR_POLICY_EMPTY_KEY_LIST",
    '"rekorPublickeyPaths" contains no entries',
  );
  const rekor = { rekorPublicKeyPath: "/r" };
  fails(sigstore({ keyPath: "/a", ...rekor, rekorPublicKeyData: "" }), "ERR_POLICY_REKOR_CONFLICT");
  const fulcio = { caPath: "/ca", oidcIssuer: "i", subjectEmail: "e" };
  fails(sigstore({ fulcio }), "ERR_POLICY_REKOR_REQUIRED");
  fails(sigstore({ fulcio, ...rekor, keyPath: "/a" }), "ERR_POLICY_KEY_SOURCE_CONFLICT");
  fails(sigstore({ pki: { caRootsPath: "/a", subjectEmail: "e" }, ...rekor }), "ERR_POLICY_REKOR_FORBIDDEN");
  for (const missing of ["oidcIssuer", "subjectEmail"]) {
    fails(sigstore({ fulcio: { ...fulcio, [missing]: "" }, ...rekor }), "ERR_POLICY_SUBJECT_MISSING");
  }
  fails(sigstore({ fulcio: { ...fulcio, caPath: "" }, ...rekor }), "ERR_POLICY_CA_MISSING");
  fails(sigstore({ fulcio: { ...fulcio, caData: "" }, ...rekor }), "ERR_POLICY_CA_CONFLICT");
  fails(sigstore({ pki: { caRootsPath: "/a" } }), "ERR_POLICY_SUBJECT_MISSING");
});

test("values of another type are refused, and base64 is read as Go reads it", () => {
  fails(sigstore({ keyPath: 1 }), "ERR_POLICY_WRONG_TYPE");
  fails(sigstore({ keyPaths: "x" }), "ERR_POLICY_WRONG_TYPE");
  fails(sigstore({ keyPaths: [1] }), "ERR_POLICY_WRONG_TYPE");
  fails(sigstore({ keyData: true }), "ERR_POLICY_WRONG_TYPE");
  fails(sigstore({ keyData: [256] }), "ERR_POLICY_WRONG_TYPE");
  fails(sigstore({ keyData: [1.5] }), "ERR_POLICY_WRONG_TYPE");
  for (const text of ["YQ", "YQ=", "Y Q==", "-_-_", "YQ==YQ==", "=", "YQ==x"]) {
    fails(sigstore({ keyData: text }), "ERR_POLICY_INVALID_BASE64");
  }
  for (const [text, bytes] of [
    ["YQ\r\n==", "a"],
    ["YR==", "a"],
    ["", ""],
  ] as const) {
    const [first] = parsePolicy(sigstore({ keyData: text })).default;
    assert.ok(
      first?.type === "sigstoreSigned" && first.trust.kind === "keys" && first.trust.keys.kind === "data",
    );
    assert.deepEqual(Buffer.from(first.trust.keys.data), Buffer.from(bytes));
  }
});

test("identities are checked when they are read", () => {
  const identity = (signedIdentity: unknown) => sigstore({ keyPath: "/a", signedIdentity });
  fails(identity(null), "ERR_POLICY_UNKNOWN_IDENTITY_TYPE");
  fails(identity({ type: "matchexact" }), "ERR_POLICY_UNKNOWN_IDENTITY_TYPE");
  fails(identity({ type: "matchExact", x: 1 }), "ERR_POLICY_UNKNOWN_KEY");
  fails(identity({ type: "exactReference" }), "ERR_POLICY_MISSING_KEY");
  fails(identity({ type: "exactReference", dockerReference: "busybox" }), "ERR_POLICY_INVALID_REFERENCE");
  fails(identity({ type: "exactReference", dockerReference: "UPPER/x:1" }), "ERR_POLICY_INVALID_REFERENCE");
  fails(identity({ type: "exactRepository", dockerRepository: "" }), "ERR_POLICY_INVALID_REFERENCE");
  for (const prefix of ["", "example.com/", "example.com/a:1", "example.com/A", "a b"]) {
    fails(
      identity({ type: "remapIdentity", prefix, signedPrefix: "example.com" }),
      "ERR_POLICY_INVALID_PREFIX",
    );
    fails(
      identity({ type: "remapIdentity", prefix: "example.com", signedPrefix: prefix }),
      "ERR_POLICY_INVALID_PREFIX",
    );
  }
});

test("hostile texts stay quoted in messages", () => {
  fails(
    '{"default":[{"type":"a\\u001b[31m\\u202e\\""}]}',
    "ERR_POLICY_UNKNOWN_REQUIREMENT_TYPE",
    'Unknown policy requirement type "a\\x1b[31m\\u202e\\""',
  );
});

test("what formatPolicy writes is read back as the same policy", () => {
  const text = JSON.stringify({
    default: [{ type: "signedBaseLayer", baseLayerIdentity: { type: "matchRepository" } }],
    transports: {
      docker: {
        "a.example": [
          { type: "signedBy", keyType: "X509Certificates", keyData: "YWJj" },
          { type: "sigstoreSigned", keyDatas: ["YQ==", ""], rekorPublicKeyPaths: ["/r"] },
          {
            type: "sigstoreSigned",
            pki: { caRootsData: "YQ==", caIntermediatesPath: "/i", subjectHostname: "h" },
          },
          {
            type: "sigstoreSigned",
            fulcio: { caData: "YQ==", oidcIssuer: "i", subjectEmail: "e" },
            rekorPublicKeyData: "",
            signedIdentity: { type: "exactReference", dockerReference: "a.example/b:1" },
          },
        ],
        __proto__: [],
      },
      dir: {},
    },
  });
  const policy = parsePolicy(text);
  assert.deepEqual(parsePolicy(formatPolicy(policy)), policy);
});

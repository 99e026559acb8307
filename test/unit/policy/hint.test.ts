import assert from "node:assert/strict";
import { test } from "node:test";
import { PolicyError } from "../../../src/policy/errors.ts";
import { hintFor, nearestWord } from "../../../src/policy/hint.ts";
import { loadPolicy } from "../../../src/policy/load.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";

function errorOf(text: string): PolicyError {
  try {
    parsePolicy(text);
  } catch (error) {
    assert.ok(error instanceof PolicyError);
    return error;
  }
  throw new assert.AssertionError({ message: "the policy was read" });
}

const withDefault = (requirement: unknown) => JSON.stringify({ default: [requirement] });

test("a misspelt member is told what it may have been, in the object that it stands in", () => {
  const cases: [text: string, message: string, hint: string][] = [
    ['{"defualt":[]}', 'Unknown key "defualt"', 'did you mean "default"?'],
    ['{"Default":[]}', 'Unknown key "Default"', 'did you mean "default"?'],
    [
      withDefault({ type: "sigstoreSigned", keypath: "/a" }),
      'Unknown key "keypath"',
      'did you mean "keyPath"?',
    ],
    [
      withDefault({ type: "sigstoreSigned", signed_identity: {} }),
      'Unknown key "signed_identity"',
      'did you mean "signedIdentity"?',
    ],
    [
      withDefault({ type: "sigstoreSigned", fulcio: { oidcIsuer: "i" } }),
      'Unknown key "oidcIsuer"',
      'did you mean "oidcIssuer"?',
    ],
    [
      withDefault({ type: "sigstoreSigned", pki: { caRootPath: "/a" } }),
      'Unknown key "caRootPath"',
      'did you mean "caRootsPath"?',
    ],
    [
      withDefault({ type: "signedBaseLayer", baseLayerIdentity: { type: "remapIdentity", prefx: "" } }),
      'Unknown key "prefx"',
      'did you mean "prefix"?',
    ],
    [
      withDefault({ type: "signedby" }),
      'Unknown policy requirement type "signedby"',
      'did you mean "signedBy"?',
    ],
    [
      withDefault({ type: "signedBy", keyType: "GPGKey" }),
      'Unrecognized keyType value "GPGKey"',
      'did you mean "GPGKeys"?',
    ],
    [
      withDefault({ type: "sigstoreSigned", keyPath: "/a", signedIdentity: { type: "matchRepositry" } }),
      'Unknown policy reference match type "matchRepositry"',
      'did you mean "matchRepository"?',
    ],
  ];
  for (const [text, message, hint] of cases) {
    const error = errorOf(text);
    assert.equal(error.message, message);
    assert.equal(error.hint, hint, text);
  }
});

test("a word like none lists what is known, and one that nothing is known about has no hint", () => {
  assert.equal(
    errorOf(withDefault({ type: "cosign" })).hint,
    'known here: "insecureAcceptAnything", "reject", "signedBy", "sigstoreSigned"',
  );
  assert.equal(errorOf('{"zzzzzzzz":1}').hint, 'known here: "default", "transports"');
  assert.equal(errorOf("{}").hint, undefined);
  assert.equal(errorOf("{").hint, undefined);
  assert.equal(hintFor("x", []), undefined);
});

test("a scope that its transport refuses is told why", () => {
  const text = '{"default":[{"type":"reject"}],"transports":{"dir":{"/a/../b":[{"type":"reject"}]}}}';
  const error = errorOf(text);
  assert.equal(error.message, 'Unknown key "/a/../b"');
  assert.match(error.hint ?? "", /"dir".*shortest form/);
});

test("line and column are those of the value in the text, in bytes", () => {
  const error = errorOf('{\n  "default": [\n    {"type": "reject", "é": 1, "x": 1}\n  ]\n}');
  assert.equal(error.message, 'Unknown key "é"');
  assert.deepEqual(error.position, { path: "$['default'][0]['é']", offset: 46, line: 3, column: 30 });
});

test("a file's error keeps position and hint", async () => {
  const readFile = async () => Buffer.from('{"defaults":[]}');
  await assert.rejects(loadPolicy({ path: "/p.json", readFile }), (error) => {
    assert.ok(error instanceof PolicyError);
    assert.equal(error.message, 'invalid policy in "/p.json": Unknown key "defaults"');
    assert.equal(error.hint, 'did you mean "default"?');
    assert.equal(error.position?.path, "$['defaults']");
    return true;
  });
});

test("words are near by letter case, separators and few edits only", () => {
  const known = ["keyPath", "keyPaths", "fulcio"];
  assert.equal(nearestWord("KEYPATH", known), "keyPath");
  assert.equal(nearestWord("key-paths", known), "keyPaths");
  assert.equal(nearestWord("fulico", known), "fulcio");
  assert.equal(nearestWord("x", known), undefined);
  assert.equal(nearestWord("", known), undefined);
  assert.equal(nearestWord("rekorPublicKey", known), undefined);
  assert.equal(nearestWord("k".repeat(1_000_000), known), undefined);
});

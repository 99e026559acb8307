import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { addressKind } from "../../src/oci/address.ts";
import { packArtifact, packIndex } from "../../src/oci/artifact.ts";
import { parseChallenges } from "../../src/oci/challenge.ts";
import { parseDescriptor } from "../../src/oci/descriptor.ts";
import { parseErrorBody } from "../../src/oci/error-answer.ts";
import { nextPage } from "../../src/oci/link.ts";
import { parseManifest } from "../../src/oci/manifest.ts";
import { parseRetryAfter } from "../../src/oci/retry.ts";
import { mergeScopes } from "../../src/oci/scope.ts";
import { parseTokenAnswer } from "../../src/oci/token-answer.ts";
import { checkLocation, checkRealm, checkRedirect } from "../../src/oci/trust.ts";
import { registryUrl } from "../../src/oci/url.ts";
import { parseWarning } from "../../src/oci/warning.ts";
import { property } from "./runs.ts";

/** What it gives, or the LadingError that it throws; anything else fails the test. */
function outcome<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    assert.ok(isLadingError(error), `${String(error)} is no LadingError`);
    assert.match(error.code, /^ERR_[A-Z0-9_]+$/);
    return undefined;
  }
}

/** A valid text with some pieces cut out, doubled or replaced. */
function mutated(...valid: string[]): fc.Arbitrary<string> {
  const edit = fc.tuple(
    fc.nat(),
    fc.nat(40),
    fc.oneof(fc.string({ maxLength: 10 }), fc.constantFrom(...TOKENS)),
  );
  return fc.tuple(fc.constantFrom(...valid), fc.array(edit, { maxLength: 4 })).map(([text, edits]) =>
    edits.reduce((current, [at, length, insert]) => {
      const start = at % (current.length + 1);
      return current.slice(0, start) + insert + current.slice(start + length);
    }, text),
  );
}

const TOKENS = [
  '"',
  "\\",
  ",",
  "=",
  ";",
  "<",
  ">",
  "{",
  "}",
  "[",
  "]",
  "null",
  "://",
  "@",
  "\0",
  "\r\n",
  "%00",
  "ſ",
  "-1",
];

const artifact = packArtifact({
  artifactType: "application/x",
  files: [{ content: Buffer.from("a"), title: "t", annotations: { a: "b" } }],
});
const index = packIndex([{ graph: artifact, platform: { os: "linux", architecture: "arm", variant: "v7" } }]);
const documents = [artifact, index].map(({ manifest }) => Buffer.from(manifest.bytes).toString());

test("a manifest is read, or refused with a code", () => {
  fc.assert(
    fc.property(fc.oneof(mutated(...documents), fc.string(), fc.json()), (text) => {
      const manifest = outcome(() => parseManifest(Buffer.from(text)));
      if (!manifest) return;
      // What is read can be read again as the type that it was taken for, and as no other kind.
      const again = parseManifest(manifest.bytes, manifest.mediaType);
      assert.deepEqual(again.value, manifest.value);
      const other = manifest.kind === "index" ? "layers" : "manifests";
      assert.ok(!(other in manifest.plain) || manifest.plain[other] === null);
    }),
    property,
  );
});

test("a descriptor is read, or refused with a code", () => {
  const valid = JSON.stringify(index.manifest.value.manifests[0]);
  fc.assert(
    fc.property(fc.oneof(mutated(valid), fc.json()), (text) => {
      const descriptor = outcome(() => parseDescriptor(text));
      if (descriptor) assert.match(descriptor.digest, /^sha(?:256|384|512):[0-9a-f]+$/);
    }),
    property,
  );
});

test("headers of any text are read without an error of another kind", () => {
  const headers = mutated(
    'Bearer realm="https://a/t",service="s",scope="repository:a:pull,push", Basic realm="x"',
    '</v2/a/tags/list?n=1&last=b>; rel="next"; title="a\\"b"',
    '299 - "text \\" %20"',
    "Thu, 01 Jan 2026 12:00:30 GMT",
  );
  fc.assert(
    fc.property(fc.oneof(headers, fc.string({ unit: "binary", maxLength: 200 })), (text) => {
      for (const { params } of parseChallenges(text)) {
        for (const key of Object.keys(params)) assert.equal(key, key.toLowerCase());
      }
      const next = outcome(() => nextPage(text, "https://r.example/v2/a/tags/list"));
      if (next) assert.equal(next.origin, "https://r.example");
      const warning = parseWarning(text);
      if (warning) assert.ok(!warning.bytes.some((byte) => (byte < 0x20 && byte !== 9) || byte === 0x7f));
      const wait = parseRetryAfter(text, Date.now());
      assert.ok(wait === undefined || wait >= 0);
    }),
    property,
  );
});

test("bodies of any text are read without an error of another kind", () => {
  const bodies = mutated(
    '{"token":"abc","access_token":"d","expires_in":300,"refresh_token":"r"}',
    '{"errors":[{"code":"DENIED","message":"m","detail":{"a":1}}]}',
  );
  fc.assert(
    fc.property(fc.oneof(bodies, fc.json(), fc.string()), (text) => {
      const answer = outcome(() => parseTokenAnswer(text));
      if (answer) assert.match(answer.token, /^[\x21-\x7e]+$/);
      for (const { code } of parseErrorBody(Buffer.from(text))) assert.equal(typeof code, "string");
    }),
    property,
  );
});

test("no text leads a secret or an upload away from its registry", () => {
  const registry = new URL("https://registry.example.com/");
  const urls = fc.oneof(
    mutated(
      "https://auth.example.com/token",
      "https://registry.example.com/v2/a/blobs/uploads/1?s=x",
      "//10.0.0.1/",
    ),
    fc.webUrl(),
    fc.ipV4().map((address) => `https://${address}/`),
    fc.ipV6().map((address) => `https://[${address}]/`),
    fc.string(),
  );
  fc.assert(
    fc.property(urls, (text) => {
      const realm = outcome(() => checkRealm(text, { registry, allowsHttp: () => true }));
      if (realm) {
        assert.equal(realm.url.protocol, "https:");
        assert.equal(realm.url.username + realm.url.password, "");
        if (realm.related) assert.ok(`.${realm.url.hostname}`.endsWith(".example.com"), realm.url.href);
      }
      const location = outcome(() => checkLocation(text, registry, { registry }));
      if (location) assert.equal(location.origin, registry.origin);
      const redirect = outcome(() => checkRedirect(text, registry, { registry }));
      if (redirect) assert.equal(redirect.url.protocol, "https:");
      const own = outcome(() => registryUrl(text));
      if (own) assert.equal(own.pathname + own.search + own.hash + own.username, "/");
    }),
    property,
  );
});

test("every IPv6 spelling of an IPv4 address is of its kind", () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      const kind = addressKind(address);
      const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
      const groups = [(a << 8) | b, (c << 8) | d].map((group) => group.toString(16)).join(":");
      for (const spelling of [`::ffff:${address}`, `::ffff:${groups}`, `0:0:0:0:0:FFFF:${groups}`]) {
        assert.equal(addressKind(spelling), kind, spelling);
      }
    }),
    property,
  );
});

test("merged scopes merge to themselves, and nothing is lost", () => {
  const scope = fc.oneof(
    fc
      .tuple(fc.constantFrom("a", "b/c", "h:5/x"), fc.subarray(["pull", "push", "delete", "*"]))
      .map(([name, actions]) => `repository:${name}:${actions.join(",")}`),
    fc.string({ maxLength: 8 }),
  );
  fc.assert(
    fc.property(fc.array(scope, { maxLength: 6 }), (scopes) => {
      const merged = mergeScopes(scopes);
      assert.deepEqual(mergeScopes(merged), merged);
      assert.deepEqual(mergeScopes([...scopes].reverse()), merged);
    }),
    property,
  );
});

/** Configurations of mirrors never fail in another way than with an OciError, and say the same each time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { formatReference, parseReference } from "../../src/core/reference.ts";
import {
  isShortName,
  matchPrefix,
  OciError,
  parseHostsToml,
  parseRegistriesConf,
  resolveHosts,
  resolvePullSources,
  rewriteReference,
} from "../../src/oci/index.ts";
import { parseDuration } from "../../src/oci/mirrors/duration.ts";
import { tomlHeaders } from "../../src/oci/mirrors/toml.ts";
import { property } from "./runs.ts";

const HOSTS = `server = "https://up.example/a"
capabilities = ["pull", "resolve"]
ca = ["/a", "b"]
dial_timeout = "1m3s"
[header]
x-a = ["1", '''2''']
[host."https://m.example"]
client = [["c", "k"], ["d", ""]]
skip_verify = true # why
[host."http://n.example:5000/v2/x"]
override_path = true
`;
const REGISTRIES = `unqualified-search-registries = ["a.example", "b.example:5000"]
credential-helpers = ["containers-auth.json"]
short-name-mode = "permissive"
[[registry]]
prefix = "*.example.com"
blocked = false
[[registry]]
location = "r.example/x"
insecure = true
[[registry.mirror]]
location = "m.example"
pull-from-mirror = "digest-only"
[aliases]
box = "a.example/box"
`;

/** A text with some pieces cut out, doubled or replaced. */
function mutated(text: string): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.nat(text.length),
    length: fc.nat(12),
    put: fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom('"', "'", "[", "]", "=", "\n", "{", "}", '"""', ".", "#", "\\", "\0", "__proto__"),
    ),
  });
  return fc
    .array(edit, { minLength: 1, maxLength: 4 })
    .map((edits) =>
      edits.reduce((now, { at, length, put }) => now.slice(0, at) + put + now.slice(at + length), text),
    );
}

function onlyOciErrors(run: () => void): void {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof OciError, String(error));
    assert.equal(error.code, "ERR_OCI_CONFIG_INVALID");
  }
}

test("a hosts.toml is read, or refused with ERR_OCI_CONFIG_INVALID", () => {
  const reference = parseReference("r.example/a/b:1");
  fc.assert(
    fc.property(fc.oneof(mutated(HOSTS), fc.string()), fc.boolean(), (text, lenient) => {
      onlyOciErrors(() => {
        const hosts = resolveHosts("r.example", parseHostsToml(text, { baseDir: "/d", lenient }));
        assert.ok(hosts.length > 0);
        resolvePullSources(reference, { kind: "hosts", hosts });
      });
    }),
    property,
  );
});

test("a registries.conf is read, or refused with ERR_OCI_CONFIG_INVALID", () => {
  const reference = parseReference("r.example/x/b:1");
  fc.assert(
    fc.property(fc.oneof(mutated(REGISTRIES), fc.string()), fc.boolean(), (text, lenient) => {
      onlyOciErrors(() => {
        const config = parseRegistriesConf([{ name: "f", text }], { lenient });
        resolvePullSources(reference, { kind: "registries-conf", config });
      });
    }),
    property,
  );
});

test("headers of tables are found in their order, whatever stands in quotes, comments and lists", () => {
  const name = fc
    .string({ minLength: 1, maxLength: 8 })
    .map((text) => JSON.stringify(text.replace(/[^ -~]/g, "?")));
  const value = fc.constantFrom(
    '"[x]"',
    "'[x]'",
    '"""\n[x]\n\\""""',
    "'''\n[x]\n''''",
    "[\n[1],\n# [x]\n[2] ]",
    "{ a = [3] }",
    "1 # [x]",
  );
  const table = fc.record({ name, value });
  fc.assert(
    fc.property(fc.uniqueArray(table, { selector: (each) => each.name, maxLength: 5 }), (tables) => {
      const text = tables.map((each) => `[ host . ${each.name} ]\nk = ${each.value}\n`).join("");
      const expected = tables.map((each) => ["host", JSON.parse(each.name)]);
      assert.deepEqual(tomlHeaders(text), expected);
    }),
    property,
  );
});

test("a rewritten reference is the location and what the prefix left, or is refused", () => {
  const part = fc.stringMatching(/^[a-z0-9]{1,5}$/);
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  fc.assert(
    fc.property(path, path, fc.nat(40), (name, location, cut) => {
      const reference = parseReference(`r.example/${name}:1`);
      const text = formatReference(reference);
      const prefix = text.slice(0, cut);
      const end = matchPrefix(text, prefix);
      onlyOciErrors(() => {
        const rewritten = formatReference(rewriteReference(reference, prefix, `m.example/${location}`));
        assert.equal(end, prefix.length);
        assert.equal(rewritten, `m.example/${location}${text.slice(prefix.length)}`);
      });
      if (end !== undefined) assert.match(`${text}/`.slice(end), /^[:/@]/);
    }),
    property,
  );
});

test("durations and short names are read or refused, never anything else", () => {
  const duration = fc.oneof(fc.string(), fc.stringMatching(/^[+-]?([0-9.]{1,5}(ns|us|µs|ms|s|m|h)){1,3}$/));
  fc.assert(
    fc.property(duration, fc.string(), (text, name) => {
      const ms = parseDuration(text);
      assert.ok(ms === undefined || Number.isFinite(ms));
      try {
        isShortName(name);
      } catch (error) {
        assert.ok(isLadingError(error) && error.code === "ERR_REFERENCE_INVALID");
      }
    }),
    property,
  );
});

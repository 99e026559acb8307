import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseCniList, parseCniPlugin } from "../../src/config/cni/network.ts";
import { renderCniTemplate } from "../../src/config/cni/template.ts";
import { ConfigError } from "../../src/config/errors.ts";
import { property } from "./runs.ts";

const LIST =
  '{"name": "a", "cniVersions": ["1.0.0"], "plugins": [{"type": "t", "capabilities": {"x": true}, "ipam": {}}]}';
const TEMPLATE =
  '"{{.PodCIDR}}" [{{range $i, $r := .PodCIDRRanges}}{{if $i}}, {{else}}x{{end}}{{$r}}{{end}}] {{- /* c */ -}} ';

function mutated(text: string, parts: readonly string[]): fc.Arbitrary<string> {
  const put = fc.oneof(fc.string({ unit: "binary", maxLength: 4 }), fc.constantFrom(...parts));
  return fc
    .array(fc.tuple(fc.nat(text.length), fc.nat(8), put), { minLength: 1, maxLength: 3 })
    .map((changes) =>
      changes.reduce(
        (given, [at, length, part]) => given.slice(0, at) + part + given.slice(at + length),
        text,
      ),
    );
}

function refusesOrGives(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
  }
}

test("any text of a network is read or refused with a code", () => {
  const text = fc.oneof(
    mutated(LIST, ["null", "1", "[]", "{}", '"Type": 1, ', '"a"']),
    fc.string(),
    fc.json(),
  );
  fc.assert(
    fc.property(text, fc.boolean(), (given, allowsFolder) => {
      refusesOrGives(() => parseCniList("/l", given, { allowsFolder }));
      refusesOrGives(() => parseCniPlugin("/p", given));
    }),
    property,
  );
});

test("any template is rendered or refused with a code", () => {
  const parts = [
    "{{",
    "}}",
    "{{end}}",
    "{{else}}",
    "{{if .}}",
    "{{range .Routes}}",
    "$x",
    "-",
    " -}}",
    "{{- ",
    "/*",
    "*/",
    ".",
    "|",
  ];
  const template = fc.oneof(
    mutated(TEMPLATE, parts),
    fc.array(fc.constantFrom(...parts)).map((each) => each.join("")),
  );
  const range = fc.oneof(fc.constantFrom("10.0.0.0/8", "fd00::/64", "10.0.0.0/24,fd00::/48"), fc.string());
  fc.assert(
    fc.property(template, range, (given, podCIDR) => {
      refusesOrGives(() => renderCniTemplate("/t", given, podCIDR));
    }),
    property,
  );
});

test("a text without actions is itself", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      fc.pre(!text.includes("{{"));
      assert.equal(renderCniTemplate("/t", text, "10.0.0.0/8"), text);
    }),
    property,
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { renderCniTemplate } from "../../../../src/config/cni/template.ts";
import { ConfigError } from "../../../../src/config/errors.ts";

const DUAL = "10.0.0.0/24, 2001:4860:4860::/64";

function render(template: string, podCIDR = DUAL): string {
  return renderCniTemplate("/t", template, podCIDR);
}

function refusal(template: string, podCIDR = DUAL): [code: string, line: number | undefined] {
  try {
    render(template, podCIDR);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return [error.code, error.origin?.line];
  }
  assert.fail(`not refused: ${template}`);
}

test("the template of the runtime's documentation is filled in for both families", () => {
  const template = `{
  "name": "k8s-pod-network",
  "cniVersion": "1.0.0",
  "plugins": [
    {
      "type": "ptp",
      "mtu": 1460,
      "ipam": {
        "type": "host-local",
        "subnet": "{{.PodCIDR}}",
        "ranges": [{{range $i, $range := .PodCIDRRanges}}{{if $i}}, {{end}}[{"subnet": "{{$range}}"}]{{end}}],
        "routes": [{{range $i, $route := .Routes}}{{if $i}}, {{end}}{"dst": "{{$route}}"}{{end}}]
      }
    }
  ]
}`;
  const dual = JSON.parse(render(template));
  assert.deepEqual(dual.plugins[0].ipam, {
    type: "host-local",
    subnet: "10.0.0.0/24",
    ranges: [[{ subnet: "10.0.0.0/24" }], [{ subnet: "2001:4860:4860::/64" }]],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
  });
  const six = JSON.parse(render(template, "fd00::/64"));
  assert.deepEqual(six.plugins[0].ipam.ranges, [[{ subnet: "fd00::/64" }]]);
  assert.deepEqual(six.plugins[0].ipam.routes, [{ dst: "::/0" }]);
  const four = JSON.parse(render(template, "10.1.0.0/16"));
  assert.deepEqual(four.plugins[0].ipam.routes, [{ dst: "0.0.0.0/0" }]);
});

test("routes are those of the families, whichever comes first", () => {
  assert.equal(render("{{.Routes}}", "fd00::/64,10.0.0.0/24,10.1.0.0/24"), "[0.0.0.0/0 ::/0]");
  // A range of IPv4 in the form of IPv6 is one of IPv4, as far as its length keeps the form.
  assert.equal(render("{{.Routes}}", "::ffff:10.0.0.0/120"), "[0.0.0.0/0]");
  assert.equal(render("{{.Routes}}", "::ffff:10.0.0.0/80"), "[::/0]");
  assert.equal(render("{{.Routes}}", "::ffff:1/128"), "[::/0]");
});

test("each form of an action gives what Go's templates give", () => {
  for (const [template, expected] of [
    ["", ""],
    ["plain { } text", "plain { } text"],
    ["{{ .PodCIDR }}", "10.0.0.0/24"],
    ["{{.PodCIDRRanges}}", "[10.0.0.0/24 2001:4860:4860::/64]"],
    ["{{.}}", "{10.0.0.0/24 [10.0.0.0/24 2001:4860:4860::/64] [0.0.0.0/0 ::/0]}"],
    ["{{$}}", "{10.0.0.0/24 [10.0.0.0/24 2001:4860:4860::/64] [0.0.0.0/0 ::/0]}"],
    ["{{range .Routes}}<{{.}}>{{end}}", "<0.0.0.0/0><::/0>"],
    ["{{range $r := .Routes}}<{{$r}}{{$.PodCIDR}}>{{end}}", "<0.0.0.0/010.0.0.0/24><::/010.0.0.0/24>"],
    ["{{range $i,$r := .Routes}}{{$i}}{{.}} {{end}}", "00.0.0.0/0 1::/0 "],
    [
      "{{range $a := .Routes}}{{range $b := $.Routes}}{{$a}}-{{$b}} {{end}}{{end}}",
      "0.0.0.0/0-0.0.0.0/0 0.0.0.0/0-::/0 ::/0-0.0.0.0/0 ::/0-::/0 ",
    ],
    ["{{if .PodCIDR}}a{{else}}b{{end}}", "a"],
    ["{{range $i, $r := .Routes}}{{if $i}}b{{else}}a{{end}}{{end}}", "ab"],
    ["{{range $i, $r := .Routes}}{{if $i}}b{{else if $r}}c{{else}}a{{end}}{{end}}", "cb"],
    ["{{if .}}x{{end}}", "x"],
    ["a  {{- .PodCIDR -}}  b", "a10.0.0.0/24b"],
    ["a\n{{- /* c }} */ -}}\nb", "ab"],
    ["a {{/* c */}} b", "a  b"],
    ["{{\n.PodCIDR\n}}", "10.0.0.0/24"],
    ["{{if.PodCIDR}}a{{end}}", "a"],
  ] as const) {
    assert.equal(render(template), expected, template);
  }
});

test("what a template may have in Go and is not known here is refused with its place", () => {
  for (const action of [
    "{{with .PodCIDR}}{{.}}{{end}}",
    "{{printf .PodCIDR}}",
    "{{len .Routes}}",
    "{{index .Routes 0}}",
    "{{.PodCIDR | html}}",
    '{{"text"}}',
    "{{`}}`}}",
    "{{1}}",
    "{{true}}",
    "{{nil}}",
    "{{$x := .PodCIDR}}",
    "{{range $i, $r = .Routes}}{{end}}",
    '{{define "a"}}{{end}}',
    '{{template "a"}}',
    '{{block "a" .}}{{end}}',
    "{{break}}",
    "{{(.PodCIDR)}}",
    "{{.PodCIDR.x}}",
    "{{.PodCIDR .Routes}}",
    "{{if .PodCIDR .Routes}}{{end}}",
    "{{if}}{{end}}",
    "{{range}}{{end}}",
    "{{}}",
    "{{- -}}",
    "{{.PodCIDR",
    "{{/* open",
    "{{if .}}",
    "{{range .Routes}}",
    "{{if .}}{{else}}",
    "{{if .}}{{else}}{{else}}{{end}}",
    "{{range .Routes}}{{else if .}}{{end}}",
    "{{end}}",
    "{{else}}",
    "{{if .}}{{end .}}",
    "{{$x}}",
    "{{range $r := .Routes}}{{end}}{{$r}}",
    "{{if .}}".repeat(60),
    `{{if .}}${"{{else if .}}".repeat(60)}{{end}}`,
  ]) {
    assert.equal(refusal(`\n${action}`)[0], "ERR_CONFIG_SYNTAX", action);
  }
  assert.deepEqual(refusal("a\n\nb {{len .Routes}}"), ["ERR_CONFIG_SYNTAX", 3]);
});

test("operands that the data does not have are refused when they are reached", () => {
  for (const action of [
    "{{.Nothing}}",
    "{{.podCIDR}}",
    "{{range .PodCIDR}}{{end}}",
    "{{range .}}{{end}}",
    "{{range .Routes}}{{.PodCIDR}}{{end}}",
    "{{range $r := .Routes}}{{$r.PodCIDR}}{{end}}",
  ]) {
    assert.deepEqual(refusal(action), ["ERR_CONFIG_INVALID", 1], action);
  }
  assert.equal(render("{{if .PodCIDR}}a{{else}}{{.Nothing}}{{end}}"), "a");
});

test("what is no range of addresses is refused", () => {
  for (const given of [
    "",
    "10.0.0.0",
    "10.0.0.0/33",
    "10.0.0/24",
    "010.0.0.0/24",
    "fd00::/129",
    "fe80::1%eth0/64",
    "10.0.0.0/24,",
    "10.0.0.0/-1",
    "x/24",
    "10.0.0.0/24/24",
  ]) {
    assert.equal(refusal("", given)[0], "ERR_CONFIG_INVALID", given);
  }
});

test("templates and results have limits", () => {
  const nested = `${"{{range $.Routes}}".repeat(22)}x${"{{end}}".repeat(22)}`;
  assert.equal(refusal(nested)[0], "ERR_CONFIG_TOO_LARGE");
  const long = `${"{{range $.Routes}}".repeat(11)}${"x".repeat(1024)}${"{{end}}".repeat(11)}`;
  assert.equal(refusal(long)[0], "ERR_CONFIG_TOO_LARGE");
  assert.equal(refusal("x".repeat(1024 * 1024 + 1))[0], "ERR_CONFIG_TOO_LARGE");
});

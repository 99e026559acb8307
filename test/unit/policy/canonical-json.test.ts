import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJson } from "../../../src/core/strict-json.ts";
import { canonicalJson } from "../../../src/policy/canonical-json.ts";

function canonical(text: string): string {
  return canonicalJson(parseJson(text, { duplicateKeys: "keep" }));
}

test("the examples of RFC 8785", () => {
  // Section 3.2.2.
  const literals = String.raw`{
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false]
  }`;
  assert.equal(
    canonical(literals),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"\u20ac$' +
      String.raw`\u000f\nA'B\"\\\\\"/"}`,
  );
  // Section 3.2.3: sorted by UTF-16 code units.
  const sorting = String.raw`{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}`;
  const order = [...canonical(sorting).matchAll(/:(\d)/g)].map(([, value]) => value).join("");
  assert.equal(order, "2467153");
});

test("numbers of appendix B", () => {
  for (const [text, expected] of [
    ["0", "0"],
    ["-0", "0"],
    ["5e-324", "5e-324"],
    ["1.7976931348623157e308", "1.7976931348623157e+308"],
    ["9007199254740992", "9007199254740992"],
    ["295147905179352830000", "295147905179352830000"],
    ["9.999999999999997e22", "9.999999999999997e+22"],
    ["1e21", "1e+21"],
    ["999999999999999900000", "999999999999999900000"],
    ["0.000001", "0.000001"],
    ["0.0000001", "1e-7"],
  ] as const) {
    assert.equal(canonical(`[${text}]`), `[${expected}]`);
  }
  assert.throws(() => canonical("[1e999]"), { code: "ERR_JSON_TYPE" });
});

test("a repeated member is refused at any depth", () => {
  assert.throws(() => canonical('{"a":[{"b":1,"\\u0062":1}]}'), { code: "ERR_JSON_DUPLICATE_KEY" });
});

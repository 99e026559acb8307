import assert from "node:assert/strict";
import { test } from "node:test";
import { nextPage } from "../../../src/oci/link.ts";

const request = "https://r.example/v2/a/tags/list?n=2";

test("next is found behind other links and parameters", () => {
  const header = ['</first>; title="a, \\"b\\"; c"; rel=first', '<?last=z>; x; REL="prev Next"'];
  assert.equal(nextPage(header, request)?.href, "https://r.example/v2/a/tags/list?last=z");
});

test("only the first rel of a link counts, and a link without rel is not followed", () => {
  assert.equal(nextPage("</a>; rel=prev; rel=next", request), undefined);
  assert.equal(nextPage("</a>", request), undefined);
});

test("another origin is refused", () => {
  for (const target of [
    "https://evil.example/",
    "//evil.example/",
    "http://r.example/v2/",
    "https://r.example:444/",
    "https://u:p@r.example/v2/",
    "file:///etc/passwd",
    "javascript:alert(1)",
  ]) {
    assert.throws(() => nextPage(`<${target}>; rel=next`, request), { code: "ERR_OCI_LINK_REFUSED" }, target);
  }
});

test("a malformed header is an error", () => {
  for (const header of ["/a; rel=next", "</a; rel=next", "</a> rel=next", "<https://[>; rel=next"]) {
    assert.throws(() => nextPage(header, request), { code: "ERR_OCI_HEADER_INVALID" }, header);
  }
});

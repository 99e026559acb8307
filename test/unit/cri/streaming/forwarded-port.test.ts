import assert from "node:assert/strict";
import { test } from "node:test";
import { parseForwardedPort } from "../../../../src/cri/streaming/forwarded-port.ts";

test("ports as crictl takes them", () => {
  for (const [text, local, remote] of [
    ["8080:80", 8080, 80],
    ["80", 80, 80],
    [":80", 0, 80],
    ["0:80", 0, 80],
    ["65535:1", 65_535, 1],
  ] as const) {
    assert.deepEqual(parseForwardedPort(text), { local, remote });
  }
  for (const text of [
    "",
    ":",
    "80:",
    "0",
    "8080:0",
    "65536",
    "65536:80",
    "-1:80",
    "+80",
    " 80",
    "80 ",
    "8e1",
    "a",
    "1:2:3",
    "0x50",
    "99999999999",
    "\u0661",
  ]) {
    assert.throws(() => parseForwardedPort(text), { code: "ERR_CRI_QUERY_INVALID" }, text);
  }
});

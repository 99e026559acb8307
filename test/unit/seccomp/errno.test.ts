import assert from "node:assert/strict";
import { constants } from "node:os";
import { describe, test } from "node:test";
import { ERRNO_NUMBERS, errnoNumber } from "../../../src/seccomp/errno.ts";

describe("errnoNumber", () => {
  test("agrees with the numbers of this machine", { skip: process.platform !== "linux" }, () => {
    const known = Object.entries(constants.errno).filter(([name]) => ERRNO_NUMBERS.has(name));
    assert.ok(known.length > 65);
    for (const [name, number] of known) assert.equal(errnoNumber(name, "amd64"), number, name);
  });

  test("knows 82 names, and not the ones containers-common lacks", () => {
    assert.equal(ERRNO_NUMBERS.size, 82);
    for (const name of ["EINTR", "EWOULDBLOCK", "EPROTO", "ETIME", ""]) {
      assert.throws(() => errnoNumber(name, "amd64"), { code: "ERR_SECCOMP_UNKNOWN_ERRNO" });
    }
  });

  test("gives the names that Node does not list their Linux numbers", () => {
    const rest = { ENOTBLK: 15, EREMOTE: 66, EUSERS: 87, ESHUTDOWN: 108, EHOSTDOWN: 112, ENOMEDIUM: 123 };
    for (const [name, number] of Object.entries(rest)) assert.equal(errnoNumber(name, "amd64"), number);
    assert.equal(errnoNumber("EOWNERDEAD", "amd64"), 130);
    assert.equal(errnoNumber("ENOTRECOVERABLE", "s390x"), 131);
  });
});

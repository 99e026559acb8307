import assert from "node:assert/strict";
import { constants } from "node:os";
import { describe, test } from "node:test";
import { SECCOMP_ARCHES } from "../../../src/seccomp/arch.ts";
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

  // From the headers of the kernel, in the order of their names; up to 34 they are the same everywhere.
  const OWN = {
    mips: `EADDRINUSE 125 EADDRNOTAVAIL 126 EAFNOSUPPORT 124 EALREADY 149 EBADMSG 77 ECANCELED 158 ECONNABORTED 130
      ECONNREFUSED 146 ECONNRESET 131 EDEADLK 45 EDESTADDRREQ 96 EDQUOT 1133 EHOSTDOWN 147 EHOSTUNREACH 148 EIDRM 36
      EILSEQ 88 EINPROGRESS 150 EISCONN 133 ELOOP 90 EMEDIUMTYPE 160 EMSGSIZE 97 ENAMETOOLONG 78 ENETDOWN 127
      ENETRESET 129 ENETUNREACH 128 ENOBUFS 132 ENOLCK 46 ENOMEDIUM 159 ENOMSG 35 ENOPROTOOPT 99 ENOSYS 89
      ENOTCONN 134 ENOTEMPTY 93 ENOTRECOVERABLE 166 ENOTSOCK 95 ENOTSUP 122 EOPNOTSUPP 122 EOVERFLOW 79
      EOWNERDEAD 165 EPFNOSUPPORT 123 EPROTONOSUPPORT 120 EPROTOTYPE 98 EREMOTE 66 ESHUTDOWN 143
      ESOCKTNOSUPPORT 121 ESTALE 151 ETIMEDOUT 145 ETOOMANYREFS 144 EUSERS 94`,
    parisc: `EADDRINUSE 226 EADDRNOTAVAIL 227 EAFNOSUPPORT 225 EALREADY 244 EBADMSG 67 ECANCELED 253 ECONNABORTED 231
      ECONNREFUSED 239 ECONNRESET 232 EDEADLK 45 EDESTADDRREQ 217 EDQUOT 69 EHOSTDOWN 241 EHOSTUNREACH 242 EIDRM 36
      EILSEQ 47 EINPROGRESS 245 EISCONN 234 ELOOP 249 EMEDIUMTYPE 183 EMSGSIZE 218 ENAMETOOLONG 248 ENETDOWN 228
      ENETRESET 230 ENETUNREACH 229 ENOBUFS 233 ENOLCK 46 ENOMEDIUM 182 ENOMSG 35 ENOPROTOOPT 220 ENOSYS 251
      ENOTCONN 235 ENOTEMPTY 247 ENOTRECOVERABLE 255 ENOTSOCK 216 ENOTSUP 252 EOPNOTSUPP 223 EOVERFLOW 72
      EOWNERDEAD 254 EPFNOSUPPORT 224 EPROTONOSUPPORT 221 EPROTOTYPE 219 EREMOTE 71 ESHUTDOWN 236
      ESOCKTNOSUPPORT 222 ESTALE 70 ETIMEDOUT 238 ETOOMANYREFS 237 EUSERS 68`,
  };
  for (const [family, text] of Object.entries(OWN)) {
    test(`gives ${family} its own numbers, of the same names`, () => {
      const own = new Map(
        [...text.matchAll(/(\w+) (\d+)/g)].map(([, name = "", number]) => [name, Number(number)]),
      );
      const common = [...ERRNO_NUMBERS].filter(([, number]) => number <= 34);
      assert.deepEqual(
        [...own.keys(), ...common.map(([name]) => name)].sort(),
        [...ERRNO_NUMBERS.keys()].sort(),
      );
      const arches = SECCOMP_ARCHES.map(({ native }) => native).filter((native) => native.startsWith(family));
      assert.equal(arches.length, family === "mips" ? 6 : 2);
      for (const arch of arches) {
        for (const [name, number] of [...own, ...common]) assert.equal(errnoNumber(name, arch), number, name);
        assert.equal(errnoNumber("89", arch), 89);
        assert.throws(() => errnoNumber("EINTR", arch), { code: "ERR_SECCOMP_UNKNOWN_ERRNO" });
      }
    });
  }
});

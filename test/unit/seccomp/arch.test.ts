import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { archOfProfile, nativeArchName, SECCOMP_ARCHES, seccompArch } from "../../../src/seccomp/arch.ts";

describe("architectures", () => {
  test("are the 23 of the runtime specification", () => {
    assert.equal(SECCOMP_ARCHES.length, 23);
    assert.equal(new Set(SECCOMP_ARCHES.map(({ scmp }) => scmp)).size, 23);
  });

  test("are found by each program's name", () => {
    for (const name of ["SCMP_ARCH_X86_64", "x86_64", "amd64"]) {
      assert.equal(seccompArch(name).scmp, "SCMP_ARCH_X86_64");
    }
    assert.equal(seccompArch("386").name, "x86");
    assert.equal(seccompArch("loong64").name, "loongarch64");
    for (const name of ["", "__proto__", "x64", "SCMP_ARCH_AMD64"]) {
      assert.throws(() => seccompArch(name), { code: "ERR_SECCOMP_FILTER_INVALID" });
    }
  });

  test("in a profile are spelled exactly", () => {
    assert.equal(archOfProfile("SCMP_ARCH_AARCH64")?.name, "aarch64");
    for (const name of ["aarch64", "arm64", "scmp_arch_aarch64", "SCMP_ARCH_NATIVE", ""]) {
      assert.equal(archOfProfile(name), undefined);
    }
  });

  test("translate from Go's name to the one in arches", () => {
    assert.deepEqual(
      ["386", "amd64", "arm64", "mips64le", "mipsle", "loong64", "s390x"].map(nativeArchName),
      ["x86", "amd64", "arm64", "mipsel64", "mipsel", "loong64", "s390x"],
    );
    for (const name of ["aarch64", "SCMP_ARCH_X86", "", "hasOwnProperty"]) {
      assert.throws(() => nativeArchName(name), RangeError);
    }
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seccompArch } from "../../../src/seccomp/arch.ts";
import {
  hasSyscallTable,
  isSyscallName,
  multiplexedCall,
  syscallName,
  syscallNumber,
} from "../../../src/seccomp/syscalls.ts";

const number = (arch: string, name: string): number | undefined => syscallNumber(seccompArch(arch), name);

describe("system calls", () => {
  test("have the numbers of the kernel's tables", () => {
    // From arch/*/entry/syscalls/*.tbl and include/uapi/asm-generic/unistd.h of Linux.
    const known: [arch: string, name: string, number: number | undefined][] = [
      ["x86_64", "read", 0],
      ["x86_64", "clone3", 435],
      ["x86_64", "statx", 332],
      ["x86", "read", 3],
      ["x86", "socketcall", 102],
      ["x86", "accept", undefined],
      ["x32", "read", 0x4000_0000],
      ["x32", "execve", 0x4000_0000 + 520],
      ["aarch64", "read", 63],
      ["aarch64", "open", undefined],
      ["arm", "cacheflush", 0xf0002],
      ["riscv64", "openat", 56],
      ["loongarch64", "openat", 56],
      ["ppc64le", "read", 3],
      ["s390x", "clone", 120],
      ["s390", "ipc", 117],
      ["mips64", "read", undefined],
    ];
    for (const [arch, name, want] of known) assert.equal(number(arch, name), want, `${arch} ${name}`);
  });

  test("are found back by number", () => {
    assert.equal(syscallName(seccompArch("x86_64"), 0), "read");
    assert.equal(syscallName(seccompArch("x32"), 0x4000_0000 + 520), "execve");
    assert.equal(syscallName(seccompArch("x32"), 520), undefined);
    assert.equal(syscallName(seccompArch("x86_64"), 9999), undefined);
  });

  test("have exact names, whatever an object inherits", () => {
    assert.equal(isSyscallName("openat2"), true);
    for (const name of ["", "READ", "read ", "-", "constructor", "__proto__"]) {
      assert.equal(isSyscallName(name), false);
      assert.equal(number("x86_64", name), undefined);
    }
  });

  test("are multiplexed on some architectures", () => {
    assert.deepEqual(multiplexedCall(seccompArch("x86"), "socket"), { multiplexer: "socketcall", code: 1 });
    assert.deepEqual(multiplexedCall(seccompArch("s390x"), "shmctl"), { multiplexer: "ipc", code: 24 });
    // Like libseccomp, which has both ways on 64-bit PowerPC too.
    assert.deepEqual(multiplexedCall(seccompArch("ppc64le"), "bind"), { multiplexer: "socketcall", code: 2 });
    assert.equal(multiplexedCall(seccompArch("x86_64"), "socket"), undefined);
    assert.equal(multiplexedCall(seccompArch("x86"), "read"), undefined);
  });

  test("have a table on ten architectures and both byte orders of PowerPC", () => {
    for (const arch of ["x86_64", "ppc64", "ppc64le"]) assert.equal(hasSyscallTable(seccompArch(arch)), true);
    for (const arch of ["mips", "ppc", "m68k"]) assert.equal(hasSyscallTable(seccompArch(arch)), false);
  });
});

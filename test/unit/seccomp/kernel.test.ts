import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { atLeastKernel, parseKernelRelease, parseMinKernel } from "../../../src/seccomp/kernel.ts";

describe("kernel versions", () => {
  test("in a profile are two numbers up to 255", () => {
    assert.deepEqual(parseMinKernel("4.8"), { kernel: 4, major: 8 });
    assert.deepEqual(parseMinKernel("0.255"), { kernel: 0, major: 255 });
    assert.deepEqual(parseMinKernel(""), { kernel: 0, major: 0 });
    for (const text of [
      "4",
      "4.",
      ".8",
      "4.8.1",
      "256.0",
      "4.256",
      "0.0",
      "+4.8",
      " 4.8",
      "4.8\n",
      "4e0.8",
    ]) {
      assert.throws(() => parseMinKernel(text), { code: "ERR_SECCOMP_KERNEL_VERSION" }, text);
    }
  });

  test("of a machine are the first two numbers of its release", () => {
    assert.deepEqual(parseKernelRelease("6.1.0-13-amd64"), { kernel: 6, major: 1 });
    assert.deepEqual(parseKernelRelease("5.15"), { kernel: 5, major: 15 });
    assert.deepEqual(parseKernelRelease("3.12foobar"), { kernel: 3, major: 12 });
    for (const text of ["", "6", "6.", "v6.1", " 6.1", "6.x"]) {
      assert.throws(() => parseKernelRelease(text), { code: "ERR_SECCOMP_KERNEL_VERSION" }, text);
    }
  });

  test("compare by number, not by text", () => {
    const [old, late] = [parseMinKernel("4.8"), parseMinKernel("4.10")];
    assert.equal(atLeastKernel(late, old), true);
    assert.equal(atLeastKernel(old, late), false);
    assert.equal(atLeastKernel(old, old), true);
    assert.equal(atLeastKernel({ kernel: 5, major: 0 }, late), true);
    assert.equal(atLeastKernel({ kernel: 3, major: 99 }, old), false);
  });
});

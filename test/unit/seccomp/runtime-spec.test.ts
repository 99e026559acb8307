import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatSeccomp } from "../../../src/seccomp/runtime-spec.ts";
import type { LinuxSeccomp } from "../../../src/seccomp/types.ts";

const FULL: LinuxSeccomp = {
  syscalls: [
    {
      args: [
        { op: "SCMP_CMP_MASKED_EQ", valueTwo: 18446744073709551615n, value: 9007199254740993n, index: 0 },
        { op: "SCMP_CMP_EQ", valueTwo: 0n, value: 0n, index: 1 },
      ],
      errnoRet: 0,
      action: "SCMP_ACT_ERRNO",
      names: ["a"],
    },
    { names: null, action: "" },
    { names: [], action: "x", args: [] },
  ],
  listenerMetadata: "m",
  listenerPath: "/p",
  flags: ["F"],
  architectures: ["SCMP_ARCH_X86_64"],
  defaultErrnoRet: 38,
  defaultAction: "SCMP_ACT_ERRNO",
};

describe("formatSeccomp", () => {
  test("writes members in the specification's order and every number exactly", () => {
    assert.equal(
      formatSeccomp(FULL),
      '{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["SCMP_ARCH_X86_64"],' +
        '"flags":["F"],"listenerPath":"/p","listenerMetadata":"m","syscalls":[{"names":["a"],' +
        '"action":"SCMP_ACT_ERRNO","errnoRet":0,"args":[{"index":0,"value":9007199254740993,' +
        '"valueTwo":18446744073709551615,"op":"SCMP_CMP_MASKED_EQ"},{"index":1,"value":0,"op":"SCMP_CMP_EQ"}]},' +
        '{"names":null,"action":""},{"names":[],"action":"x"}]}',
    );
  });

  test("leaves out empty lists and texts", () => {
    const empty = { defaultAction: "", architectures: [], flags: [], listenerPath: "", listenerMetadata: "" };
    assert.equal(formatSeccomp({ ...empty, syscalls: [] }), '{"defaultAction":""}');
    assert.equal(formatSeccomp(null), "null");
  });

  test("indents as JSON.stringify does", () => {
    const plain = { defaultAction: "A", architectures: ["X"], syscalls: [{ names: [], action: "B" }] };
    for (const indent of [0, 1, 2, 4, 10]) {
      assert.equal(formatSeccomp(plain, { indent }), JSON.stringify(plain, null, indent));
    }
    for (const indent of [-1, 11, 1.5, Number.NaN]) {
      assert.throws(() => formatSeccomp(plain, { indent }), RangeError);
    }
  });

  test("escapes texts", () => {
    assert.equal(formatSeccomp({ defaultAction: 'a"\n\u{1F600}' }), '{"defaultAction":"a\\"\\n\u{1F600}"}');
  });
});

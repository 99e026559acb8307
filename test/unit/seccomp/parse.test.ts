import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isLadingError } from "../../../src/core/errors.ts";
import { parseProfile } from "../../../src/seccomp/parse.ts";
import type { SeccompEngine } from "../../../src/seccomp/types.ts";

const ENGINES: SeccompEngine[] = ["containers-common", "moby", "containerd"];

function rejects(text: string | Uint8Array, code: string, engine?: SeccompEngine): unknown {
  let caught: unknown;
  assert.throws(
    () => parseProfile(text, { engine }),
    (error) => {
      caught = error;
      return isLadingError(error) && error.code === code;
    },
    `${String(text).slice(0, 60)} must fail with ${code}`,
  );
  return caught;
}

describe("parseProfile", () => {
  test("gives an empty profile for an empty object and for null", () => {
    for (const engine of ENGINES) {
      assert.deepEqual(parseProfile("{}", { engine }), { engine, defaultAction: "" });
      assert.deepEqual(parseProfile("null", { engine }), { engine, defaultAction: "" });
    }
  });

  test("keeps 64-bit operands exact", () => {
    const text =
      '{"syscalls":[{"args":[{"index":5,"value":18446744073709551615,"valueTwo":9007199254740993,"op":"x"}]}]}';
    for (const engine of ENGINES) {
      assert.deepEqual(parseProfile(text, { engine }).syscalls?.[0]?.args, [
        { index: 5, value: 18446744073709551615n, valueTwo: 9007199254740993n, op: "x" },
      ]);
    }
  });

  test("refuses a number that Go cannot put into an unsigned integer", () => {
    for (const number of ["-1", "-0", "1.0", "1e3", "18446744073709551616", `1${"0".repeat(400)}`]) {
      rejects(`{"defaultErrnoRet":${number}}`, "ERR_SECCOMP_TYPE");
      rejects(`{"syscalls":[{"args":[{"value":${number}}]}]}`, "ERR_SECCOMP_TYPE");
    }
  });

  test("refuses an errno or index above 2^53-1 rather than rounding it", () => {
    rejects('{"defaultErrnoRet":9007199254740992}', "ERR_SECCOMP_UNSUPPORTED");
    rejects('{"syscalls":[{"args":[{"index":18446744073709551615}]}]}', "ERR_SECCOMP_UNSUPPORTED");
    assert.equal(parseProfile('{"defaultErrnoRet":9007199254740991}').defaultErrnoRet, 9007199254740991);
  });

  test("matches member names in any letter case, with Go's two folds outside ASCII", () => {
    const profile = parseProfile('{"DEFAULTACTION":"A","ſyscalls":[{"NameS":["read"],"ACTion":"B"}]}');
    assert.equal(profile.defaultAction, "A");
    assert.deepEqual(profile.syscalls, [{ names: ["read"], action: "B" }]);
    assert.equal(parseProfile('{"listenerPath":"a","LISTENERPATH":"b"}').listenerPath, "b");
    // U+0130 lower-cases to "i" and a mark in JavaScript, and U+0131 upper-cases to "I": Go folds neither.
    assert.equal(parseProfile('{"defaultAct\u0130on":"A"}').defaultAction, "");
    assert.equal(parseProfile('{"defaultAct\u0131on":"A"}').defaultAction, "");
  });

  test("reads a repeated member over the former one, as Go does", () => {
    assert.equal(parseProfile('{"defaultAction":"A","defaultAction":"B"}').defaultAction, "B");
    assert.equal(parseProfile('{"defaultAction":"A","defaultAction":null}').defaultAction, "A");
    assert.equal("defaultErrnoRet" in parseProfile('{"defaultErrnoRet":1,"defaultErrnoRet":null}'), false);
    assert.equal("flags" in parseProfile('{"flags":["A"],"flags":null}'), false);
  });

  test("merges repeated objects and lists in place, as Go does", () => {
    const twice = '{"syscalls":[{"names":["a"],"action":"A"},{"names":["b"]}],"syscalls":[{"action":"B"}]}';
    assert.deepEqual(parseProfile(twice).syscalls, [{ names: ["a"], action: "B" }]);
    // A list that grows again shows what was cut off before.
    const thrice = twice.replace(/\}$/, ',"syscalls":[{},{"action":"C"}]}');
    assert.deepEqual(parseProfile(thrice).syscalls, [
      { names: ["a"], action: "B" },
      { names: ["b"], action: "C" },
    ]);
    const emptied = twice.replace(/\}$/, ',"syscalls":[],"syscalls":[{}]}');
    assert.deepEqual(parseProfile(emptied).syscalls, [{ names: null, action: "" }]);
    const inner = ['{"index":1},{"index":2}', '{"value":5}', '{},{"op":"x"}'].map(
      (args) => `"syscalls":[{"args":[${args}]}]`,
    );
    assert.deepEqual(parseProfile(`{${inner.join()}}`).syscalls?.[0]?.args, [
      { index: 1, value: 5n, op: "" },
      { index: 2, value: 0n, op: "x" },
    ]);
    const includes = '{"syscalls":[{"includes":{"caps":["A"]},"includes":{"arches":["b"]}}]}';
    assert.deepEqual(parseProfile(includes).syscalls?.[0]?.includes, { caps: ["A"], arches: ["b"] });
  });

  test("ignores unknown members, __proto__ and constructor among them", () => {
    const profile = parseProfile(
      '{"__proto__":{"defaultAction":"A"},"constructor":{},"toString":1,"x":[{}]}',
    );
    assert.deepEqual(profile, { engine: "containers-common", defaultAction: "" });
    assert.equal(Object.getPrototypeOf(profile), Object.prototype);
  });

  test("checks the type of each member it reads, and gives the path", () => {
    const cases: [text: string, path: string][] = [
      ["[]", "$"],
      ['"x"', "$"],
      ['{"defaultAction":1}', "$['defaultAction']"],
      ['{"defaultErrnoRet":"1"}', "$['defaultErrnoRet']"],
      ['{"architectures":"SCMP_ARCH_X86"}', "$['architectures']"],
      ['{"flags":[1]}', "$['flags'][0]"],
      ['{"listenerPath":{}}', "$['listenerPath']"],
      ['{"listenerMetadata":[]}', "$['listenerMetadata']"],
      ['{"syscalls":{}}', "$['syscalls']"],
      ['{"syscalls":[1]}', "$['syscalls'][0]"],
      ['{"syscalls":[{"names":"read"}]}', "$['syscalls'][0]['names']"],
      ['{"syscalls":[{"action":true}]}', "$['syscalls'][0]['action']"],
      ['{"syscalls":[{"errnoRet":"1"}]}', "$['syscalls'][0]['errnoRet']"],
      ['{"syscalls":[{"args":{}}]}', "$['syscalls'][0]['args']"],
      ['{"syscalls":[{"args":[{"index":"0"}]}]}', "$['syscalls'][0]['args'][0]['index']"],
      ['{"syscalls":[{"args":[{"value":"0"}]}]}', "$['syscalls'][0]['args'][0]['value']"],
      ['{"syscalls":[{"args":[{"valueTwo":[]}]}]}', "$['syscalls'][0]['args'][0]['valueTwo']"],
      ['{"syscalls":[{"args":[{"op":1}]}]}', "$['syscalls'][0]['args'][0]['op']"],
    ];
    for (const engine of ENGINES) {
      for (const [text, path] of cases) {
        const error = rejects(text, "ERR_SECCOMP_TYPE", engine) as { position?: { path: string } };
        assert.equal(error.position?.path, path);
      }
    }
  });

  test("checks the extended members only for the engines that read them", () => {
    const extended = [
      '{"archMap":1}',
      '{"syscalls":[{"name":1}]}',
      '{"syscalls":[{"comment":1}]}',
      '{"syscalls":[{"includes":1}]}',
      '{"syscalls":[{"excludes":{"caps":"CAP_CHOWN"}}]}',
    ];
    for (const text of extended) {
      rejects(text, "ERR_SECCOMP_TYPE", "containers-common");
      rejects(text, "ERR_SECCOMP_TYPE", "moby");
      parseProfile(text, { engine: "containerd" });
    }
    for (const text of ['{"defaultErrno":1}', '{"syscalls":[{"errno":1}]}']) {
      rejects(text, "ERR_SECCOMP_TYPE", "containers-common");
      parseProfile(text, { engine: "moby" });
      parseProfile(text, { engine: "containerd" });
    }
    const minKernel = '{"syscalls":[{"includes":{"minKernel":4.8}}]}';
    rejects(minKernel, "ERR_SECCOMP_TYPE", "moby");
    parseProfile(minKernel, { engine: "containers-common" });
    rejects('{"syscalls":[{"includes":{"minKernel":"4"}}]}', "ERR_SECCOMP_KERNEL_VERSION", "moby");
  });

  test("refuses a null rule or condition where the engine would crash on it", () => {
    rejects('{"syscalls":[null]}', "ERR_SECCOMP_TYPE", "containers-common");
    rejects('{"syscalls":[null]}', "ERR_SECCOMP_TYPE", "moby");
    rejects('{"syscalls":[{"args":[null]}]}', "ERR_SECCOMP_TYPE", "containers-common");
    assert.deepEqual(parseProfile('{"syscalls":[null]}', { engine: "containerd" }).syscalls, [
      { names: null, action: "" },
    ]);
    assert.deepEqual(parseProfile('{"syscalls":[{"args":[null]}]}', { engine: "moby" }).syscalls?.[0]?.args, [
      { index: 0, value: 0n, op: "" },
    ]);
  });

  test("says what Go says when the text stops early", () => {
    for (const text of ["", "  ", "{", '{"defaultAction"', '{"a":[1,']) {
      const error = rejects(text, "ERR_SECCOMP_SYNTAX") as Error;
      assert.equal(error.message, "decoding seccomp profile failed: unexpected end of JSON input");
    }
    const moby = rejects("x", "ERR_SECCOMP_SYNTAX", "moby") as Error;
    assert.ok(moby.message.startsWith("Decoding seccomp profile failed: "));
  });

  test("refuses what is not JSON: text behind it, a byte order mark, a compressed layer", () => {
    for (const text of ["{}{}", "\ufeff{}", "x", "{'a':1}", "NaN"]) rejects(text, "ERR_SECCOMP_SYNTAX");
    rejects(Uint8Array.of(0x1f, 0x8b, 8, 0, 0), "ERR_SECCOMP_SYNTAX");
  });

  test("reads 1 MiB of rules, and nesting that Go accepts, and no more", () => {
    const rule = '{"names":["read","write"],"action":"SCMP_ACT_ALLOW"}';
    const rules = Array.from({ length: 20_000 }, () => rule).join(",");
    assert.equal(parseProfile(`{"syscalls":[${rules}]}`).syscalls?.length, 20_000);
    assert.equal(parseProfile(`{"x":${"[".repeat(9999)}${"]".repeat(9999)}}`).defaultAction, "");
    rejects(`{"x":${"[".repeat(10_000)}${"]".repeat(10_000)}}`, "ERR_SECCOMP_SYNTAX");
    assert.throws(() => parseProfile("{}", { maxBytes: 1 }), { code: "ERR_SECCOMP_TOO_LARGE" });
    assert.equal(parseProfile("{}", { maxBytes: 2 }).defaultAction, "");
  });

  test("refuses an engine it does not know", () => {
    assert.throws(() => parseProfile("{}", { engine: "toString" as SeccompEngine }), TypeError);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ProfileFormat, profileSchema, validateProfile } from "../../../src/seccomp/schema.ts";

const FORMATS: ProfileFormat[] = ["runtime-spec", "containers-common", "moby"];
const RULE = { names: ["read"], action: "SCMP_ACT_ALLOW", args: [{ index: 5, value: 1, op: "SCMP_CMP_EQ" }] };
const GOOD = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 38,
  architectures: ["SCMP_ARCH_X86_64"],
  flags: ["SECCOMP_FILTER_FLAG_LOG"],
  listenerPath: "/run/x",
  listenerMetadata: "m",
  syscalls: [RULE],
};

async function kinds(profile: unknown, format: ProfileFormat = "containers-common"): Promise<string[]> {
  const problems = await validateProfile(JSON.stringify(profile), { format });
  return problems.map(({ kind, position }) => `${kind} ${position.path}`);
}

describe("validateProfile", () => {
  test("finds nothing in a good profile of each format", async () => {
    for (const format of FORMATS) assert.deepEqual(await kinds(GOOD, format), []);
    const extended = {
      ...RULE,
      comment: "c",
      includes: { caps: ["CAP_A"] },
      excludes: { arches: ["arm64"] },
    };
    const archMap = [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }];
    const { architectures: _, ...rest } = { ...GOOD, archMap, syscalls: [extended] };
    for (const format of ["containers-common", "moby"] as const)
      assert.deepEqual(await kinds(rest, format), []);
  });

  test("finds each kind of mistake, at its place", async () => {
    const table: [change: object, problem: string][] = [
      [{ defaultAction: "ALLOW" }, "enum $['defaultAction']"],
      [{ defaultAction: undefined }, "required $"],
      [{ defaultErrnoRet: -1 }, "minimum $['defaultErrnoRet']"],
      [{ defaultErrnoRet: "1" }, "type $['defaultErrnoRet']"],
      [{ architectures: ["amd64"] }, "enum $['architectures'][0]"],
      [{ flags: ["LOG"] }, "enum $['flags'][0]"],
      [{ listenerPath: undefined }, "dependentRequired $"],
      [{ unknown: 1 }, "additionalProperties $['unknown']"],
      [{ syscalls: [{ ...RULE, names: [] }] }, "minItems $['syscalls'][0]['names']"],
      [{ syscalls: [{ ...RULE, action: "x" }] }, "enum $['syscalls'][0]['action']"],
      [
        { syscalls: [{ ...RULE, args: [{ index: 6, value: 1, op: "SCMP_CMP_EQ" }] }] },
        "maximum $['syscalls'][0]['args'][0]['index']",
      ],
      [
        { syscalls: [{ ...RULE, args: [{ index: 0, value: 1, op: "EQ" }] }] },
        "enum $['syscalls'][0]['args'][0]['op']",
      ],
      [
        { syscalls: [{ ...RULE, args: [{ index: 0, op: "SCMP_CMP_EQ" }] }] },
        "required $['syscalls'][0]['args'][0]",
      ],
    ];
    for (const [change, problem] of table) {
      for (const format of FORMATS) assert.deepEqual(await kinds({ ...GOOD, ...change }, format), [problem]);
    }
  });

  test("finds members that only another format has", async () => {
    const own: [change: object, path: string, formats: ProfileFormat[]][] = [
      [{ defaultErrno: "EPERM" }, "$['defaultErrno']", ["containers-common"]],
      [{ archMap: [] }, "$['archMap']", ["containers-common", "moby"]],
      [{ syscalls: [{ ...RULE, errno: "EPERM" }] }, "$['syscalls'][0]['errno']", ["containers-common"]],
      [
        { syscalls: [{ ...RULE, includes: {} }] },
        "$['syscalls'][0]['includes']",
        ["containers-common", "moby"],
      ],
      [
        { syscalls: [{ ...RULE, includes: { minKernel: "4.8" } }] },
        "$['syscalls'][0]['includes']['minKernel']",
        ["moby"],
      ],
    ];
    for (const [change, path, formats] of own) {
      for (const format of FORMATS) {
        const found = await kinds({ ...GOOD, ...change }, format);
        if (formats.includes(format)) assert.deepEqual(found, []);
        else assert.equal(found.length, 1, `${format} ${path}: ${found}`);
      }
    }
    const foreign = await kinds({ ...GOOD, defaultErrno: "EPERM" }, "moby");
    assert.deepEqual(foreign, ["additionalProperties $['defaultErrno']"]);
  });

  test("finds repeated members and numbers above 64 bits, which a schema cannot", async () => {
    const twice = await validateProfile('{"defaultAction":"SCMP_ACT_LOG","DefaultAction":"SCMP_ACT_ALLOW"}');
    assert.deepEqual(twice.map(({ kind }) => kind).sort(), ["additionalProperties", "duplicate-key"]);
    const huge = '{"defaultAction":"SCMP_ACT_LOG","defaultErrnoRet":18446744073709551616}';
    assert.deepEqual(
      (await validateProfile(huge)).map(({ kind }) => kind),
      ["type"],
    );
    const kernel = { ...GOOD, syscalls: [{ ...RULE, includes: { minKernel: "0.0" } }] };
    assert.deepEqual(await kinds(kernel, "moby"), ["out-of-range $['syscalls'][0]['includes']['minKernel']"]);
  });

  test("reports what is not a profile at all", async () => {
    for (const text of ["null", "[]", '"x"', "1"]) assert.ok((await validateProfile(text)).length > 0);
    await assert.rejects(validateProfile("{"), { code: "ERR_SECCOMP_SYNTAX" });
    await assert.rejects(validateProfile("{}", { maxBytes: 1 }), { code: "ERR_SECCOMP_TOO_LARGE" });
    await assert.rejects(validateProfile("{}", { format: "docker" as ProfileFormat }), TypeError);
  });

  test("stays quick with a text that is nothing but mistakes", async () => {
    const members = Array.from({ length: 60_000 }, (_, at) => `"x${at}":\n0`).join(",");
    const found = await validateProfile(`{${members}}`, { maxProblems: 10 });
    assert.equal(found.length, 10);
    assert.ok((await validateProfile(`{"__proto__":1,"defaultAction":"SCMP_ACT_LOG"}`)).length > 0);
  });

  test("gives the schema as plain data", () => {
    for (const format of FORMATS)
      assert.deepEqual(JSON.parse(JSON.stringify(profileSchema(format))), profileSchema(format));
  });
});
